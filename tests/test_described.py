"""Perturbed and LowRank: every way of scoring them equals writing them out, and combine equals the plain sum."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import ClassVar

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from largest import Largest
from torch import nn

import nogd
from nogd.engine.candidates.noise import block_size, noise
from nogd.engine.candidates.perturbed import _BESIDES

pytestmark = pytest.mark.torch_alone

ACTIVATIONS = [nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU]
BLOCK = block_size(torch.device("cpu"))


class Residual(nn.Module):
    """No stack: vmap must do."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(3, 3), nn.Linear(3, 2)

    def forward(self, x):
        return self.last(torch.relu(self.first(x)) + x)


def make(widths, activation, seed=0, loss="cross-entropy", rows=17):
    torch.manual_seed(seed)
    layers = []
    for a, b in pairwise(widths):
        layers += [nn.Linear(a, b), activation()]
    net = nn.Sequential(*layers[:-1]).double()
    x = torch.randn(rows, widths[0], dtype=torch.float64)
    y = torch.randint(0, widths[-1], (rows,)) if loss == "cross-entropy" else torch.randn(rows, widths[-1])
    return net, nogd.objective(net, x, y, loss=loss)


def one_by_one(objective, net, candidates):
    """The user's own module, called with one candidate after the other."""
    module, losses = copy.deepcopy(net), []
    for theta in candidates.dense():
        objective.space.write(theta, module)
        with torch.no_grad():
            losses.append(nn.functional.cross_entropy(module(objective.inputs), objective.targets))
    return torch.stack(losses)


def candidates_of(kind, objective, theta, count, antithetic, rank):
    if kind == "perturbed":
        return nogd.Perturbed(theta, tuple(range(5, 5 + count)), 0.3, antithetic=antithetic)
    rng = torch.Generator().manual_seed(count)
    return nogd.LowRank.draw(objective.space, theta, count, 0.3, rng, rank=rank)


@given(
    st.lists(st.integers(1, 12), min_size=2, max_size=4),
    st.sampled_from(ACTIVATIONS),
    st.sampled_from(["perturbed", "low-rank"]),
    st.integers(1, 6),
    st.booleans(),
    st.integers(1, 3),
    st.sampled_from([0, 1 << 16]),
)
@settings(deadline=None, derandomize=True, max_examples=60)
def test_scored_as_if_written_out(hidden, activation, kind, count, antithetic, rank, small):
    net, objective = make([*hidden, 3], activation)
    theta = objective.space.read(net)
    before = theta.clone()
    candidates = candidates_of(kind, objective, theta, count, antithetic, rank)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            "nogd.engine.candidates.scoring.SMALL", small
        )  # 0: perturbed layer by layer, however small it is
        losses = objective.losses(candidates)
    assert torch.equal(theta, before)
    torch.testing.assert_close(losses, one_by_one(objective, net, candidates), rtol=1e-9, atol=1e-12)
    assert objective.meter.evaluations == len(candidates) == len(losses)


@pytest.mark.parametrize("kind", ["perturbed", "low-rank"])
def test_networks_that_are_no_stacks(kind):
    torch.manual_seed(1)
    net = Residual().double()
    x, y = torch.randn(9, 3, dtype=torch.float64), torch.randint(0, 2, (9,))
    objective = nogd.objective(net, x, y, loss="cross-entropy")
    assert not objective.engine.startswith("stack")
    candidates = candidates_of(kind, objective, objective.space.read(net), 4, True, 2)
    torch.testing.assert_close(objective.losses(candidates), one_by_one(objective, net, candidates))


@pytest.mark.parametrize("kind", ["perturbed", "low-rank"])
def test_black_boxes(kind):
    net = nn.Linear(2, 2).double()
    _Once.seen.clear()
    run = nogd.minimize(net, lambda m: float(m.weight.sum()), learner=_Once(kind=kind), budget=20)
    assert run.status == "ok"
    assert _Once.seen[0] == pytest.approx(_Once.seen[1])


