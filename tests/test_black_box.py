"""A black box is called exactly as often as it is paid for: calls may cost money, and move the box's own state."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import Generator, Tensor, nn

import nogd
from nogd.engine.accounts.meter import Limit
from nogd.engine.black_box import BlackBox
from nogd.engine.objective import Objective
from nogd.engine.space import ParameterSpace
from nogd.engine.state import from_bytes, to_bytes
from nogd.problem.metrics import find_metric
from nogd.training.loop import snapshot, train
from nogd.training.recorder import Recorder

pytestmark = pytest.mark.torch_alone

D = 4


class Box:
    """A score that remembers who came, and differs from call to call."""

    def __init__(self) -> None:
        self.asked: list[list[float]] = []
        self.given: list[float] = []

    def __call__(self, module: nn.Module) -> float:
        theta = torch.cat([p.detach().flatten() for p in module.parameters()])
        self.asked.append(theta.tolist())
        self.given.append(float((theta - 0.5).square().sum()) + 1e-4 * len(self.given))
        return self.given[-1]

    def last_of(self, theta: Tensor) -> float:
        """What it gave last for theta."""
        return next(
            loss
            for asked, loss in zip(self.asked[::-1], self.given[::-1], strict=True)
            if asked == theta.tolist()
        )


@dataclass(kw_only=True)
class MeanState(nogd.State):
    rng: Generator


class Mean(nogd.AskTell):
    """Recommend the mean of the better half, which nobody has ever scored (Rubinstein 1999)."""

    name: ClassVar[str] = "mean"
    population: int = 6

    def init(self, objective: nogd.Objective, theta: Tensor, rng: Generator) -> nogd.State:
        return MeanState(theta=theta, rng=rng)

    def ask(self, state: Any) -> nogd.Population:
        count = min(self.population, state.room)
        return nogd.Population(state.theta + torch.randn(count, D, generator=state.rng))

    def tell(self, state: Any, candidates: Any, losses: Tensor) -> None:
        state.theta = candidates.thetas[losses.argsort()[: max(2, len(losses) // 2)]].mean(0)
        state.iteration += 1


class Leaping(nogd.Learner):
    """Score where it stands, and leap at last to where nobody was (Matyas 1965)."""

    name: ClassVar[str] = "leaping"
    calls: int = 5

    def init(self, objective: nogd.Objective, theta: Tensor, rng: Generator) -> nogd.State:
        return nogd.State(theta=theta)

    def step(self, objective: nogd.Objective, state: nogd.State) -> None:
        objective.losses(nogd.Population(state.theta[None]))
        state.iteration += 1
        if state.iteration == self.calls:
            state.theta = state.theta + 1


def minimize(learner: Any, budget: Any, **settings: Any) -> tuple[nogd.Run, Box]:
    box = Box()
    module = nn.Linear(D, 1, bias=False)
    nn.init.constant_(module.weight, 2.0)
    return nogd.minimize(module, box, learner=learner, budget=budget, **settings), box


LEARNERS = (
    "random-search,population=5", "grid-search,points=3", "exact-line",
    "random-search,population=3+grid-search,points=3", Mean(), Leaping(),
    nogd.Sequence(parts=(Mean(), Mean(population=4))),
)  # fmt: skip


@pytest.mark.parametrize("limit", ["forwards", "evaluations"])
@pytest.mark.parametrize("learner", LEARNERS, ids=str)
def test_it_is_called_as_often_as_it_is_paid_for_and_no_more(learner, limit):
    for budget in (1, 2, 5, 6, 7, 13, 40):
        run, box = minimize(learner, {limit: budget})
        assert len(box.asked) == run.meter.forwards == run.meter.evaluations <= budget
        assert run.loss == pytest.approx(box.last_of(run.theta), rel=1e-6)
        assert run.best_loss == pytest.approx(min(box.given), rel=1e-6)


@pytest.mark.parametrize("learner", ["random-search,population=5", Mean()], ids=str)
def test_whoever_asks_for_no_more_than_there_is_room_for_spends_all_of_it(learner):
    for budget in (1, 2, 5, 12, 13, 40):
        assert minimize(learner, budget)[0].meter.forwards == budget


def test_one_call_is_kept_back_for_a_recommendation_that_was_never_scored():
    run, box = minimize(Mean(), 13)
    assert box.asked[-1] == run.theta.tolist()
    assert run.loss == pytest.approx(box.given[-1])
    assert run.status == "budget"


def test_the_last_recommendation_that_was_scored_stands_where_no_call_is_left():
    run, box = minimize(Leaping(calls=5), 5)
    assert run.theta.tolist() == [2.0] * D
    assert run.loss == pytest.approx(box.given[-1])
    run, box = minimize(Leaping(calls=5), 6)
    assert run.theta.tolist() == [3.0] * D == box.asked[-1]


def test_a_budget_below_one_call_calls_nothing():
    run, box = minimize("random-search", 0.5)
    assert (run.status, box.asked, run.theta.tolist()) == ("budget", [], [2.0] * D)
    assert math.isnan(run.loss)


def test_spent_seconds_leave_the_kept_call():
    run, box = minimize(Mean(), {"seconds": 0.05})
    assert len(box.asked) == run.meter.forwards
    assert run.loss == pytest.approx(box.last_of(run.theta))


@pytest.mark.parametrize("learner", LEARNERS, ids=str)
def test_no_candidate_behind_the_one_that_meets_the_target_is_scored(learner):
    run, box = minimize(learner, 60, target=14.0 if isinstance(learner, Leaping) else 7.0)
    assert len(box.asked) == run.meter.forwards == run.meter.evaluations
    if run.status == "target":
        assert box.given[-1] <= 14
        assert box.asked[-1] == run.theta.tolist()
        assert min([math.inf, *box.given[:-1]]) > box.given[-1]


def test_a_curve_holds_the_score_last_given_else_a_blank():
    run, box = minimize("random-search,population=5", 21)
    curve = run.curve["loss"]
    assert math.isnan(curve[0])  # nobody had scored the start yet
    assert curve[1:].tolist() == pytest.approx([min(box.given[: 1 + 5 * k]) for k in range(1, 5)], rel=1e-6)
    run, box = minimize(Mean(), 13)
    assert [math.isnan(loss) for loss in run.curve["loss"]] == [True, True, True, False]


def objective(box: Box) -> Objective:
    module = nn.Linear(D, 1, bias=False)
    return Objective(BlackBox(module, ParameterSpace(module), box))


@pytest.mark.parametrize("learner", [*LEARNERS[:3], Mean()], ids=str)
def test_a_resumed_run_calls_for_what_is_left_alone(learner):
    learner = nogd.training.names.build(learner)
    start, whole, saved = torch.full((D,), 2.0), Box(), []

    def run(box: Box, checkpoint: bytes | None, keep: bool = False) -> Any:
        made = objective(box)
        recorder = Recorder(made.measure, by_iteration=True)
        between = (
            (lambda state: saved.append((to_bytes(snapshot(made, recorder, state)), len(box.asked))))
            if keep
            else None
        )
        return train(
            learner, made, start, Generator().manual_seed(1), limit=Limit(forwards=30), recorder=recorder,
            saved=None if checkpoint is None else from_bytes(checkpoint), between_steps=between,
        )  # fmt: skip

    expected = run(whole, None, keep=True)
    for checkpoint, calls in saved[:: max(1, len(saved) // 4)]:
        box = Box()
        box.asked, box.given = whole.asked[:calls], whole.given[:calls]
        outcome = run(box, checkpoint)
        assert box.asked == whole.asked
        assert (outcome.theta.tolist(), outcome.loss) == (expected.theta.tolist(), expected.loss)


CALLS: list[int] = []


class Pole(nogd.Task):
    """Bring four weights to a half."""

    name: ClassVar[str] = "pole"
    budget: ClassVar[float] = 25
    differentiable: ClassVar[bool] = False

    def problem(self, seed: int) -> nogd.Problem:
        def score(module: nn.Module) -> float:
            CALLS.append(1)
            return float((module.weight - 0.5).square().sum())

        nothing = nogd.Split(torch.zeros(1, D), torch.zeros(1, 1))
        module = nn.Linear(D, 1, bias=False)
        return nogd.Problem(module=module, loss="mse", train=nothing, metric=find_metric("r2"), score=score)

    def describe(self) -> dict[str, object]:
        return {"name": self.name}


def test_the_bench_calls_no_more_than_that_either(tmp_path):
    CALLS.clear()
    learners = ["random-search", "grid-search,points=3", Mean()]
    results = nogd.run(learners=learners, tasks=[Pole], repetitions=2, out=tmp_path, jobs=0, progress=False)
    runs = results.runs
    assert set(runs["status"]) <= {"budget", "ok"}
    assert len(CALLS) == runs["forwards"].sum()
    assert runs.set_index("learner")["forwards"][["random-search", "mean"]].tolist() == [25] * 4
    assert runs["loss"].notna().all()
