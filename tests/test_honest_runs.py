"""What a learner may not touch: the meter, what is measured, and the data that others see."""

from __future__ import annotations

import copy
import pickle
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import plain
import pytest
import torch
from torch import Generator, Tensor

import nogd
from nogd.bench.audit import Watched, overrun
from nogd.engine.accounts.meter import Limit
from nogd.errors import LearnerError

BUDGET = 12


class Doing(nogd.Learner):
    """Score the start, and do something else on the way (Matyas 1965)."""

    name: ClassVar[str] = "doing"
    what: Callable[[nogd.Objective], Any]

    def init(self, objective: nogd.Objective, theta: Tensor, rng: Generator) -> nogd.State:
        return nogd.State(theta=theta)

    def step(self, objective: nogd.Objective, state: nogd.State) -> None:
        objective.losses(nogd.Population(state.theta[None]))
        self.what(objective)
        state.iteration += 1


def fit(what: Callable[[nogd.Objective], Any], x: Tensor, y: Tensor) -> nogd.Run:
    return nogd.fit(plain.network(3, 4, 1), x, y, learner=Doing(what=what), budget=BUDGET)


@pytest.mark.parametrize(
    "name", ["forwards", "evaluations", "seconds", "inside", "iterations", "forwarded", "_ledger", "anything"]
)
def test_the_meter_cannot_be_set(name):
    made = nogd.objective(plain.network(3, 4, 1), *plain.data(9, 3))
    made.losses(nogd.Population(plain.thetas(2, made.D)))
    with pytest.raises(AttributeError, match=f"the meter is for reading, so {name} cannot be set"):
        setattr(made.meter, name, 0)
    assert (made.meter.forwards, made.meter.evaluations) == (2, 2)
    assert not hasattr(made.meter, "pause")
    assert not hasattr(made.meter, "restart_clock")


