"""The compiled loops give what the user's own module gives, whatever the network, the loss and the numbers."""

from __future__ import annotations

import copy
import itertools
import os
import subprocess
import sys
import threading
from pathlib import Path
from unittest import mock

import plain
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor, nn

import nogd
from nogd.engine.compiled import layout as plan
from nogd.engine.compiled import scorer as compiled
from nogd.engine.layers.parts import NotUnderstood
from nogd.engine.losses import BUILT_IN
from nogd.engine.objective import Objective
from nogd.errors import InvalidSetting
from nogd.learners.grid_search import GridSearch

pytest.importorskip("numba")

D = torch.float64
ACTIVATIONS = [
    nn.Identity,
    nn.ReLU,
    nn.LeakyReLU,
    nn.Tanh,
    nn.Sigmoid,
    nn.ReLU6,
    lambda: nn.Hardtanh(-0.5, 0.75),
]
ANY = {
    "widths": st.lists(st.integers(1, 12), min_size=2, max_size=5),
    "activation": st.sampled_from(ACTIVATIONS),
    "loss": st.sampled_from(sorted(plain.LOSSES)),
    "rows": st.integers(1, 300),
    "cache": st.sampled_from([1, 20_000, plan.CACHE]),  # many blocks of examples, some, mostly one
    "bias": st.booleans(),
    "seed": st.integers(0, 10**6),
}


def test_the_losses_tested_here_are_those_that_are_compiled():
    assert set(plain.LOSSES) == {name for name, loss in BUILT_IN.items() if id(loss) in plan.LOSSES}


def stack(widths: list[int], activation, bias: bool, seed: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after, bias=bias, dtype=D), activation()]
    return plain.drawn(nn.Sequential(*layers[:-1]), seed)


