"""What is asked of the objective to find where a hidden unit should turn, and what of it is paid."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from nogd.engine.candidates.unit import UnitWeights
from nogd.engine.layers.units import HiddenUnit
from nogd.engine.objective import Objective
from nogd.engine.readout.unit_view import UnitView
from nogd.learners.unit_candidates import flops_of_guides, guides
from nogd.learners.unit_shifts import flops_of_slope_guide, shifts, slope_guide

# Examples by which a unit is turned, at most: a direction needs no more, and a channel's inputs are many to each.
_SEEN = 4_096
# The share of the guides that goes down the slopes of the unit's own sum, where these are known.
_SLOPES = 2 / 3
# Of the other guides, the share that goes by the unit's own weights for the outputs: all of them beside slopes.
_OWN = 0.5
# Forwards and evaluations below which no pass is spent on looking where to go.
_DEAR = 6


def is_dear(objective: Objective) -> bool:
    """Whether a pass that looks where to go would be one of the last."""
    left = objective.left
    return left.forwards < _DEAR or left.evaluations < _DEAR


def seen(objective: Objective, rng: Generator) -> Tensor | None:
    """The examples by which a unit is turned; None for all of them."""
    if objective.N <= _SEEN:
        return None
    return torch.randperm(objective.N, generator=rng, device=rng.device)[:_SEEN].to(objective.device)


def all_guides(
    objective: Objective,
    theta: Tensor,
    unit: HiddenUnit,
    view: UnitView,
    rows: Tensor | None,
    count: int,
    rng: Generator,
) -> Tensor:
    """Unit vectors `[count, F]` to turn a unit by.

    By correlation alone where the unit has no bias to shift, where it is at several places in each example, as in a
    convolution, so that their slopes are known together only, and at the end of a budget.

    :param view: of the unit at theta `[D]`, on these rows.
    """
    own = theta[unit.coordinates]
    if count == 0:
        return own.new_zeros(0, len(unit))
    assert view.inputs is not None
    has_slopes = unit.bias and view.inputs.shape[1] == 1 and not is_dear(objective)
    by_slope = round(_SLOPES * count) if has_slopes else 0
    others = count - by_slope
    known = others if by_slope else round(_OWN * others)
    flops = flops_of_guides(view, others) + (flops_of_slope_guide(view) if by_slope else 0.0)
    passes = objective.forward_flops
    with objective.work(flops / passes if passes else 0.0, flops=flops):
        found = guides(view, unit, own, others, known, rng)
        if by_slope:
            both = shifts(view, unit, own, rng)
            outputs = objective.outputs(UnitWeights(theta, unit, both), rows)
            found = torch.cat([found, slope_guide(view, outputs).expand(by_slope, -1)])
    return found