FORBIDDEN = {
    "measure": lambda objective: objective.measure(objective.recommendation),
    "trace": lambda objective: objective.trace,
    "begin": lambda objective: objective.begin(objective.recommendation, Limit(), None, None),
    "restore": lambda objective: objective.restore(objective.save()),
    "write": lambda objective: objective.write(objective.recommendation, objective.module),
    "warm_up": lambda objective: objective.warm_up(objective.recommendation),
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_is_for_the_record_is_refused_to_a_learner_at_work(name):
    x, y = plain.data(9, 3)
    with pytest.raises(LearnerError, match=f"objective.{name} is for the record alone"):
        fit(FORBIDDEN[name], x, y)


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_copy_would_have_a_meter_of_its_own(twin):
    x, y = plain.data(9, 3)
    with pytest.raises(LearnerError, match="a copy of the objective is for the record alone"):
        fit(twin, x, y)


@pytest.mark.parametrize("name", ["N", "D", "features", "gradient_cost", "meter"])
def test_what_all_is_counted_by_cannot_be_set(name):
    made = nogd.objective(plain.network(3, 4, 1), *plain.data(9, 3))
    with pytest.raises(AttributeError):
        setattr(made, name, 0)
    made.losses(nogd.Population(plain.thetas(2, made.D)))
    assert made.meter.forwards == 2


class Modest(nogd.Line):
    """Says that it is one candidate, whatever it holds."""

    def __len__(self) -> int:
        return 1


def test_candidates_are_counted_and_not_asked_how_many_they_are():
    made = nogd.objective(plain.network(3, 4, 1), *plain.data(9, 3))
    theta = plain.thetas(1, made.D)[0]
    assert len(made.losses(Modest(theta, 2, torch.zeros(50)))) == made.meter.forwards == 50


def recount(objective: nogd.Objective) -> None:
    if objective.meter.iterations == 2:
        objective.state.iteration = -5


def test_a_learner_that_counts_its_iterations_back_has_no_result():
    x, y = plain.data(9, 3)
    with pytest.raises(LearnerError, match="overran its budget: it turned the meter back"):
        fit(recount, x, y)


def test_and_is_there_before_and_after():
    seen = []
    x, y = plain.data(9, 3)
    run = fit(seen.append, x, y)
    made = seen[0]
    assert made.measure(run.theta)["loss"] == run.loss
    assert made.trace.best == run.best_loss == run.loss
    assert len(run.curve) == BUDGET + 1  # and was all the time to the recorder


WRITES = {
    "inputs in place": ("inputs", lambda objective: objective.inputs.mul_(2)),
    "inputs behind torch's back": ("inputs", lambda objective: objective.inputs.numpy().fill(0)),
    "targets in place": ("targets", lambda objective: objective.targets.zero_()),
    "the engine's own": ("data", lambda objective: objective._scorer.targets.zero_()),
}


@pytest.mark.parametrize("how", WRITES)
def test_a_learner_that_writes_into_the_data_has_no_result(how):
    what, write = WRITES[how]
    x, y = plain.data(9, 3)
    with pytest.raises(LearnerError, match=f"doing.* wrote into the training {what}"):
        fit(write, x, y)


@pytest.mark.parametrize("how", [how for how in WRITES if how != "the engine's own"])
def test_and_nobody_else_sees_it(how):
    x, y = plain.data(9, 3)
    before, losses = (x.clone(), y.clone()), []

    def look(objective: nogd.Objective) -> None:
        WRITES[how][1](objective)
        losses.append(float(objective.losses(nogd.Population(objective.recommendation[None]))))

    with pytest.raises(LearnerError):
        fit(look, x, y)
    assert torch.equal(x, before[0])
    assert torch.equal(y, before[1])
    assert len(set(losses)) == 1


def test_looking_at_the_data_is_nothing_to_complain_about():
    x, y = plain.data(9, 3)
    sums = []
    run = fit(lambda objective: sums.append(float(objective.inputs.sum() + objective.targets.sum())), x, y)
    assert run.status == "budget"
    assert set(sums) == {float(x.sum() + y.sum())}


# -- what the harness finds in a finished run


class Honest(nogd.Learner):
    """Try random steps and keep the better (Matyas 1965)."""

    name: ClassVar[str] = "honest"

    def init(self, objective: nogd.Objective, theta: Tensor, rng: Generator) -> Any:
        return HonestState(theta=theta, rng=rng)

    def step(self, objective: nogd.Objective, state: Any) -> None:
        self.cheat(objective, state)
        thetas = state.theta + 0.1 * torch.randn(8, len(state.theta), generator=state.rng)
        state.theta = thetas[objective.losses(nogd.Population(thetas)).argmin()].clone()
        state.iteration += 1
        if state.iteration == 60:
            state.finished = "enough"

    def cheat(self, objective: Any, state: Any) -> None:
        """Nothing of the kind."""


@dataclass(kw_only=True)
class HonestState(nogd.State):
    rng: Generator


class Unlimited(Honest):
    """Take the limits away (Matyas 1965)."""

    name: ClassVar[str] = "unlimited"

    def cheat(self, objective: Any, state: Any) -> None:
        for limit in objective._till.limits:
            limit.forwards = limit.evaluations = limit.seconds = limit.iterations = float("inf")


class Rewinding(Honest):
    """Turn the meter back (Matyas 1965)."""

    name: ClassVar[str] = "rewinding"

    def cheat(self, objective: Any, state: Any) -> None:
        if state.iteration % 4 == 3:
            objective._till.ledger.forwarded //= 2


class Pausing(Honest):
    """Take its own time off the clock (Matyas 1965)."""

    name: ClassVar[str] = "pausing"

    def cheat(self, objective: Any, state: Any) -> None:
        objective._till.ledger.off += 10


class Restarting(Honest):
    """Let the clock begin anew after a while (Matyas 1965)."""

    name: ClassVar[str] = "restarting"

    def cheat(self, objective: Any, state: Any) -> None:
        if state.iteration == 2:
            time.sleep(1.2)
            objective._till.ledger.restart_clock()


CHEATS = {
    Unlimited: r"480 forwards of 100",
    Rewinding: "it turned the meter back",
    Pausing: r"its meter shows -\d+ s, the harness's clock |its meter ran backwards, from \S+ seconds",
    Restarting: r"its meter shows \S+ s, the harness's clock \d+\.\d+ s|its meter ran backwards, from \S+ seconds",
}


@pytest.fixture(scope="module")
def audited(tmp_path_factory):
    learners = [Honest(), *(kind() for kind in CHEATS)]
    out = tmp_path_factory.mktemp("audited")
    found = nogd.run(
        learners=learners, tasks=["iris"], repetitions=1, budget=100, out=out, jobs=0, progress=False
    )
    return found.runs.set_index("learner"), found


@pytest.mark.parametrize("kind", CHEATS)
def test_a_run_that_broke_its_budget_is_an_error(audited, kind):
    row = audited[0].loc[kind.name]
    assert row["status"] == "error"
    assert re.fullmatch(f"{kind.name} overran its budget: (?:{CHEATS[kind]}).*", row["reason"])
    assert row["loss"] == row["start_loss"] == audited[0].loc["honest", "start_loss"]


def test_and_never_a_rank(audited):
    runs, found = audited
    assert runs.loc["honest", "status"] == "budget"
    assert runs.loc["honest", "forwards"] == 96
    board = found.leaderboard.set_index("learner")
    assert board.loc["honest", "mean_rank"] == 1
    assert (board["mean_rank"].drop("honest") > 1).all()
    assert board["score"].idxmax() == "honest"


BUDGET_OF = {"forwards": 100.0, "evaluations": 50, "iterations": 9, "seconds": 2.0}
READING = {"forwards": 100.0, "evaluations": 50, "iterations": 9, "seconds": 2.5}
WATCHED = Watched(elapsed=3.0, off=0.5, before=0.0, paid_at=1.99)


def test_what_fits_is_no_overrun():
    assert overrun(READING, [], BUDGET_OF, WATCHED) is None  # one call may pass the seconds
    assert overrun(READING | {"seconds": 102.5}, [], {}, replace(WATCHED, before=100.0)) is None
    assert overrun(READING | {"seconds": 195.0}, [], {}, replace(WATCHED, elapsed=200.0, off=4.0)) is None


@pytest.mark.parametrize(
    ("changes", "watched", "said"),
    [
        ({"forwards": 100.1}, {}, "100.1 forwards of 100"),
        ({"evaluations": 51}, {}, "51 evaluations of 50"),
        ({"iterations": 10}, {}, "10 iterations of 9"),
        ({}, {"paid_at": 2.01}, "a call was paid after 2.01 seconds of 2"),
        ({"seconds": 1.4}, {}, "its meter shows 1.4 s, the harness's clock 2.5 s"),
        ({"seconds": 3.6}, {}, "its meter shows 3.6 s, the harness's clock 2.5 s"),
        (
            {"seconds": 190.0},
            {"elapsed": 200.0, "off": 5.0},
            "its meter shows 190 s, the harness's clock 195 s",
        ),
    ],
)
def test_what_does_not_fit_is_told_in_words(changes, watched, said):
    assert overrun(READING | changes, [], BUDGET_OF, replace(WATCHED, **watched)) == said


def work(objective: nogd.Objective) -> None:
    with objective.work(8):
        pass


@pytest.mark.parametrize("limit", ["forwards", "evaluations"])
def test_a_learner_that_computes_by_itself_is_ended_by_every_ledger(limit):
    x, y = plain.data(9, 3)
    run = nogd.fit(plain.network(3, 4, 1), x, y, learner=Doing(what=work), budget={limit: 40})
    assert (run.status, run.meter.forwards, run.meter.evaluations) == ("budget", 37, 37)


def test_seconds_end_a_learner_that_asks_nothing():
    x, y = plain.data(9, 3)
    run = nogd.fit(plain.network(3, 4, 1), x, y, learner=Idle(), budget={"seconds": 0.05})
    assert (run.status, run.meter.forwards) == ("budget", 0)


class Idle(Doing):
    """Wait (Beckett 1952)."""

    name: ClassVar[str] = "idle"
    what: Callable[[nogd.Objective], Any] = len

    def step(self, objective: nogd.Objective, state: nogd.State) -> None:
        time.sleep(0.01)
