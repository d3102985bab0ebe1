"""One run on several shards, here threads: the bits of one machine, whatever the engine, and disagreement is found."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import nn

from nogd import Line, Objective, Perturbed, Population, Subspace, objective
from nogd.engine.candidates import scoring
from nogd.engine.candidates.cutting import cut, joined
from nogd.engine.layers.chunks import CHUNK_ELEMENTS
from nogd.engine.network import Network
from nogd.errors import LearnerError, ProcessError

SEEDS = tuple(range(10, 19))
SMALL, LARGE = 16, 1_000  # units: more and fewer parameters than are written out a few MiB at a time
DRAWING = threading.Lock()  # torch's generator is everybody's


class Meeting:
    """The exchange of threads: all wait for each other."""

    def __init__(self, count: int) -> None:
        self.shares: list[bytes] = [b""] * count
        self.barrier = threading.Barrier(count, timeout=120)

    def gather(self, number: int, share: bytes) -> list[bytes]:
        self.shares[number] = share
        try:
            self.barrier.wait()
            found = list(self.shares)
            self.barrier.wait()
        except threading.BrokenBarrierError:
            raise ProcessError("a shard is gone") from None
        return found


class Shard:
    """One end of it."""

    def __init__(self, meeting: Meeting, number: int, count: int) -> None:
        self.meeting, self.number, self.count = meeting, number, count

    def gather(self, share: bytes) -> Sequence[bytes]:
        return self.meeting.gather(self.number, share)


def in_threads(count: int, job: Callable[[Shard], object]) -> list[object]:
    """What each shard's job gives, or the error that it raises."""
    meeting, found = Meeting(count), [None] * count

    def run(number: int) -> None:
        try:
            found[number] = job(Shard(meeting, number, count))
        except Exception as error:  # the test looks at it
            found[number] = error
            if not isinstance(error, ProcessError):
                meeting.barrier.abort()  # the others need not wait for it

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


