"""What a learner may not touch: the meter, what is measured, and the data that others see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import plain
import pytest
import torch
from torch import Generator, Tensor

import nogd
from nogd.errors import LearnerError
from nogd.objective.meter import Limit

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
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_is_for_the_record_is_refused_to_a_learner_at_work(name):
    x, y = plain.data(9, 3)
    with pytest.raises(LearnerError, match=f"objective.{name} is for the record alone"):
        fit(FORBIDDEN[name], x, y)


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
