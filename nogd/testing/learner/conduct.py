"""Manners towards the process, number types, devices, and whether it gets anywhere."""

from __future__ import annotations

import statistics
import time
from itertools import pairwise

import torch

from nogd.bench.process_state import readings
from nogd.engine.state import State
from nogd.testing.check import NotApplicable, broken, check
from nogd.testing.toys import EASY, PAIR, UNBIASED, first_fit, start_of
from nogd.testing.trial import Trial, difference, enough
from nogd.training.learner import Learner, refusal

FORWARDS = 1_000.0
SLOWEST = 0.1


@check(
    "Draw from `state.rng`, and set nothing that belongs to the process (torch.set_..., manual_seed, chdir)."
)
def process_is_left_as_it_was(learner: Learner) -> None:
    """Random state, threads, default type and device, grad mode and folder belong to whoever runs the learner."""
    trial = Trial(learner, first_fit(learner))
    before = readings()
    trial.run()
    changed = [name for name, value in readings().items() if difference(value, before[name]) is not None]
    if changed:
        broken(f"it changed {', '.join(changed)}.")


@check(
    "Check that steps lower the loss of `nogd.fit(torch.nn.Linear(2, 1), ...)`; choose defaults for easy problems."
)
def improves_on_the_start(learner: Learner) -> str:
    """On three easy problems a learner ends with a lower loss than it began with."""
    done = []
    first_fit(learner, EASY)
    for toy in EASY:
        objective = toy.objective()
        if refusal(learner, objective) is not None:
            continue
        started = objective.measure(start_of(objective))["loss"]
        forwards = max(FORWARDS, 4 * enough(learner, toy))
        outcome = Trial(learner, toy, forwards=forwards, recorded=False).run()
        if not outcome.loss < started:
            broken(f"on {toy.name} it began at {started:.4g} and ended at {outcome.loss:.4g}.")
        done.append(f"{toy.name} {started:.3g} to {outcome.loss:.2g}")
    return "; ".join(done)


@check("Make new tensors like theta (`torch.zeros_like(theta)`, `dtype=theta.dtype`), not of a fixed type.")
def works_in_float32(learner: Learner) -> None:
    """Networks are usually float32, and the recommendation has theta's type."""
    _works(learner, torch.float32, "cpu")


@check("Make new tensors like theta (`torch.zeros_like(theta)`, `dtype=theta.dtype`), not of a fixed type.")
def works_in_float64(learner: Learner) -> None:
    """Networks may be float64, and the recommendation has theta's type."""
    _works(learner, torch.float64, "cpu")


@check("Make new tensors on theta's device (`torch.zeros_like(theta)`, `device=theta.device`).")
def works_on_the_gpu(learner: Learner) -> None:
    """Networks may be on a GPU, and the recommendation is on theta's device."""
    if not torch.cuda.is_available():
        raise NotApplicable("there is no GPU here")
    _works(learner, torch.float32, "cuda")


@check(
    "Take the data by `objective.batch(rows)`, and call the module with them as they are: `module(inputs)`,"
    " `module(*inputs)` for a tuple, `module(**inputs)` for a dict."
)
def takes_several_inputs(learner: Learner) -> None:
    """A network may take several inputs, so that the data are a tuple or a dict of tensors and no single one."""
    Trial(learner, first_fit(learner, [PAIR]), recorded=False).run()


@check(
    "Look whether there is a bias before you use it: `layer.bias is None`, `unit.bias`; or refuse it in `supports`."
)
def takes_layers_without_biases(learner: Learner) -> None:
    """Layers need not have biases, as those of a transformer often have none."""
    Trial(learner, first_fit(learner, UNBIASED), recorded=False).run()


@check("Look at a profile of `step`: outside the objective it should do a few operations on whole tensors.")
def overhead_is_small(learner: Learner) -> str:
    """The time that a step takes outside the objective is shown in every report; it should be a small part."""
    trial = Trial(learner, first_fit(learner), recorded=False)
    moments: list[tuple[float, float]] = []

    def note(_state: State) -> None:
        moments.append((time.perf_counter(), trial.objective.meter.inside))

    trial.between = note
    trial.run()
    own = [
        (after - before) - (inside_after - inside)
        for (before, inside), (after, inside_after) in pairwise(moments)
    ]
    if not own:
        raise NotApplicable("it is finished after its first step")
    typical = statistics.median(own)
    if typical > SLOWEST:
        broken(f"a step takes {typical:.2g} s beside the objective, with {trial.objective.D} parameters.")
    return f"{typical * 1e6:.0f} microseconds per step with {trial.objective.D} parameters"


def _works(learner: Learner, dtype: torch.dtype, device: str) -> None:
    trial = Trial(learner, first_fit(learner), recorded=False, dtype=dtype, device=device)

    def look(state: State) -> None:
        found = state.theta.dtype, state.theta.device.type
        if found != (dtype, device):
            broken(f"state.theta is {found[0]} on {found[1]}, not {dtype} on {device}.")

    trial.between = look
    trial.run()
    look(State(theta=trial.objective.recommendation))


CHECKS = (
    process_is_left_as_it_was,
    improves_on_the_start,
    works_in_float32,
    works_in_float64,
    works_on_the_gpu,
    takes_several_inputs,
    takes_layers_without_biases,
    overhead_is_small,
)