class Odd(nn.Module):
    """No chain of known layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(64, width), nn.Linear(width, 1)

    def forward(self, x):
        return self.last(torch.tanh(self.first(x)) + x[:, :1])


def chain(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(64, width), nn.Tanh(), nn.Linear(width, 1))


def made(module: Callable[[int], nn.Module], width: int, engine: str | None = None) -> Objective:
    with DRAWING:
        torch.manual_seed(0)
        inputs = torch.randn(120, 64)
        return objective(module(width), inputs, torch.sin(inputs[:, :1]), engine=engine)


def perturbed(theta):
    return Perturbed(theta, SEEDS, 0.1)


def mirrored(theta):
    return Perturbed(theta, SEEDS, 0.1, antithetic=True)


def probes(theta):
    return Subspace(theta, None, 0.1, seeds=SEEDS)


def layers(theta):
    """Probes of two kinds: those that change the last layer alone begin further down."""
    given = torch.randn(5, len(theta), generator=torch.Generator().manual_seed(1))
    given[::2, :-20] = 0
    return Subspace(theta, given, 0.1, seeds=SEEDS)


def population(theta):
    return Population(theta + torch.randn(40, len(theta), generator=torch.Generator().manual_seed(2)))


@pytest.fixture
def small_pieces(monkeypatch):
    """As if a large network were small: few candidates at a time."""
    monkeypatch.setattr(scoring, "_SMALL_ELEMENTS", 4_000)
    monkeypatch.setitem(CHUNK_ELEMENTS, "cpu", 1 << 12)


CASES = [
    pytest.param(module, width, engine, candidates, id=f"{name}-{candidates.__name__}")
    for name, module, width, engine in [
        ("stack", chain, SMALL, "stack"),
        ("large-stack", chain, LARGE, "stack"),
        ("chain", chain, SMALL, "chain"),
        ("large-chain", chain, LARGE, "chain"),
        ("vmap", Odd, SMALL, "vmap"),
        ("loop", Odd, LARGE, "loop"),
    ]
    for candidates in (perturbed, mirrored, probes, layers, population)
    if not (name in ("vmap", "loop") and candidates is population)  # not known how many it takes at once
]


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize(("module", "width", "engine", "candidates"), CASES)
def test_losses_are_the_bits_of_one_machine(module, width, engine, candidates) -> None:
    def score(shard: Shard | None) -> tuple[torch.Tensor, float, int]:
        made_here = made(module, width, engine)
        theta = torch.linspace(-0.3, 0.3, made_here.D)
        with DRAWING:  # the first call looks whether the module draws, and must not see another thread do so
            made_here.losses(Population(theta[None]))
        sharing = None if shard is None else made_here.share(shard)
        rows = torch.arange(0, 120, 2)
        both = [made_here.losses(candidates(theta)), made_here.losses(candidates(theta), rows)]
        return torch.stack(both), made_here.meter.forwards, 0 if sharing is None else sharing.divided

    whole, forwards, _ = score(None)
    for count in (1, 2, 3):
        everything = in_threads(count, score)
        assert not any(isinstance(each, Exception) for each in everything), everything
        for losses, counted, divided in everything:
            assert torch.equal(losses, whole)
            assert counted == forwards
            assert divided == 2 * whole.shape[1]


@pytest.mark.usefixtures("small_pieces")
def test_every_candidate_is_in_one_piece_and_a_piece_is_what_the_engine_takes_at_once() -> None:
    asked = made(chain, SMALL, "stack")
    network = asked._scorer
    assert isinstance(network, Network)
    theta = torch.zeros(asked.D)
    many = population(theta)
    whole = cut(network, many, None)
    assert whole is not None
    assert joined(whole.pieces) == list(range(40))
    assert {len(piece) for piece in whole.pieces[:-1]} == {network.chunk(None)}
    pairs = cut(made(chain, LARGE, "stack")._scorer, mirrored(torch.zeros(LARGE * 66 + 1)), None)
    assert pairs is not None
    assert sorted(joined(pairs.pieces)) == list(range(18))


def test_more_shards_than_pieces_leave_some_with_nothing_to_do() -> None:
    whole = made(chain, LARGE).losses(perturbed(torch.zeros(LARGE * 66 + 1)))

    def score(shard: Shard) -> torch.Tensor:
        asked = made(chain, LARGE)
        asked.share(shard)
        return asked.losses(perturbed(torch.zeros(asked.D)))

    assert all(torch.equal(found, whole) for found in in_threads(15, score))


def test_what_cannot_be_cut_is_scored_by_everybody_and_nothing_is_exchanged() -> None:
    asked = made(chain, SMALL)
    sharing = asked.share(Shard(Meeting(2), 0, 2))  # nobody else is there
    theta = torch.zeros(asked.D)
    for candidates in (perturbed(theta), Line(theta, 3, torch.linspace(-1, 1, 50))):
        assert torch.isfinite(asked.losses(candidates)).all()
    assert sharing.divided == 0


@pytest.mark.parametrize("what", ["seeds", "theta", "rows", "call"])
def test_shards_that_do_not_agree_are_found_out(what: str) -> None:
    def score(shard: Shard) -> torch.Tensor:
        other = shard.number == 1
        asked = made(chain, LARGE)
        sharing = asked.share(shard)
        theta = torch.zeros(asked.D)
        theta[-1] = 1e-30 if other and what == "theta" else 0
        seeds = (*SEEDS[:-1], 99) if other and what == "seeds" else SEEDS
        rows = torch.arange(100) + 1 if other and what == "rows" else torch.arange(100)
        call = 1.0 if other and what == "call" else 0.0
        found = sharing.losses(asked._scorer, Perturbed(theta, seeds, 0.1), rows, call)
        assert found is not None
        return found

    for found in in_threads(2, score):
        assert isinstance(found, ProcessError)
        assert "do not agree" in str(found)


def test_a_shard_that_is_gone_ends_the_others() -> None:
    def score(shard: Shard) -> torch.Tensor:
        asked = made(chain, LARGE)
        asked.share(shard)
        if shard.number == 2:
            shard.meeting.barrier.abort()
            raise RuntimeError("gone")
        return asked.losses(perturbed(torch.zeros(asked.D)))

    first, second, third = in_threads(3, score)
    assert isinstance(first, ProcessError)
    assert isinstance(second, ProcessError)
    assert isinstance(third, RuntimeError)


def test_who_runs_alone_shares_with_nobody_while_a_learner_is_at_work() -> None:
    asked = made(chain, SMALL)
    asked._till.at_work = True
    with pytest.raises(LearnerError, match="share"):
        asked.share(Shard(Meeting(1), 0, 1))
