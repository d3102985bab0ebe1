"""Grid search against the original study's definition, written out as a slow loop over the user's own module."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

import plain
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes
from torch import Generator, Tensor, nn

import nogd
from nogd.engine.compiled import scorer as compiled
from nogd.engine.layers.parts import NotUnderstood
from nogd.learners.grid_search import GridSearch

pytestmark = pytest.mark.met_in("test_compiled.py", "test_datasets.py")

LOSS = Callable[[Tensor, Tensor], Tensor]


def no_numba() -> None:
    raise NotUnderstood("it is left out here")


@pytest.fixture(autouse=True, params=["compiled", "torch alone"], scope="module")
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """Everything here holds with the compiled loops as without them."""
    if request.param == "compiled":
        pytest.importorskip("numba")
        yield request.param
    else:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(compiled, "kernels", no_numba)
            yield request.param


@dataclass
class Search:
    """A search to be done in both ways."""

    module: nn.Module
    x: Tensor
    y: Tensor
    loss: str | LOSS = "mse"
    points: int = 10
    bias_points: int | None = None
    bounds: tuple[float, float] | dict[str, tuple[float, float]] = (-5.0, 5.0)
    engine: Any = None

    @property
    def plain_loss(self) -> LOSS:
        return plain.LOSSES[self.loss] if isinstance(self.loss, str) else self.loss

    def box(self, name: str) -> tuple[float, float]:
        if isinstance(self.bounds, tuple):
            return self.bounds
        return next((box for pattern, box in self.bounds.items() if fnmatchcase(name, pattern)), (-5.0, 5.0))

    def points_of(self, name: str) -> int:
        return self.bias_points if self.bias_points and name.endswith("bias") else self.points

    def by_definition(self) -> Iterator[tuple[Tensor, float]]:
        """theta and loss after each sweep, by the slow loop."""
        module = copy.deepcopy(self.module)

        def loss_now() -> float:
            with torch.no_grad():
                return self.plain_loss(module(self.x), self.y).item()

        while True:
            plain.grid_sweep(module, loss_now, self.box, self.points_of)
            yield plain.read(module), loss_now()

    def by_nogd(self) -> Iterator[tuple[Tensor, float]]:
        """The same by the learner."""
        learner = GridSearch(points=self.points, bias_points=self.bias_points, early_stopping=False)
        objective = nogd.objective(
            self.module, self.x, self.y, loss=self.loss, bounds=self.bounds, engine=self.engine
        )
        state = learner.init(objective, plain.read(self.module), Generator())
        for sweep in itertools.count(1):
            while state.iteration < sweep:
                learner.step(objective, state)
            yield state.theta.clone(), state.loss

    def check(self, sweeps: int = 3, engines: Sequence[Any] = (None,)) -> None:
        """All engines, sweep by sweep, against the slow loop."""
        found = [replace(self, engine=engine).by_nogd() for engine in engines]
        for (theta, loss), *others in itertools.islice(
            zip(self.by_definition(), *found, strict=False), sweeps
        ):
            for engine, (found_theta, found_loss) in zip(engines, others, strict=True):
                assert found_theta.tolist() == theta.tolist(), engine
                assert found_loss == pytest.approx(loss, rel=1e-9, abs=1e-12), engine


def diabetes() -> tuple[Tensor, Tensor]:
    x, y = load_diabetes(return_X_y=True)
    return torch.tensor(x), torch.tensor(y)[:, None]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_original_network_on_raw_diabetes(seed):
    Search(plain.original_network(seed), *diabetes()).check()


def test_a_hundred_points_as_in_the_study():
    x, y = diabetes()
    Search(plain.original_network(), x[:40], y[:40], points=100, bias_points=100).check(1)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.Sigmoid, nn.LeakyReLU, nn.GELU])
@pytest.mark.parametrize("widths", [(3, 1), (3, 4, 1), (3, 4, 4, 2), (2, 3, 3, 3, 1)])
def test_networks_of_several_depths(widths, activation, seed):
    module = plain.network(*widths, activation=activation, seed=seed)
    Search(module, *plain.data(17, widths[0], widths[-1], seed), bounds=(-1.5, 2.0), points=7).check()


ANY_NETWORK = {
    "widths": st.lists(st.integers(1, 4), min_size=2, max_size=4),
    "activation": st.sampled_from([nn.ReLU, nn.Tanh, nn.Softplus]),
    "rows": st.integers(1, 12),
    "points": st.integers(2, 7),
    "seed": st.integers(0, 10**6),
}


@settings(deadline=None, derandomize=True, max_examples=25)
@given(**ANY_NETWORK)
def test_whatever_the_network(widths, activation, rows, points, seed):
    module = plain.network(*widths, activation=activation, seed=seed)
    x, y = plain.data(rows, widths[0], widths[-1], seed)
    Search(module, x, y, points=points, bounds=(-2.1, 1.7)).check()


# The absolute error is flat between two medians, and so is Huber's where all residuals are large: ties of real
# numbers that rounding breaks either way. So here each single choice is judged, by the loss that it gives.
@settings(deadline=None, derandomize=True, max_examples=25)
@given(loss=st.sampled_from(["mae", "huber", "mse"]), **ANY_NETWORK)
def test_each_choice_is_the_best_of_its_grid(loss, widths, activation, rows, points, seed):
    module = plain.network(*widths, activation=activation, seed=seed)
    x, y = plain.data(rows, widths[0], widths[-1], seed)
    learner, objective = GridSearch(points=points), nogd.objective(module, x, y, loss=loss)
    state = learner.init(objective, plain.read(module), Generator())
    for index in range(objective.D):
        before = state.theta.clone()
        learner.step(objective, state)
        values = torch.linspace(-5, 5, points, dtype=torch.float64)
        tried = plain.losses(module, nogd.Line(before, index, values).dense(), x, y, plain.LOSSES[loss])
        chosen = plain.losses(module, state.theta[None], x, y, plain.LOSSES[loss]).item()
        assert state.theta[index] in values
        assert chosen == pytest.approx(tried.min().item(), rel=1e-9, abs=1e-12)
        assert state.loss == pytest.approx(chosen, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("loss", ["cross-entropy", "binary-cross-entropy"])
def test_losses_of_classification(loss):
    several = loss == "cross-entropy"
    module = plain.network(4, 5, 3 if several else 1, activation=nn.Tanh)
    x, _ = plain.data(20, 4)
    y = plain.classes(20, 3) if several else plain.classes(20, 2)[:, None].double()
    Search(module, x, y, loss=loss, bounds=(-1.5, 1.5)).check()


def test_dead_units_tie_and_the_first_value_wins():
    module = plain.network(3, 4, 3, 1, seed=3)
    with torch.no_grad():
        module[0].bias.fill_(-50.0)  # every unit of the first layer is off whatever a weight is
        module[4].weight[0, 1] = 0.0  # and nobody listens to one of the second
    search = Search(module, *plain.data(15, 3), bounds={"0.weight": (-2, 2), "*": (-60, 60)}, points=5)
    search.check()
    theta, _ = next(search.by_nogd())
    assert theta[:3].tolist() == [-2.0, -2.0, -2.0]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_many_sweeps_in_which_units_die_and_come_alive(activation, seed, engine):
    module = plain.network(3, 4, 3, 1, activation=activation, seed=seed)
    bounds = {"*": (-2.0, 2.0)}
    if activation is nn.ReLU:  # saturated, tanh ties by its rounding, which is another on each processor
        with torch.no_grad():
            module[0].bias[:2] = -50.0
        bounds = {"0.bias": (-60.0, 2.0), **bounds}
    data = plain.data(25, 3, seed=seed)
    # An engine that is asked for by its name is the same with the compiled loops as without them.
    engines = (None, "chain", "vmap", "loop") if engine == "torch alone" else (None,)
    Search(module, *data, bounds=bounds, points=6).check(15, engines)


def test_some_of_these_units_are_dead_and_some_alive():
    module = plain.network(3, 4, 3, 1)
    search = Search(module, *plain.data(25, 3), bounds={"0.bias": (-60.0, 2.0), "*": (-2.0, 2.0)}, points=6)
    biases = torch.stack([theta[12:16] for theta, _ in itertools.islice(search.by_nogd(), 15)])
    assert (biases < -20).any()
    assert (biases > -20).any()


def test_values_with_a_nan_loss_are_skipped():
    def nan_above(outputs: Tensor, targets: Tensor) -> Tensor:
        return torch.where(outputs.mean() > 0, math.nan, F.mse_loss(outputs, targets))

    Search(plain.network(3, 4, 1), *plain.data(12, 3), loss=nan_above).check()


def test_the_old_value_stays_where_every_value_gives_nan():
    def always_nan(outputs: Tensor, targets: Tensor) -> Tensor:
        return outputs.sum() * math.nan

    search = Search(plain.network(2, 3, 1), *plain.data(5, 2), loss=always_nan)
    theta, _ = next(search.by_nogd())
    assert theta.tolist() == plain.read(search.module).tolist()
    assert theta.tolist() == next(search.by_definition())[0].tolist()


def test_the_present_value_is_no_candidate_so_a_sweep_may_end_worse():
    module = nn.Linear(1, 1, bias=False, dtype=torch.float64)
    with torch.no_grad():
        module.weight.fill_(1.0)
    x = torch.tensor([[1.0], [2.0]], dtype=torch.float64)
    search = Search(module, x, x, points=2, bounds=(-5.0, 3.0))  # the start is perfect, and not on the grid
    search.check()
    assert next(search.by_nogd())[0].tolist() == [3.0]


def test_weights_and_biases_have_their_own_ranges_and_points():
    bounds = {"*.bias": (-0.5, 0.25), "2.*": (-1.0, 3.0)}
    search = Search(plain.network(3, 4, 2), *plain.data(12, 3, 2), points=6, bias_points=4, bounds=bounds)
    search.check()
    theta, _ = next(search.by_nogd())
    assert set(theta[12:16].tolist()) <= set(torch.linspace(-0.5, 0.25, 4, dtype=torch.float64).tolist())
    assert set(theta[16:24].tolist()) <= set(torch.linspace(-1.0, 3.0, 6, dtype=torch.float64).tolist())


class Residual(nn.Module):
    """No stack, so that the walk falls back to whole forward passes."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(3, 3, dtype=torch.float64)
        self.last = nn.Linear(3, 1, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(x + torch.tanh(self.inner(x)))


def test_a_module_that_is_no_stack():
    Search(plain.drawn(Residual(), 0), *plain.data(11, 3), points=4).check()


def test_a_loss_of_ones_own_on_a_stack():
    def cubic(outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).abs().pow(3).mean()

    Search(plain.network(3, 4, 1, activation=nn.Tanh), *plain.data(11, 3), loss=cubic, points=6).check()


def sweeps_by_definition(search: Search, tolerance: float, most: int) -> int:
    """How many sweeps the study's search makes before it stops early."""
    before = plain.losses(
        search.module, plain.read(search.module)[None], search.x, search.y, search.plain_loss
    ).item()
    best = math.inf
    for sweep, (_, after) in enumerate(itertools.islice(search.by_definition(), most), 1):
        improvement, before = before - after, after
        if after < best:
            best = after
        elif improvement < tolerance:
            return sweep
    return most


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("tolerance", [1e-6, 0.0])
def test_early_stopping(seed, tolerance):
    search = Search(plain.network(2, 3, 1, seed=seed), *plain.data(9, 2, seed=seed), points=4)
    sweeps = sweeps_by_definition(search, tolerance, 12)
    learner = GridSearch(points=4, tolerance=tolerance)
    run = nogd.fit(
        copy.deepcopy(search.module), search.x, search.y, learner=learner, budget=nogd.Budget(iterations=12)
    )
    assert run.curve["iteration"].max() == sweeps
    assert run.status == ("ok" if sweeps < 12 else "budget")


def test_some_of_these_searches_do_stop_early():
    search = Search(plain.network(2, 3, 1), *plain.data(9, 2), points=4)
    assert sweeps_by_definition(search, 1e-6, 12) < 12


def test_without_early_stopping_it_goes_on():
    search = Search(plain.network(2, 3, 1), *plain.data(9, 2), points=4)
    learner = GridSearch(points=4, early_stopping=False)
    run = nogd.fit(search.module, search.x, search.y, learner=learner, budget=nogd.Budget(iterations=12))
    assert (run.status, run.curve["iteration"].max()) == ("budget", 12)


def test_theta_is_where_the_sweep_stands():
    module = plain.network(2, 3, 1)
    start = plain.read(module)
    run = nogd.fit(module, *plain.data(9, 2), learner=GridSearch(points=5), budget=1 + 2 * 5)
    assert run.meter.forwards == 1 + 2 * 5
    assert run.theta[2:].tolist() == start[2:].tolist()
    assert set(run.theta[:2].tolist()) <= set(torch.linspace(-5, 5, 5, dtype=torch.float64).tolist())
