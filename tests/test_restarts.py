"""Restarts: when, where, with which population and step size, for how long, and that the best of all runs counts."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar

import plain
import pytest
import torch
from pydantic import Field, field_validator
from torch import Generator, Tensor, nn

import nogd
from nogd.engine.accounts.meter import Limit
from nogd.engine.objective import Objective
from nogd.learners.restarts import LOOK, RestartsState
from nogd.testing import parametrize_with_checks
from nogd.training.learner import refusal
from nogd.training.loop import train
from nogd.training.names import build
from nogd.training.recorder import Recorder

pytestmark = pytest.mark.torch_alone


@dataclass(kw_only=True)
class ScatterState(nogd.State):
    rng: Generator
    middle: Tensor


class Scatter(nogd.AskTell):
    """Move to the best of a cloud around the middle, which may be worse than before. Source: this test."""

    name: ClassVar[str] = "test-scatter"
    population: int | None = Field(None, ge=2)
    sigma: float = Field(0.5, gt=0)
    steps: int = Field(3, ge=0)

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> ScatterState:
        ended = None if self.steps else "nothing to do"
        return ScatterState(theta=theta, rng=rng, middle=theta.clone(), finished=ended)

    def ask(self, state: nogd.State) -> nogd.Population:
        size = min(self.population or nogd.default_population(len(state.theta)), state.room)
        noise = torch.randn(size, len(state.theta), generator=state.rng, dtype=state.theta.dtype)
        return nogd.Population(state.middle + self.sigma * noise)

    def tell(self, state: nogd.State, candidates: nogd.Population, losses: Tensor) -> None:
        state.theta = state.middle = candidates.thetas[int(losses.argmin())].clone()
        state.iteration += 1
        if state.iteration == self.steps:
            state.finished = "that was all"


class Pairs(Scatter):
    """Takes pairs only."""

    name: ClassVar[str] = "test-pairs"

    @field_validator("population")
    @classmethod
    def _comes_in_pairs(cls, population: int | None) -> int | None:
        if population is not None and population % 2:
            raise ValueError("candidates come in pairs")
        return population


class Costly(nogd.Learner):
    """Costs much to begin, and then little. Source: this test."""

    name: ClassVar[str] = "test-costly"
    population: int = 2

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> nogd.State:
        objective.losses(nogd.Population(theta.repeat(20, 1)))
        return nogd.State(theta=theta)

    def step(self, objective: Objective, state: nogd.State) -> None:
        objective.losses(nogd.Population(state.theta[None]))
        state.finished = "that was all"


@dataclass
class Look:
    """A run as it begins. bits: of the generator before it was drawn for."""

    run: int
    small: bool
    population: int | None
    sigma: float | None
    began: float
    ceiling: float
    start: Tensor
    bits: Tensor


@dataclass
class Watch:
    """All runs of one training, and the recommended vectors before each step."""

    learner: nogd.Restarts
    forwards: float = 2_000
    bounds: tuple[float, float] = (-5, 5)
    looks: list[Look] = field(default_factory=list)
    thetas: list[Tensor] = field(default_factory=list)
    bits: Tensor = field(default_factory=lambda: torch.empty(0))

    def __post_init__(self) -> None:
        module = plain.network(2, 2, 1)
        self.objective = nogd.objective(module, *plain.data(5, 2), bounds=self.bounds)
        self.outcome = train(
            self.learner,
            self.objective,
            plain.read(module),
            Generator().manual_seed(4),
            limit=Limit(forwards=self.forwards),
            recorder=Recorder(self.objective.measure, by_iteration=True),
            between_steps=self._see,
        )

    def _see(self, state: nogd.State) -> None:
        assert isinstance(state, RestartsState)
        if state.run == len(self.looks):
            self.looks.append(
                Look(
                    state.run, state.small, state.population, state.sigma, state.began, state.ceiling,
                    state.inner.theta.clone(), self.bits,
                )
            )  # fmt: skip
        self.bits = state.rng.get_state()
        self.thetas.append(state.theta.clone())

    def spent(self) -> list[float]:
        """Forwards of each run that has ended."""
        return [after.began - before.began for before, after in pairwise(self.looks)]


def restarts(inner: nogd.Learner, **more: Any) -> nogd.Restarts:
    return nogd.Restarts(inner=inner, **more)


def cost(population: int, *, first: bool) -> int:
    """Forwards of a run of Scatter with its three steps, one of the looks that come between included."""
    spent = looked = 0
    for step in range(3):
        spent += population
        if step == 2 or (not first and spent - looked >= LOOK):
            spent += 1
            looked = spent
    return spent


def test_ipop_multiplies_the_population_at_each_restart():
    watch = Watch(restarts(Scatter(population=4)))
    assert len(watch.looks) == 8
    assert [look.population for look in watch.looks] == [None, *(4 * 2**k for k in range(1, 8))]
    assert watch.spent() == [cost(4 * 2**k, first=k == 0) for k in range(7)]
    assert {(look.small, look.sigma, look.ceiling) for look in watch.looks} == {(False, None, math.inf)}


def test_the_first_population_is_the_learners_own_or_the_default_one():
    populations = [look.population for look in Watch(restarts(Scatter(), growth=1.5), forwards=400).looks]
    first = nogd.default_population(plain.read(plain.network(2, 2, 1)).numel())
    assert populations == [None, *(math.floor(first * 1.5**k) for k in range(1, len(populations)))]


def test_runs_begin_anywhere_in_the_box():
    starts = torch.stack([look.start for look in Watch(restarts(Scatter(), growth=1)).looks])
    assert torch.equal(starts[0], plain.read(plain.network(2, 2, 1)))
    assert len(starts) > 50
    assert (starts[1:].abs() <= 5).all()
    assert starts[1:].abs().max() > 4.9
    assert len(starts.unique(dim=0)) == len(starts)


def test_bipop_makes_small_runs_while_they_have_taken_less_than_the_large_ones():
    watch = Watch(restarts(Scatter(population=4), scheme="bipop"), forwards=9_000)
    large, little, last_large, larger = 0.0, 0.0, 0.0, 0
    for look, spent in zip(watch.looks, watch.spent(), strict=False):
        assert look.small == (look.run > 1 and little < large)
        if look.small:
            _assert_small(look, 4 * 2**larger, last_large)
            little += spent
        else:
            larger += look.run > 0
            assert (look.population or 4, look.sigma) == (4 * 2**larger, None)
            assert look.ceiling == math.inf
            large, last_large = large + spent, spent
    assert larger >= 3
    assert sum(look.small for look in watch.looks) >= 10


def _assert_small(look: Look, latest: int, last_large: float) -> None:
    """As Hansen 2009 has it, from the same random numbers."""
    rng = Generator()
    rng.set_state(look.bits)
    first, second = torch.rand(2, generator=rng, dtype=torch.float64).tolist()
    assert look.population == math.floor(4 * (latest / 4) ** (first**2))
    assert look.sigma == pytest.approx(0.5 * 10 ** (-2 * second))
    assert look.ceiling == look.began + last_large / 2


def test_a_small_run_takes_half_of_the_latest_large_one_at_most():
    watch = Watch(restarts(Scatter(population=4, steps=40), scheme="bipop"), forwards=9_000)
    small = [(look, spent) for look, spent in zip(watch.looks, watch.spent(), strict=False) if look.small]
    assert all(look.began + spent <= look.ceiling + 1 for look, spent in small)  # the last look is above
    assert any(look.began + spent > look.ceiling - look.population for look, spent in small)


@pytest.mark.parametrize("scheme", ["ipop", "bipop"])
def test_the_best_of_all_runs_counts(scheme):
    watch = Watch(restarts(Scatter(steps=3), scheme=scheme), bounds=(-1, 1))
    thetas = torch.stack(watch.thetas)
    losses = plain.losses(plain.network(2, 2, 1), thetas, *plain.data(5, 2), nn.functional.mse_loss)
    behind = losses[3:]  # the first run may get worse
    assert (behind.diff() <= 0).all()
    assert len(behind.unique()) >= 2
    assert watch.outcome.loss == pytest.approx(float(behind[-1]))


def test_restarts_get_out_of_a_local_minimum():
    def loss(learner: str) -> float:
        module = plain.network(2, 3, 1, seed=1)
        return nogd.fit(module, *plain.data(12, 2), learner=learner, budget=2_000).loss

    assert loss("restarts(exact-line)") < 0.5 * loss("exact-line")


def test_a_learner_that_takes_pairs_gets_pairs():
    watch = Watch(restarts(Pairs(population=4), scheme="bipop"), forwards=4_000)
    assert any(look.population % 2 for look in watch.looks[1:])
    assert all(watch.learner.running(state_of(look)).population % 2 == 0 for look in watch.looks)


def state_of(look: Look) -> RestartsState:
    nothing = nogd.State(theta=look.start)
    return RestartsState(
        theta=look.start,
        rng=Generator(),
        inner=nothing,
        run=look.run,
        population=look.population,
        sigma=look.sigma,
    )


def test_a_learner_that_is_finished_at_once_ends_by_every_budget():
    for budget in ({"forwards": 30}, {"evaluations": 30}, {"iterations": 30}):
        run = nogd.fit(
            plain.network(2, 1), *plain.data(5, 2), learner=restarts(Scatter(steps=0)), budget=budget
        )
        assert run.status == "budget"
        assert 28 <= run.meter.evaluations <= 32


def test_a_small_run_that_cannot_begin_is_over():
    run = nogd.fit(
        plain.network(2, 1), *plain.data(5, 2), learner=restarts(Costly(), scheme="bipop"), budget=400
    )
    assert run.status == "budget"
    assert run.meter.forwards > 370


def test_what_the_learner_within_needs_is_needed():
    objective = nogd.Objective(
        nogd.objective(nn.Linear(2, 1), *plain.data(5, 2, dtype=torch.float32))._scorer, differentiable=False
    )
    assert refusal(build("restarts(adam)"), objective) == "adam needs a gradient, and there is none here"
    assert refusal(build("restarts(exact-line)"), objective) is None


@pytest.mark.parametrize(
    "text",
    [
        "restarts",
        "restarts(adam,lr=0.01)",
        "restarts(random-search,population=8),scheme=bipop",
        "restarts(grid-search,points=3+adam),growth=3.0",
        "hybrid(restarts(random-search); sgd)",
        "restarts(restarts(grid-search))+adam",
    ],
)
def test_names_nest_and_come_back(text):
    assert str(build(text)) == text
    assert build(str(build(text))) == build(text)


@parametrize_with_checks([restarts(Scatter()), restarts(Scatter(steps=9), scheme="bipop")])
def test_nogds_rules(learner, check):
    check(learner)