class _Once(nogd.Learner):
    """Scores one described set, and the same written out."""

    name = "once"
    kind: str
    seen: ClassVar[list] = []

    def init(self, objective, theta, rng):
        return nogd.State(theta=theta)

    def step(self, objective, state):
        candidates = candidates_of(self.kind, objective, state.theta, 3, False, 1)
        self.seen.append(objective.losses(candidates).tolist())
        self.seen.append(candidates.dense()[:, :4].sum(1).tolist())
        state.finished = "once is enough"


@pytest.mark.parametrize("kind", ["perturbed", "low-rank"])
def test_combine_is_the_plain_weighted_sum(kind):
    net, objective = make([4, 6, 3], nn.ReLU)
    theta = objective.space.read(net)
    candidates = candidates_of(kind, objective, theta, 4, True, 2)
    weights = torch.randn(len(candidates), dtype=torch.float64)
    scale = candidates.sigma if kind == "perturbed" else candidates.scale
    wanted = 1.5 + weights @ ((candidates.dense() - theta) / scale)
    out = torch.full_like(theta, 1.5)
    candidates.combine(weights, out=out)
    torch.testing.assert_close(out, wanted, rtol=1e-9, atol=1e-9)


def test_combine_may_move_theta_itself():
    theta = torch.zeros(BLOCK + 10)
    candidates = nogd.Perturbed(theta, (1, 2), 0.1, antithetic=True)
    wanted = theta + 2 * noise(1, 0, len(theta), theta)
    candidates.combine(torch.tensor([1.0, 0.0, -1.0, 0.0]), out=theta)
    torch.testing.assert_close(theta, wanted)


@given(st.integers(0, 3 * BLOCK), st.integers(0, 3 * BLOCK), st.integers(0, 2**62))
@settings(deadline=None, derandomize=True, max_examples=25)
def test_noise_does_not_depend_on_the_pieces(a, b, seed):
    start, stop = sorted((a, b))
    like = torch.empty(0)
    assert torch.equal(noise(seed, start, stop, like), noise(seed, 0, 3 * BLOCK, like)[start:stop])


def test_noise_is_standard_normal_and_differs_between_seeds_and_blocks():
    like = torch.empty(0, dtype=torch.float64)
    first, second = noise(1, 0, 2 * BLOCK, like), noise(2, 0, 2 * BLOCK, like)
    assert abs(first.mean()) < 0.02
    assert abs(first.std() - 1) < 0.02
    assert abs(torch.corrcoef(torch.stack([first, second]))[0, 1]) < 0.02
    assert abs(torch.corrcoef(first.view(2, -1))[0, 1]) < 0.02


def test_a_weight_moves_by_sigma_whatever_the_rank():
    net, objective = make([40, 30, 3], nn.ReLU)
    theta = objective.space.read(net)
    for rank in (1, 2, 5):
        candidates = nogd.LowRank.draw(
            objective.space, theta, 200, 0.25, torch.Generator().manual_seed(0), rank=rank
        )
        assert float((candidates.dense() - theta).std()) == pytest.approx(0.25, rel=0.03)


def test_mini_batches_and_the_target():
    net, objective = make([4, 6, 3], nn.ReLU)
    theta = objective.space.read(net)
    candidates = nogd.Perturbed(theta, (1, 2, 3), 0.5)
    rows = torch.tensor([0, 3, 5])
    torch.testing.assert_close(
        objective.losses(candidates, rows=rows),
        objective.losses(nogd.Population(candidates.dense()), rows=rows),
    )
    assert objective.meter.forwards == pytest.approx(2 * 3 * 3 / 17)


@pytest.mark.parametrize("kind", ["perturbed", "low-rank"])
def test_what_does_not_fit_is_said(kind):
    net, objective = make([4, 6, 3], nn.ReLU)
    _, other = make([4, 5, 3], nn.ReLU)
    theta = objective.space.read(net)
    candidates = candidates_of(kind, objective, theta, 3, False, 1)
    with pytest.raises(nogd.UserError, match="parameters each"):
        other.losses(candidates)
    with pytest.raises(nogd.UserError, match="3 candidates but 2 weights"):
        candidates.combine(torch.ones(2), out=theta)
    with pytest.raises(nogd.UserError, match="shape"):
        nogd.Perturbed(theta[None], (1,), 0.1)


