"""One learner after the other: who may spend what, and what the curve says of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import ClassVar

import plain
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field
from torch import Generator, Tensor

import nogd
from nogd.engine.objective import Objective
from nogd.errors import InvalidSetting, LearnerError


@dataclass(kw_only=True)
class SpenderState(nogd.State):
    rng: Generator


class Spender(nogd.Learner):
    """Scores `entry` candidates to begin, `cost` per step, an iteration of `lasts` seconds; stops after `steps`."""

    name: ClassVar[str] = "test-spender"
    cost: int = 1
    entry: int = 0
    steps: int | None = None
    move: float = Field(1.0, description="what a step adds to theta")
    lasts: float = 0.0

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> SpenderState:
        objective.losses(nogd.Population(theta.repeat(self.entry, 1)))
        return SpenderState(theta=theta, rng=rng)

    def step(self, objective: Objective, state: nogd.State) -> None:
        objective.losses(nogd.Population(state.theta.repeat(self.cost, 1)))
        time.sleep(self.lasts)
        state.theta = state.theta + self.move
        state.iteration += 1
        if state.iteration == self.steps:
            state.finished = "that was all"


def fit(learner: nogd.Learner, budget) -> nogd.Run:
    return nogd.fit(plain.network(2, 1), *plain.data(5, 2), learner=learner, budget=budget)


def spent(run: nogd.Run) -> dict[int, float]:
    """What each phase had spent when it ended, in forwards of the whole run."""
    return run.curve.groupby("phase")["forwards"].max().to_dict()


def sequence(*parts: nogd.Learner, shares: tuple[float, ...] = ()) -> nogd.Sequence:
    return nogd.Sequence(parts=parts, shares=shares)


def test_equal_shares_unless_given():
    assert spent(fit(sequence(Spender(), Spender(), Spender()), 30)) == {0: 10, 1: 20, 2: 30}


def test_shares_are_of_what_is_left():
    run = fit(sequence(Spender(), Spender(), Spender(), shares=(2, 1, 1)), 40)
    assert spent(run) == {0: 20, 1: 30, 2: 40}
    assert run.status == "budget"


def test_what_a_phase_leaves_goes_on_to_the_next():
    run = fit(sequence(Spender(steps=2), Spender(), Spender()), 30)
    assert spent(run) == {0: 2, 1: 16, 2: 30}


def test_what_does_not_fit_a_share_goes_on_too():
    run = fit(sequence(Spender(cost=4), Spender()), 20)
    assert spent(run) == {0: 8, 1: 20}


@pytest.mark.parametrize("field", ["forwards", "evaluations", "iterations"])
def test_every_limit_is_shared(field):
    run = fit(sequence(Spender(), Spender(), shares=(0.3, 0.7)), nogd.Budget(**{field: 20}))
    name = {"iterations": "iteration"}.get(field, field)
    assert run.curve.groupby("phase")[name].max().to_dict() == {0: 6, 1: 20}


@pytest.mark.usefixtures("slept")
def test_seconds_are_shared():
    run = fit(sequence(Spender(lasts=0.125), Spender(lasts=0.125)), nogd.Budget(seconds=4))
    assert run.curve.groupby("phase")["seconds"].max().to_dict() == {
        0: 2.125,
        1: 4.125,
    }  # a call begun in time ends


def test_a_share_that_ends_between_two_iterations_is_not_overrun():
    run = fit(sequence(Spender(), Spender()), nogd.Budget(iterations=5))
    assert run.curve.groupby("phase")["iteration"].max().to_dict() == {0: 2, 1: 5}


@settings(deadline=None, derandomize=True, max_examples=40)
@given(
    shares=st.lists(st.integers(1, 9), min_size=2, max_size=5), unit=st.integers(1, 7), tenths=st.booleans()
)
def test_whole_shares_are_used_up_to_the_last_forward(shares, unit, tenths):
    """Shares are divided in floating point, which must not cost a phase its last forward."""
    given_as = tuple(share / 10 if tenths else float(share) for share in shares)
    run = fit(sequence(*(Spender() for _ in shares), shares=given_as), unit * sum(shares))
    assert list(spent(run).values()) == [unit * sum(shares[: k + 1]) for k in range(len(shares))]


def test_sequences_in_sequences():
    inner = sequence(Spender(move=1.0), Spender(move=10.0))
    run = fit(sequence(inner, Spender(move=100.0)), 40)
    start = plain.read(plain.network(2, 1))
    assert spent(run) == {0: 20, 1: 40}
    torch.testing.assert_close(run.theta, start.to(run.theta) + 10 * 1 + 10 * 10 + 20 * 100)


def test_a_phase_begins_where_the_one_before_ended():
    run = fit(sequence(Spender(move=1.0), Spender(move=-1.0)), 20)
    torch.testing.assert_close(run.theta, plain.read(plain.network(2, 1)))


def test_iterations_go_on_counting_and_the_phase_has_a_column():
    run = fit(sequence(Spender(steps=3), Spender(steps=2)), 100)
    assert run.curve["iteration"].tolist() == [0, 1, 2, 3, 4, 5]
    assert run.curve["phase"].tolist() == [0, 0, 0, 0, 1, 1]
    assert (run.status, run.reason) == ("ok", "test-spender: that was all")


def test_a_share_too_small_to_begin_is_left_to_the_next():
    run = fit(sequence(Spender(entry=15), Spender()), 20)
    assert spent(run) == {0: 0, 1: 20}
    run = fit(sequence(Spender(cost=15), Spender()), 20)
    assert spent(run)[1] == 20


def test_nobody_can_begin():
    run = fit(sequence(Spender(entry=15), Spender(entry=25)), 20)
    assert (run.status, run.meter.forwards) == ("budget", 0)


def test_the_target_ends_the_whole_sequence_in_its_phase():
    falling = plain.network(2, 1)
    with torch.no_grad():
        falling[0].weight.fill_(-30.0)
        falling[0].bias.fill_(-30.0)
    learner = sequence(Spender(), Spender())
    run = nogd.fit(
        falling, torch.ones(3, 2).double(), torch.zeros(3, 1), learner=learner, budget=40, target=1.0
    )
    assert (run.status, run.meter.evaluations, run.curve["phase"].iloc[-1]) == ("target", 31, 1)
    assert run.theta.tolist() == [0.0, 0.0, 0.0]


def test_a_sequence_needs_what_its_parts_need():
    with pytest.raises(InvalidSetting, match="not applicable: adam needs a gradient"):
        nogd.minimize(plain.network(2, 1), lambda module: 0.0, learner="random-search+adam", budget=10)


@pytest.mark.parametrize(
    ("shares", "complaint"),
    [((1.0,), "give a share to every learner"), ((1.0, 0.0), "positive"), ((1.0, float("inf")), "positive")],
)
def test_shares_that_make_no_sense(shares, complaint):
    with pytest.raises(ValueError, match=complaint):
        sequence(Spender(), Spender(), shares=shares)


def test_a_sequence_of_nothing():
    with pytest.raises(ValueError, match="at least one"):
        sequence()


class Undecided(Spender):
    """Answers whether it has ended, where the reason is asked for."""

    name: ClassVar[str] = "test-undecided"
    answer: str = "False"

    def step(self, objective: Objective, state: nogd.State) -> None:
        super().step(objective, state)
        answers = {"False": False, "True": True, "tensor": torch.tensor(False), "number": 0}
        state.finished = answers[self.answer]  # type: ignore[assignment]  # the mistake that is meant


@pytest.mark.parametrize("answer", ["False", "True", "tensor", "number"])
@pytest.mark.parametrize("inside", [False, True])
def test_whoever_ends_without_a_reason_is_told_so(answer, inside):
    learner = Undecided(answer=answer)
    with pytest.raises(LearnerError, match=r"test-undecided.* set state.finished to .*the reason, a string"):
        fit(sequence(learner, Spender()) if inside else learner, 30)


def test_an_empty_reason_ends_a_phase_as_it_ends_a_run():
    class Laconic(Spender):
        name: ClassVar[str] = "test-laconic"

        def step(self, objective: Objective, state: nogd.State) -> None:
            super().step(objective, state)
            state.finished = ""

    assert spent(fit(sequence(Laconic(), Spender()), 30)) == {0: 1, 1: 30}