def data(loss: str, rows: int, features: int, outputs: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    x, y = plain.data(rows, features, outputs, seed)
    if loss == "cross-entropy":
        return x, plain.classes(rows, outputs, seed)
    return x, (y > 0).to(D) if loss == "binary-cross-entropy" else y


def by_loops(
    module: nn.Module, x: Tensor, y: Tensor, loss: str = "mse", cache: int = plan.CACHE, **more
) -> Objective:
    made = nogd.objective(module, x, y, loss=loss, **more)
    assert made.engine.startswith("compiled:")
    with mock.patch.object(plan, "CACHE", cache):
        blocks = made._scorer.compiled.data.sizes[plan.BLOCKS]
    assert blocks == -(-len(x) // plan.GRAIN) or cache > 1
    return made


@settings(deadline=None, derandomize=True, max_examples=120)
@given(dtype=st.sampled_from([torch.float32, D]), count=st.sampled_from([0, 1, 2, 37]), **ANY)
def test_populations(widths, activation, loss, rows, cache, bias, seed, dtype, count):
    module = stack(widths, activation, bias, seed).to(dtype)
    x, y = (
        t.to(dtype) if t.is_floating_point() else t for t in data(loss, rows, widths[0], widths[-1], seed)
    )
    made = by_loops(module, x, y, loss, cache)
    candidates = plain.thetas(count, made.D, seed, dtype=dtype)
    found = made.losses(nogd.Population(candidates))
    assert (found.shape, found.dtype) == ((count,), dtype)
    if count:
        close = {"rtol": 1e-12, "atol": 1e-13} if dtype == D else {"rtol": 1e-4, "atol": 1e-5}
        torch.testing.assert_close(found, plain.losses(module, candidates, x, y, plain.LOSSES[loss]), **close)
        some = torch.arange(0, rows, 2)
        few = made.losses(nogd.Population(candidates), rows=some)
        torch.testing.assert_close(
            few, plain.losses(module, candidates, x[some], y[some], plain.LOSSES[loss]), **close
        )


@settings(deadline=None, derandomize=True, max_examples=120)
@given(
    dtype=st.sampled_from([torch.float32, D]),
    count=st.sampled_from([0, 1, 2, 37]),
    unit=st.integers(0, 10**6),
    **ANY,
)
def test_outputs_and_units(widths, activation, loss, rows, cache, bias, seed, dtype, count, unit):
    """Outputs of any candidates, and outputs and losses of a unit's sets of weights, however few go at once."""
    module = stack(widths, activation, bias, seed).to(dtype)
    x, y = (
        t.to(dtype) if t.is_floating_point() else t for t in data(loss, rows, widths[0], widths[-1], seed)
    )
    made = by_loops(module, x, y, loss, cache)
    layers = [each for each in made.layers if each.weight is not None]
    layer, theta = layers[unit % len(layers)], plain.read(module)
    weights = plain.thetas(count, layer.module.in_features + bias, seed, dtype=dtype)
    planes = nogd.Unit(theta, layer, unit % layer.module.out_features, weights)
    close = {"rtol": 1e-11, "atol": 1e-12} if dtype == D else {"rtol": 1e-3, "atol": 1e-4}
    for candidates in (planes, nogd.Population(plain.thetas(count, made.D, seed, dtype=dtype))):
        for some in (None, torch.arange(0, rows, 2)):
            with mock.patch.object(compiled, "CACHE", cache):
                found, losses = made.outputs(candidates, some), made.losses(candidates, some)
            xs, ys = (x, y) if some is None else (x[some], y[some])
            assert (found.shape, found.dtype) == ((count, len(xs), widths[-1]), dtype)
            if count:
                thetas = candidates.dense()
                torch.testing.assert_close(found, plain.outputs(module, thetas, xs), **close)
                torch.testing.assert_close(
                    losses, plain.losses(module, thetas, xs, ys, plain.LOSSES[loss]), **close
                )
    if count:
        assert made.meter.evaluations == 8 * count


MOVES = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1, max_size=12)


@settings(deadline=None, derandomize=True, max_examples=120)
@given(count=st.sampled_from([0, 1, 5, 6, 40]), moves=MOVES, **ANY)
def test_walks(widths, activation, loss, rows, cache, bias, seed, count, moves):
    module = stack(widths, activation, bias, seed)
    x, y = data(loss, rows, widths[0], widths[-1], seed)
    made = by_loops(module, x, y, loss, cache)
    walk, values = made.walk(plain.read(module)), torch.linspace(-2, 3, count, dtype=D)
    for place, further in moves:
        index = place % made.D
        found = walk.losses(index, values)
        assert found.shape == (count,)
        if count:
            dense = nogd.Line(walk.theta, index, values).dense()
            wanted = plain.losses(module, dense, x, y, plain.LOSSES[loss])
            torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-12)
            lowest, least = walk.lowest(index, values)
            assert (lowest, least) == (int(found.argmin()), float(found.min()))
        walk.move(index, place % 7 - 3.0)
        walk.move(further % made.D, 0.5)  # two moves without a look in between


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    hidden=st.lists(st.integers(1, 9), min_size=1, max_size=3),
    first=st.sampled_from([nn.Identity, nn.ReLU, nn.Tanh]),
    count=st.sampled_from([5, 6, 40]),
    moves=MOVES,
    dtype=st.sampled_from([torch.float32, D]),
    **{name: ANY[name] for name in ("rows", "cache", "bias", "seed")},
)
def test_walks_where_the_one_output_is_near(hidden, first, rows, cache, bias, seed, count, moves, dtype):
    module = stack([4, *hidden, 1], nn.ReLU, bias, seed).to(dtype)
    module[1] = first()
    x, y = (t.to(dtype) for t in data("mse", rows, 4, 1, seed))
    walk = by_loops(module, x, y, "mse", cache).walk(plain.read(module))
    values = torch.linspace(-2, 3, count, dtype=dtype)
    close = {"rtol": 1e-10, "atol": 1e-12} if dtype == D else {"rtol": 1e-4, "atol": 1e-5}
    for place, further in moves:
        index = place % len(walk.theta)
        dense = nogd.Line(walk.theta, index, values).dense()
        wanted = plain.losses(module, dense, x, y, plain.LOSSES["mse"])
        torch.testing.assert_close(walk.losses(index, values), wanted, **close)
        walk.move(further % len(walk.theta), place % 7 - 3.0)


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    strange=st.sampled_from([float("nan"), float("inf"), -float("inf"), 1e200, -1e200]),
    place=st.integers(0, 10**6),
    **ANY,
)
def test_numbers_that_are_none(widths, activation, loss, rows, cache, bias, seed, strange, place):
    module = stack(widths, activation, bias, seed)
    x, y = data(loss, rows, widths[0], widths[-1], seed)
    if abs(strange) < float("inf"):  # data that are not finite are refused before
        x[place % rows, place % widths[0]] = strange
    made = by_loops(module, x, y, loss, cache)
    candidates = plain.thetas(6, made.D, seed)
    candidates[1, place % made.D] = strange
    wanted = plain.losses(module, candidates, x, y, plain.LOSSES[loss])
    wanted = torch.where(wanted.isfinite(), wanted, torch.inf)
    torch.testing.assert_close(made.losses(nogd.Population(candidates)), wanted, rtol=1e-9, atol=1e-12)
    walk = made.walk(candidates[1].clone())
    line = nogd.Line(walk.theta, (place + 1) % made.D, torch.linspace(-2, 3, 9, dtype=D))
    wanted = plain.losses(module, line.dense(), x, y, plain.LOSSES[loss])
    wanted = torch.where(wanted.isfinite(), wanted, torch.inf)
    torch.testing.assert_close(walk.losses(line.index, line.values), wanted, rtol=1e-9, atol=1e-12)


