"""Data that come in batches: scored as if they were in memory, in the memory of a batch, and counted the same."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import plain
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import nogd
from nogd.engine.inputs import loading
from nogd.errors import DataError, InvalidSetting, NogdWarning, UserError

pytestmark = pytest.mark.any_version

ROWS = 23


def tensors(loss: str = "mse", rows: int = ROWS) -> tuple[Tensor, Tensor]:
    x, y = plain.data(rows, 4, 2)
    return x, plain.classes(rows, 2) if loss == "cross-entropy" else y.sigmoid() if "binary" in loss else y


class Batched:
    """Anew at each iteration; counts the passes."""

    def __init__(self, x: Tensor, y: Tensor, sizes: tuple[int, ...] = (7, 7, 1, 8)) -> None:
        self.parts = list(zip(x.split(sizes), y.split(sizes), strict=True))
        self.passes = 0

    def __iter__(self):
        self.passes += 1
        yield from self.parts


class ByNumber(Dataset):
    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, k: int):
        return self.x[k], self.y[k]


class InOrder(IterableDataset):
    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.x, self.y = x, y

    def __iter__(self):
        return zip(self.x, self.y, strict=True)


SOURCES = {
    "iterable": Batched,
    "list": lambda x, y: [[x[:9], y[:9]], [x[9:], y[9:]]],
    "arrays": lambda x, y: [(x[:9].numpy(), y[:9].numpy()), (x[9:].numpy(), y[9:].numpy())],
    "dataset": ByNumber,
    "iterable dataset": InOrder,
    "loader": lambda x, y: DataLoader(ByNumber(x, y), batch_size=5),
    "loader of an iterable dataset": lambda x, y: DataLoader(InOrder(x, y), batch_size=5),
    "loader that drops none": lambda x, y: DataLoader(TensorDataset(x, y), batch_size=23, drop_last=True),
}


class Residual(nn.Module):
    """No stack."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.last = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.tanh(self.inner(x)) + x)


