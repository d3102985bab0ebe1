"""Where to turn a hidden unit, from what each example's loss does when the unit's sum is shifted up and down.

The sum is what a unit's activation is given: its inputs times its weights, and its bias. That each example tells its
own slope along the sum, by two passes and through whatever comes after the unit, is Madaline Rule III (Widrow and Lehr
1990, doi 10.1109/5.58323). Here shifts are as wide as sums vary, so that steps, signs and spikes have slopes, too.
"""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn

from nogd.engine.layers.units import HiddenUnit
from nogd.engine.readout.unit_view import UnitView

# The least shift, as a share of the standard deviation of the unit's sums; the largest is all of it.
_LEAST = 0.2


def shifts(view: UnitView, unit: HiddenUnit, own: Tensor, rng: Generator) -> Tensor:
    """The unit's weights with its bias moved up, and down, by a share of its sums' deviation drawn on a log scale.

    :param view: with one position in each example.
    :param own: the unit's incoming weights, the bias behind them, `[F]`.
    :returns: `[2, F]`.
    """
    assert view.inputs is not None
    spread = float((view.inputs @ own[: unit.fan_in]).std(correction=0))
    share = _LEAST ** float(torch.rand(1, generator=rng, dtype=own.dtype, device=own.device))
    by = share * spread if 0 < spread < math.inf else share
    both = own.repeat(2, 1)
    both[:, -1] += by * both.new_tensor([1.0, -1.0])
    return both


def slope_guide(view: UnitView, outputs: Tensor) -> Tensor:
    """A unit vector `[F]` down the slopes, of length 1 without its bias; zeros where a shift changes nothing.

    A slope is that of the solved loss, for the outputs' change. A bias follows the other weights: the plane goes
    through the mean of the inputs that have a slope.

    :param view: with one position in each example.
    :param outputs: of the network with each of `shifts`, `[2, N, out]`.
    """
    assert view.inputs is not None
    slopes = (view.error * (outputs[0] - outputs[1])).sum(1)
    steep = slopes != 0
    inputs = view.inputs[:, 0]
    center = steep.to(inputs.dtype) @ inputs / steep.sum().clamp_min(1)
    toward = -slopes @ (inputs - center)
    toward = nn.functional.normalize(toward.nan_to_num(0.0, 0.0, 0.0), dim=0)
    return torch.cat([toward, -(toward @ center)[None]])


def flops_of_slope_guide(view: UnitView) -> float:
    """Floating-point operations of `shifts` and `slope_guide`, without the passes of the network."""
    assert view.inputs is not None
    return 7.0 * view.inputs.numel() + 3.0 * view.error.numel()