# -- the same decisions as the plain loop


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.LeakyReLU])
def test_grid_search_follows_the_plain_loop_over_many_sweeps(activation, seed):
    module = plain.network(3, 4, 3, 1, activation=activation, seed=seed)
    x, y = plain.data(90, 3, 1, seed)
    made = by_loops(module, x, y)
    learner = GridSearch(points=11, early_stopping=False)
    state = learner.init(made, plain.read(module), Generator())
    own = copy.deepcopy(module)
    for sweep in range(1, 16):
        plain.grid_sweep(
            own,
            lambda: nn.functional.mse_loss(own(x), y).item(),
            lambda name: (-5.0, 5.0),
            lambda name: 11,
        )
        while state.iteration < sweep:
            learner.step(made, state)
        assert state.theta.tolist() == plain.read(own).tolist()


def test_values_that_change_nothing_tie_and_the_first_wins():
    module = plain.network(3, 4, 3, 1, seed=3)
    with torch.no_grad():
        module[0].bias[:2] = -50.0  # dead on all rows
        module[2].weight[:, 2] = 0.0  # nobody listens
    x, y = plain.data(150, 3)
    walk = by_loops(module, x, y).walk(plain.read(module))
    values = torch.linspace(-3, 3, 100, dtype=D)
    for index in (0, 1, 4, 6, 7, 8, 14):
        losses = walk.losses(index, values)
        assert (losses == losses[0]).all()
        assert walk.lowest(index, values)[0] == 0


def test_a_stretch_where_all_units_are_off_is_flat():
    module = plain.network(1, 1, 1, seed=0)
    x = torch.linspace(0.5, 2, 100, dtype=D)[:, None]
    walk = by_loops(module, x, x).walk(torch.tensor([1.0, 0.0, 2.0, 0.3], dtype=D))
    losses = walk.losses(0, torch.linspace(-4, 4, 101, dtype=D))
    assert (losses[:51] == losses[0]).all()
    assert len(losses[51:].unique()) == 50


def test_the_loss_at_a_value_does_not_depend_on_where_the_coordinate_stands():
    module = plain.network(3, 4, 1)
    made, values = by_loops(module, *plain.data(90, 3)), torch.linspace(-1, 1, 9, dtype=D)
    walk = made.walk(plain.read(module))
    for index in range(made.D):
        before = walk.losses(index, values)
        walk.move(index, 123.456)
        assert walk.losses(index, values).tolist() == before.tolist()


def test_a_perfect_fit_keeps_its_digits():
    module = plain.network(3, 4, 1, seed=1)
    x, _ = plain.data(130, 3)
    with torch.no_grad():
        y = module(x)
    theta = plain.read(module)
    walk = by_loops(module, x, y).walk(theta.clone())
    values = torch.cat([torch.linspace(-50, 50, 20, dtype=D), theta[:1]])
    dense = nogd.Line(theta, 0, values).dense()
    wanted = plain.losses(module, dense, x, y, plain.LOSSES["mse"])
    torch.testing.assert_close(walk.losses(0, values), wanted, rtol=1e-9, atol=1e-25)


def test_a_resumed_walk_gives_the_same_bits():
    module = plain.network(3, 4, 3, 1, activation=nn.Tanh)
    x, y = plain.data(90, 3)
    walked = by_loops(module, x, y).walk(plain.read(module))
    values = torch.linspace(-1, 1, 9, dtype=D)
    for index in range(len(walked.theta)):
        walked.losses(index, values)
        walked.move(index, 0.1 * index - 1)
    fresh = by_loops(module, x, y).walk(walked.theta.clone())
    for index in range(len(walked.theta)):
        assert walked.losses(index, values).tolist() == fresh.losses(index, values).tolist()


def test_the_exact_minimum_is_the_same():
    module = plain.network(3, 4, 3, 1)
    x, y = plain.data(90, 3)
    made = [nogd.objective(module, x, y, engine=engine) for engine in ("compiled", "stack")]
    walks = [each.walk(plain.read(module)) for each in made]
    for index in range(made[0].D):
        (value, loss), (other, wanted) = (walk.minimum(index, -3.0, 3.0) for walk in walks)
        assert (value, loss) == pytest.approx((other, wanted), rel=1e-9)
        for walk in walks:
            walk.move(index, value)


# -- which engine