class Branching(Residual):
    """Neither under vmap nor in forward mode."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if bool(self.last.weight.sum() > -100) else x[:, :2]


MODULES = {
    "stack": lambda: plain.network(4, 5, 2, activation=nn.Tanh),
    "vmap": lambda: plain.drawn(Residual().double(), 1),
}


def pair(
    source: str = "iterable", module: str = "stack", loss: Any = "mse", **settings: Any
) -> tuple[nogd.Objective, nogd.Objective]:
    """The same data, in memory and streamed."""
    net = MODULES[module]()
    x, y = tensors(loss if isinstance(loss, str) else "mse")
    whole = nogd.objective(net, x, y, loss=loss, **settings)
    return whole, nogd.objective(net, SOURCES[source](x, y), loss=loss, **settings)


def candidates(made: nogd.Objective) -> dict[str, Any]:
    theta = plain.thetas(1, made.D)[0]
    rng = torch.Generator().manual_seed(2)
    return {
        "population": nogd.Population(plain.thetas(6, made.D)),
        "one": nogd.Population(theta[None]),
        "none": nogd.Population(theta[None][:0]),
        "line": nogd.Line(theta, 3, torch.linspace(-2, 2, 7, dtype=torch.float64)),
        "perturbed": nogd.Perturbed(theta, (3, 4, 5), 0.2, antithetic=True),
        "low rank": nogd.LowRank.draw(made.space, theta, 5, 0.2, rng),
        "subspace": nogd.Subspace(theta, plain.thetas(2, made.D), 0.2, seeds=(1, 2)),
    }


def assert_same(found: Any, expected: Any) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("kind", ["population", "one", "none", "line", "perturbed", "low rank", "subspace"])
@pytest.mark.parametrize("module", MODULES)
@pytest.mark.parametrize("loss", ["mse", "cross-entropy", "zero-one", "huber"])
def test_candidates_get_the_losses_that_they_get_in_memory(kind, module, loss):
    whole, streamed = pair(module=module, loss=loss)
    asked = candidates(whole)[kind]
    assert_same(streamed.losses(asked), whole.losses(asked))
    assert streamed.save()["meter"].keys() == whole.save()["meter"].keys()
    for ledger in ("forwards", "evaluations", "gradients", "examples", "flops"):
        assert streamed.meter.reading()[ledger] == whole.meter.reading()[ledger]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("loss", ["mse", "cross-entropy", "binary-cross-entropy"])
def test_all_kinds_of_sources(source, loss):
    whole, streamed = pair(source, loss=loss)
    assert streamed.N == ROWS
    asked = candidates(whole)["population"]
    assert_same(streamed.losses(asked), whole.losses(asked))


@pytest.mark.parametrize("module", MODULES)
def test_gradients_and_directional_derivatives(module):
    whole, streamed = pair(module=module, loss="cross-entropy")
    theta, directions = plain.thetas(1, whole.D)[0], plain.thetas(4, whole.D, seed=1)
    assert_same(streamed.gradient(theta), whole.gradient(theta))
    assert_same(streamed.directional(theta, directions), whole.directional(theta, directions))
    assert streamed.meter.reading()["forwards"] == whole.meter.reading()["forwards"]
    assert streamed.gradient_cost == whole.gradient_cost


def test_a_walk_follows_the_one_in_memory():
    whole, streamed = pair()
    theta, values = plain.thetas(1, whole.D)[0], torch.linspace(-1, 1, 5, dtype=torch.float64)
    walks = [whole.walk(theta.clone()), streamed.walk(theta.clone())]
    for index in (0, 7, 24, 31):
        here, there = (walk.losses(index, values) for walk in walks)
        assert_same(there, here)
        for walk in walks:
            walk.move(index, 0.5)
    assert streamed.meter.forwards == whole.meter.forwards


@pytest.mark.parametrize("kind", ["population", "line", "perturbed", "low rank"])
@pytest.mark.parametrize("module", MODULES)
def test_one_pass_scores_all_candidates_of_a_call(kind, module):
    source = Batched(*tensors())
    made = nogd.objective(MODULES[module](), source)
    before = source.passes
    made.losses(candidates(made)[kind])
    assert source.passes == before + 1
    theta = plain.thetas(1, made.D)[0]
    made.gradient(theta)
    made.directional(theta, plain.thetas(9, made.D))
    assert source.passes == before + 3


def test_nothing_is_read_that_does_not_fit_the_budget():
    source = Batched(*tensors())
    made = nogd.objective(MODULES["stack"](), source)
    made.begin(plain.thetas(1, made.D)[0], nogd.Budget(forwards=5).limit(), None, None)
    before = source.passes
    with pytest.raises(BaseException, match="the budget is spent"):
        made.losses(candidates(made)["population"])
    assert source.passes == before


def test_a_loss_of_ones_own_is_weighted_by_the_sizes_of_batches():
    x, y = tensors()

    def largest(outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).abs().max()

    net, source = MODULES["stack"](), Batched(x, y)
    theta = plain.thetas(1, plain.read(net).numel())[0]
    with pytest.warns(NogdWarning, match="'largest' is no mean over examples"):
        made = nogd.objective(net, source, loss=largest)
    (found,) = made.losses(nogd.Population(theta[None]))
    expected = sum(len(a) * plain.losses(net, theta[None], a, b, largest)[0] for a, b in source.parts) / ROWS
    assert_same(found, expected)


@pytest.mark.parametrize(
    "learner", ["grid-search,points=3", "adam,lr=0.05", "random-search", "sgd+random-search"]
)
def test_learners_learn_from_streams_what_they_learn_in_memory(learner):
    x, y = tensors()
    nets = [MODULES["stack"](), MODULES["stack"]()]
    runs = [
        nogd.fit(net, *data, learner=learner, budget=60)
        for net, data in zip(nets, [(x, y), (Batched(x, y),)], strict=True)
    ]
    torch.testing.assert_close(runs[1].theta, runs[0].theta, rtol=1e-8, atol=1e-8)
    assert runs[1].meter.reading()["forwards"] == runs[0].meter.reading()["forwards"]
    assert torch.equal(plain.read(nets[1]), runs[1].theta)


@pytest.mark.parametrize("source", ["dataset", "loader"])
def test_numbered_examples_allow_mini_batches(source):
    whole, streamed = pair(source)
    rows, theta = torch.tensor([20, 3, 3, 11]), plain.thetas(1, whole.D)[0]
    asked, directions = candidates(whole)["population"], plain.thetas(2, whole.D)
    assert_same(streamed.losses(asked, rows), whole.losses(asked, rows))
    assert_same(streamed.gradient(theta, rows), whole.gradient(theta, rows))
    assert_same(streamed.directional(theta, directions, rows), whole.directional(theta, directions, rows))
    assert streamed.meter.forwards == whole.meter.forwards
    x, y = tensors()
    runs = [
        nogd.fit(MODULES["stack"](), *data, learner="adam", batch_size=5, budget=30)
        for data in ((x, y), (SOURCES[source](x, y),))
    ]
    torch.testing.assert_close(runs[1].theta, runs[0].theta, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("source", ["iterable", "list", "iterable dataset", "loader of an iterable dataset"])
def test_what_has_no_numbers_refuses_mini_batches(source):
    data, sentence = SOURCES[source](*tensors()), "no numbered rows to choose mini-batches from"
    made = nogd.objective(MODULES["stack"](), data)
    with pytest.raises(InvalidSetting, match=sentence):
        made.losses(candidates(made)["population"], torch.tensor([1]))
    with pytest.raises(InvalidSetting, match=sentence):
        nogd.objective(MODULES["stack"](), data, batch_size=4)
    with pytest.raises(InvalidSetting, match=sentence):
        nogd.fit(MODULES["stack"](), data, learner="sgd,rows=4")


def test_a_data_set_that_is_in_memory_is_used_there():
    x, y = tensors()
    made = nogd.objective(MODULES["stack"](), TensorDataset(x, y))
    assert made.inputs.shape == x.shape
    assert "stream" not in made.engine


def test_a_stream_says_what_it_is_and_shows_no_data():
    made = nogd.objective(MODULES["stack"](), Batched(*tensors()))
    assert re.match("stream, (stack|compiled): the data come in 4 batches", made.engine)
    assert made.features == {"outputs", "curvature", "directional", "gradient"}
    for look in (lambda: made.inputs, lambda: made.targets):
        with pytest.raises(InvalidSetting, match="streamed data are not in memory"):
            look()


def test_the_engine_is_chosen_once_and_said_once():
    x, y = tensors()
    net = plain.drawn(Branching().double(), 1)
    made = nogd.objective(net, Batched(x, y))
    thetas = plain.thetas(64, made.D)
    with pytest.warns(nogd.NogdWarning, match="one by one") as said:
        made.losses(nogd.Population(thetas))
    assert len(said) == 1
    again = made.losses(nogd.Population(thetas))  # a warning now would be an error
    assert_same(again, plain.losses(net, thetas, x, y, F.mse_loss))


def test_examples_make_batches_by_their_size(monkeypatch):
    monkeypatch.setattr(loading, "BATCH_ELEMENTS", 4 * 6)
    made = nogd.objective(MODULES["stack"](), ByNumber(*tensors()))
    assert "4 batches" in made.engine


def test_the_process_and_its_streams_of_random_numbers_are_left_alone():
    made = nogd.objective(MODULES["stack"](), SOURCES["loader"](*tensors()))
    before = torch.get_rng_state()
    made.losses(candidates(made)["population"])
    assert torch.equal(torch.get_rng_state(), before)


def test_a_source_may_use_its_memory_again():
    x, y = tensors(rows=24)

    class Reusing:
        def __init__(self) -> None:
            self.place = torch.empty(8, 4, dtype=torch.float64)

        def __iter__(self):
            for part, targets in zip(x.split(8), y.split(8), strict=True):
                self.place.copy_(part)
                yield self.place, targets

    net = MODULES["stack"]()
    made = nogd.objective(net, Reusing())
    asked = candidates(made)["population"]
    for _ in range(2):
        assert_same(made.losses(asked), nogd.objective(net, x, y).losses(asked))


class Changing:
    """Another list of batches at each pass."""

    def __init__(self, *passes: Any) -> None:
        self.passes = iter(passes)

    def __iter__(self):
        return iter(next(self.passes))


def split(*sizes: int, x: Tensor | None = None, y: Tensor | None = None) -> Any:
    own_x, own_y = tensors(rows=sum(sizes))
    x, y = own_x if x is None else x, own_y if y is None else y
    return list(zip(x.split(sizes), y.split(sizes), strict=True))


def score(source: Any, **settings: Any) -> None:
    made = nogd.objective(MODULES["stack"](), source, **settings)
    for _ in range(2):
        made.losses(candidates(made)["one"])


X, Y = tensors()
MISUSES = {
    "generator": (lambda: score(part for part in split(9, 9)), "are a generator, which can be iterated over only once"),
    "zip": (lambda: score(zip([X], [Y], strict=True)), "are a zip, which can be iterated over only once"),
    "empty": (lambda: score([]), "the data are empty"),
    "empty data set": (lambda: score(ByNumber(X[:0], Y[:0])), "the data are empty"),
    "empty iterable": (lambda: score(InOrder(X[:0], Y[:0])), "the data are empty"),
    "empty batch": (lambda: score([(X, Y), (X[:0], Y[:0])]), "batch 1: the data are empty"),
    "fewer": (lambda: score(Changing(split(9, 9), split(9, 9)[:1])), "gave 2 batches, but a later one 1"),
    "used up": (lambda: score(Changing(split(9, 9), [])), "gave 2 batches, but a later one 0"),
    "more": (lambda: score(Changing(split(9, 9), split(9, 9, 9)[:3])), "first batch differs|batch 2 has 9"),
    "other sizes": (lambda: score(Changing([(X[:9], Y[:9])] * 2, [(X[:9], Y[:9]), (X[:8], Y[:8])])), "batch 1 has 8"),
    "more batches": (lambda: score(Changing([(X, Y)], [(X, Y)] * 2)), "batch 1 has 23 rows, but had 0"),
    "other values": (lambda: score(Changing([(X, Y)], [(X + 1, Y)])), "first batch differs"),
    "shuffled": (lambda: score(DataLoader(ByNumber(X, Y), batch_size=5, shuffle=True)), "shuffle=False"),
    "nan": (lambda: score([(X, Y), (X * torch.nan, Y)]), r"batch 1: the inputs hold nan at \[0, 0\]"),
    "infinite targets": (lambda: score([(X, Y * torch.inf)]), "batch 0: the targets hold -?inf"),
    "shapes": (lambda: score([(X, Y), (X[:, :3], Y)]), r"batch 1 has inputs of shape \[23, 3\]"),
    "features": (lambda: score([(X[:, :3], Y)]), r"cannot process inputs of shape \[23, 3\]"),
    "lengths": (lambda: score([(X, Y[:5])]), "batch 0: there are 23 rows of inputs but 5 targets"),
    "no pairs": (lambda: score([X, Y]), r"pairs \(inputs, targets\), but batch 0 is a Tensor"),
    "triples": (lambda: score([(X, Y, Y)]), "batch 0 is a tuple of 3"),
    "dicts": (lambda: score([{"x": X, "y": Y}]), "batch 0 is a dict"),
    "numbers": (lambda: score([[1.0], [2.0]]), "batch 0 is a list of 1"),
    "targets besides": (lambda: nogd.objective(MODULES["stack"](), ByNumber(X, Y), Y), "carries its targets"),
    "class numbers": (
        lambda: score([(X, plain.classes(ROWS, 2)), (X, plain.classes(ROWS, 5))], loss="cross-entropy"),
        "class numbers from 0 to 4, but the network has 2",
    ),
    "text": (lambda: score("data.csv"), "the targets must be numbers|the inputs must be numbers"),
    "objects": (lambda: score(ByNumber([object()] * 3, [0] * 3)), "do not make a batch"),
    "no length": (lambda: score(type("Endless", (Dataset,), {})()), "Dataset Endless has no length"),
}  # fmt: skip


@pytest.mark.parametrize("misuse", MISUSES)
def test_every_misuse_is_one_clear_sentence(misuse):
    call, sentence = MISUSES[misuse]
    with pytest.raises(DataError, match=sentence) as caught:
        call()
    assert isinstance(caught.value, UserError)
    assert "\n" not in str(caught.value)


def test_a_source_that_fails_in_a_run_leaves_what_was_found():
    x, y = tensors()
    net = MODULES["stack"]()
    start = plain.read(net)
    with pytest.raises(DataError, match="later one 0"):
        nogd.fit(net, Changing(*[[(x, y)]] * 30, []), learner="adam", budget=200)
    assert not torch.equal(plain.read(net), start)


# A data set of 800 MB (200 batches of 4 MB), made as it is read, in a process that may hold 160 MB more than it holds
# before: torch alone fills hundreds of MB, so what counts is the growth.
LIMITED = """
    import resource, sys
    import torch
    from torch import nn
    import nogd
    from nogd.learners import adam, random_search

    torch.set_num_threads(1)
    BATCHES, ROWS, FEATURES = 200, 4096, 256

    class Made:
        def __iter__(self):
            for k in range(BATCHES):
                rng = torch.Generator().manual_seed(k)
                x = torch.randn(ROWS, FEATURES, generator=rng)
                yield x, x[:, :1] * 2

    def data_bytes():
        for line in open("/proc/self/status"):
            if line.startswith("VmData"):
                return 1024 * int(line.split()[1])

    net = nn.Sequential(nn.Linear(FEATURES, 4), nn.Tanh(), nn.Linear(4, 1))
    small = [(torch.zeros(2, FEATURES), torch.zeros(2, 1))] # what is loaded and made once
    for learner in ("random-search,population=4", "adam"):
        nogd.fit(net, small, learner=learner, budget=10)
    limit = data_bytes() + 160 * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    KEEP
    run = nogd.fit(net, Made(), learner="random-search,population=4", budget=5)
    made = nogd.objective(net, Made())
    loss, gradient = made.gradient(made.space.read(net))
    losses = made.losses(nogd.Perturbed(made.space.read(net), (1, 2), 0.1))
    print(made.N, run.meter.examples, bool(gradient.isfinite().all()), bool(losses.isfinite().all()))
"""


def limited(keep: str = "") -> subprocess.CompletedProcess[str]:
    program = textwrap.dedent(LIMITED).replace("KEEP", keep)
    home = str(Path(nogd.__file__).parent.parent)
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=home, timeout=500, check=False
    )


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_five_times_more_data_than_memory():
    ended = limited()
    assert ended.returncode == 0, ended.stderr
    assert re.match(r"819200 \d+ True True", ended.stdout)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_the_limit_does_hold():
    ended = limited("kept = list(Made())")
    assert ended.returncode != 0
    assert "memory" in ended.stderr