@pytest.mark.parametrize("piece", [1, 50, 1 << 21])
@pytest.mark.parametrize("rows", [1, 40])
@pytest.mark.parametrize("bias", [True, False])
def test_perturbed_in_pieces_and_pairs(piece, rows, bias, monkeypatch):
    """One row: a pair is scored side by side; 40: one after the other. Small pieces: units by units."""
    monkeypatch.setattr("nogd.engine.candidates.perturbed._PIECE", piece)
    monkeypatch.setattr("nogd.engine.candidates.scoring.SMALL", 0)
    torch.manual_seed(2)
    net = nn.Sequential(nn.Linear(6, 9, bias=bias), nn.Tanh(), nn.Linear(9, 8, bias=bias), nn.ReLU())
    net = net.extend([nn.Linear(8, 7, bias=bias), nn.GELU(), nn.Linear(7, 3, bias=bias)]).double()
    x, y = torch.randn(rows, 6, dtype=torch.float64), torch.randint(0, 3, (rows,))
    objective = nogd.objective(net, x, y, loss="cross-entropy")
    candidates = nogd.Perturbed(objective.space.read(net), (3, 1, 3), 0.4, antithetic=True)
    side_by_side = 9 * rows * _BESIDES <= objective.D
    assert side_by_side == (rows == 1)
    torch.testing.assert_close(objective.losses(candidates), one_by_one(objective, net, candidates))


@pytest.mark.parametrize("small", [0, 1 << 16])
def test_pairs_need_not_be_numbers(small, monkeypatch):
    monkeypatch.setattr("nogd.engine.candidates.scoring.SMALL", small)
    net, objective = make([4, 6, 3], nn.ReLU, rows=1)
    theta = objective.space.read(net)
    assert objective.losses(nogd.Perturbed(theta, (1,), float("nan"), antithetic=True)).isinf().all()
    assert len(objective.losses(nogd.Perturbed(theta, (), 0.1, antithetic=True))) == 0


def test_perturbed_written_out_in_parts_of_any_size():
    candidates = nogd.Perturbed(torch.randn(300), (4, 2, 9), 0.3, antithetic=True)
    one_by_one = torch.stack([candidates.at(k) for k in range(len(candidates))])
    for count in (1, 2, 4, 100):
        torch.testing.assert_close(torch.cat(list(candidates.written_out(count))), one_by_one)


def test_noise_does_not_depend_on_threads():
    like, threads = torch.empty(0), torch.get_num_threads()
    made = []
    for count in (1, 3):
        torch.set_num_threads(count)
        made.append(noise(4, 7, 12 * BLOCK + 5, like))
    torch.set_num_threads(threads)
    assert torch.equal(*made)


def test_noise_in_threads_under_inference_mode():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    with torch.inference_mode():
        inside = noise(4, 0, 8 * BLOCK, torch.empty(0))
    torch.set_num_threads(threads)
    assert torch.equal(inside, noise(4, 0, 8 * BLOCK, torch.empty(0)))


@pytest.mark.parametrize("kind", ["perturbed", "low-rank"])
def test_candidates_are_never_written_out(kind, monkeypatch):
    """Neither to be scored nor to be combined; theta itself, to be combined into, is there already."""
    monkeypatch.setattr("nogd.engine.candidates.perturbed._PIECE", BLOCK)
    net, objective = make([100, 700, 600, 3], nn.ReLU, rows=4)
    theta = objective.space.read(net)
    candidates = candidates_of(kind, objective, theta, 40 if kind == "low-rank" else 4, False, 2)
    activations, factors = 700 * 4, 40 * 700 * 2
    most = 40 * activations + factors if kind == "low-rank" else max(BLOCK, activations)
    assert most < objective.D
    with Largest() as scored:
        objective.losses(candidates)
    assert scored.elements <= most
    with Largest() as combined:
        candidates.combine(torch.ones(len(candidates)), out=theta)
    assert combined.elements <= most


def test_written_out_they_would_be_noticed():
    net, objective = make([100, 700, 600, 3], nn.ReLU, rows=4)
    candidates = candidates_of("perturbed", objective, objective.space.read(net), 3, False, 2)
    with Largest() as made:
        objective.losses(nogd.Population(candidates.dense()))
    assert made.elements == 3 * objective.D