def test_the_meter_counts_the_same():
    module, readings, arithmetic = plain.network(3, 4, 1), [], []
    for engine in ("compiled", "stack", "loop"):
        made = nogd.objective(module, *plain.data(90, 3), engine=engine)
        made.losses(nogd.Population(plain.thetas(5, made.D)))
        made.losses(nogd.Population(plain.thetas(5, made.D)), rows=torch.arange(7))
        walk = made.walk(plain.read(module))
        walk.losses(0, torch.linspace(-1, 1, 9, dtype=D))
        walk.lowest(3, torch.linspace(-1, 1, 9, dtype=D))
        walk.move(3, 0.5)
        reading = made.meter.reading()
        readings.append(
            {name: reading[name] for name in ("forwards", "evaluations", "gradients", "examples")}
        )
        arithmetic.append(reading["flops"])
    assert readings[0] == readings[1] == readings[2]
    assert arithmetic[0] == arithmetic[1]


def frozen() -> nn.Module:
    module = plain.network(3, 4, 1)
    module[0].weight.requires_grad_(False)
    return module


def tied() -> nn.Module:
    first = nn.Linear(3, 3, dtype=D)
    return nn.Sequential(first, nn.ReLU(), first)


def twice() -> nn.Module:
    return nn.Sequential(nn.ReLU(), nn.Tanh())


HALF_KNOWN = {
    "frozen": (frozen, "mse", "chain"),
    "tied": (tied, "mse", "chain"),
    "another activation": (lambda: plain.network(3, 4, 1, activation=nn.GELU), "mse", "stack"),
    "two activations": (lambda: plain.network(3, 4, 1, activation=twice), "mse", "stack"),
    "another loss": (lambda: plain.network(3, 4, 1), "hinge", "stack"),
    "a large one": (lambda: plain.network(3, 300, 1), "mse", "stack"),
}


@pytest.mark.parametrize("name", HALF_KNOWN)
def test_what_is_not_compiled_goes_on_as_before(name):
    make, loss, engine = HALF_KNOWN[name]
    made = nogd.objective(make(), *plain.data(20, 3, 3 if name == "tied" else 1), loss=loss)
    assert made.engine.startswith(f"{engine}:")
    with pytest.raises(InvalidSetting, match="engine 'compiled' cannot score this module"):
        nogd.objective(make(), *plain.data(20, 3, 3 if name == "tied" else 1), loss=loss, engine="compiled")


def test_without_numba_torch_does_it_all(monkeypatch):
    def missing() -> None:
        raise NotUnderstood("numba is not installed (pip install 'nogd[fast]')")

    monkeypatch.setattr(compiled, "kernels", missing)
    module, (x, y) = plain.network(3, 4, 1), plain.data(20, 3)
    made = nogd.objective(module, x, y)
    assert made.engine.startswith("stack: ")
    assert "numba is not installed" in made.engine
    run = nogd.fit(copy.deepcopy(module), x, y, learner="grid-search", points=5, budget=200)
    monkeypatch.undo()
    again = nogd.fit(copy.deepcopy(module), x, y, learner="grid-search", points=5, budget=200)
    assert run.theta.tolist() == again.theta.tolist()
    monkeypatch.setattr(compiled, "kernels", missing)
    with pytest.raises(InvalidSetting, match=r"pip install 'nogd\[fast\]'"):
        nogd.objective(module, x, y, engine="compiled")


COMPILED_BEFOREHAND = """
import nogd, plain, torch
from nogd.engine.compiled import scorer as compiled

found = compiled.kernels()
found.ready()
for dtype in (torch.float32, torch.float64):
    module, (x, y) = plain.network(3, 4, 1).to(dtype), plain.data(20, 3, dtype=dtype)
    nogd.fit(module, x, y, learner="grid-search", points=5, budget=200)
print(len(found.population.signatures), len(found.line.signatures))
"""


def test_what_is_compiled_beforehand_is_what_is_used():
    # In a process of its own: what other tests of this one have scored may have been compiled for odd mixtures.
    said = subprocess.run(
        [sys.executable, "-c", COMPILED_BEFOREHAND],
        check=False,
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
    )
    assert (said.stdout, said.stderr) == ("2 2\n", "")


# -- threads and forks


@pytest.fixture
def two_threads():
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def a_large_call() -> tuple[Objective, nogd.Population]:
    made = by_loops(plain.network(10, 5, 4, 1), *plain.data(442, 10))
    return made, nogd.Population(plain.thetas(2_000, made.D))


def test_threads_change_no_bit(two_threads):
    made, candidates = a_large_call()
    found = made.losses(candidates)
    torch.set_num_threads(1)
    assert found.tolist() == made.losses(candidates).tolist()


def test_calls_at_the_same_time(two_threads):
    made, candidates = a_large_call()
    wanted, found = made.losses(candidates).tolist(), []

    def call() -> None:
        found.append(made.losses(candidates).tolist())

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [wanted] * 4


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_scores_the_same(two_threads):
    made, candidates = a_large_call()
    wanted = made.losses(candidates)
    child = os.fork()
    if child == 0:
        os._exit(0 if torch.equal(made.losses(candidates), wanted) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
