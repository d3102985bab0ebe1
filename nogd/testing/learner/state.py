"""What is kept between steps, and what is left alone."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from nogd.engine.accounts.meter import Limit
from nogd.engine.inputs.tensors import named
from nogd.engine.objective import Objective
from nogd.engine.several import gathered, parts_of
from nogd.engine.state import State, from_bytes, to_bytes
from nogd.errors import InvalidSetting, LearnerError
from nogd.testing.check import NotApplicable, broken, check
from nogd.testing.measuring import as_the_bench
from nogd.testing.toys import ALL, first_fit
from nogd.testing.trial import Trial, difference
from nogd.training.learner import Learner

RESUMED = 8
# Forwards in which whoever ever finishes does so where every loss is 0.
SPENT = 500.0


@check(
    "In `init`, work on copies (`theta.clone()`); the first recommendation is the starting point, or a better one."
)
def init_leaves_theta_alone(learner: Learner) -> None:
    """The starting point is the same for every learner, and must not change before anything was scored."""
    trial = Trial(learner, first_fit(learner))
    theta = trial.start.clone()
    trial.objective.begin(trial.start, Limit(), None, None)
    learner.init(trial.objective, theta, trial.rng)
    if not torch.equal(theta, trial.start):
        broken("`init` changed the theta that it was given.")


@check("Write into copies: `objective.inputs.clone()` and so on.")
def data_and_network_are_left_alone(learner: Learner) -> None:
    """Training data, box and network's mode are the same for every learner and at any moment of a run."""
    trial = Trial(learner, first_fit(learner))
    before = _surroundings(trial.objective)
    try:
        trial.run()
    except LearnerError as error:
        broken(str(error))
    for name, value in _surroundings(trial.objective).items():
        if not _same(value, before[name]):
            broken(f"it changed {name} of the objective.")


@check(
    "Keep only tensors, generators, numbers, strings, states, and lists, tuples and dicts of them in the State:"
    " `int(...)` or `float(...)` around a number of numpy's."
)
def state_saves_and_loads(learner: Learner) -> None:
    """A checkpoint can be taken at every boundary and read back without running any code of the file."""

    def there_and_back(state: State) -> None:
        try:
            saved = to_bytes(state)
            again = to_bytes(from_bytes(saved))
        except (InvalidSetting, TypeError, RuntimeError) as error:
            broken(f"at iteration {state.iteration}: {error}")
        if saved != again:
            broken(f"at iteration {state.iteration} the state comes back as another one.")

    Trial(learner, first_fit(learner), recorded=False, between=there_and_back).run()


@check("Keep everything that changes in the State, nothing on the learner, in its class or in its module.")
def resumed_run_ends_the_same(learner: Learner) -> None:
    """A run that continues from any checkpoint ends exactly like one that was never stopped."""
    toy = first_fit(learner)
    whole = Trial(learner, toy, keep=True)
    try:
        expected = whole.bits()
    except InvalidSetting as error:
        raise NotApplicable(f"its state cannot be saved: {error}") from None
    if not whole.snapshots:
        raise NotApplicable("it spends the whole budget before its first step")
    every = max(1, len(whole.snapshots) // RESUMED)
    for place in sorted({*range(0, len(whole.snapshots), every), len(whole.snapshots) - 1}):
        resumed = Trial(learner, toy, forwards=whole.forwards, saved=whole.snapshots[place])
        if (said := difference(resumed.bits(), expected)) is not None:
            broken(f"a run that goes on before step {place + 1} ends differently: {said}.")


@check(
    "Leave `state.finished` None as long as there is something to do, and then set it to the reason, a string."
)
def finishes_with_a_reason(learner: Learner) -> None:
    """Anything but None ends a run, and the table shows why it ended."""
    toys = [replace(toy, loss=_nothing_left) for toy in ALL]
    for among in (ALL, toys):
        trial = Trial(learner, first_fit(learner, among), forwards=SPENT, recorded=False)
        try:
            trial.run()
        except LearnerError:
            finished: object = None if trial.objective.state is None else trial.objective.state.finished
            if finished is None or isinstance(finished, str):
                raise
            broken(f"it set state.finished to {finished!r:.60}.")


def _nothing_left(outputs: Tensor, _targets: Tensor) -> Tensor:
    """A loss that is 0 everywhere, so that a learner that ever finishes does so."""
    return outputs.mean() * 0


@check("Keep theta in the State: the module's parameters are scratch memory that the recorder uses too.")
def recorder_changes_nothing(learner: Learner) -> None:
    """A run is the same bit for bit whether its curve is recorded or not."""
    toy, runs = first_fit(learner), []
    for recorded in (False, True):
        trial = Trial(learner, toy, recorded=recorded, measured=as_the_bench)
        runs.append(trial.deciding_bits(trial.run()))
    if (said := difference(runs[1], runs[0])) is not None:
        broken(f"a run whose curve is recorded goes another way: {said}.")


def _surroundings(objective: Objective) -> dict[str, Tensor | bool]:
    box = {"the box": torch.stack([objective.space.low, objective.space.high])}
    parts = parts_of(gathered(objective.inputs))
    data = {f"the {named(key)}": part.clone() for key, part in parts.items()} | {
        "the targets": objective.targets.clone()
    }
    buffers = {f"the buffer {name}": value.clone() for name, value in objective.module.named_buffers()}
    return {**box, **data, **buffers, "the mode (train or eval)": objective.module.training}


def _same(found: Tensor | bool, expected: Tensor | bool) -> bool:
    if isinstance(found, Tensor) and isinstance(expected, Tensor):
        return torch.equal(found, expected)
    return found is expected


CHECKS = (
    init_leaves_theta_alone,
    data_and_network_are_left_alone,
    state_saves_and_loads,
    resumed_run_ends_the_same,
    finishes_with_a_reason,
    recorder_changes_nothing,
)
