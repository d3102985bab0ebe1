"""What a hidden unit sees, and what the network's outputs lack: from one pass."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nogd.engine.layers.units import HiddenUnit
from nogd.engine.readout.caught import catching
from nogd.engine.readout.head import Head
from nogd.engine.readout.solving import derivatives
from nogd.engine.readout.unit_readout import losses_of
from nogd.engine.surrogates import Kind, solved_for


class UnitView(NamedTuple):
    """Around one unit, at one theta.

    :param inputs: what goes into the unit's layer, `[N, positions, fan_in]`, with one position for a linear layer of
        vectors, and one for each place in an image for a convolution; None where that cannot be known.
    :param error: derivative of the solved loss with respect to the outputs, times N: `[N, out]`.
    :param last: weights of the last layer, `[out, features]`.
    """

    inputs: Tensor | None
    error: Tensor
    last: Tensor


def view_of(
    head: Head, unit: HiddenUnit, theta: Tensor, rows: Tensor | None, kind: Kind
) -> tuple[UnitView, Tensor]:
    """The view, and the loss of theta, `[1]`."""
    network, owner = head.network, unit.layer.rpartition(".")[0]
    part = network.module.get_submodule(owner)
    inputs, targets = network.batch(rows)
    with torch.no_grad(), network.calls(), catching(part) as caught:
        outputs = network.outputs(theta, inputs).detach()
    wanted = solved_for(kind, network.loss, targets, head.outputs)
    across = outputs.mT[None]
    slope = derivatives(kind, across.double(), wanted)[0][0].mT * len(targets)
    seen = _inputs(part, caught[0], unit) if len(caught) == 1 else None
    last = head.weights(theta[None])[0, :, : head.inputs]
    view = UnitView(seen, slope.to(theta.dtype), last)
    return view, losses_of(network.loss, across.clone(), targets)


def _inputs(part: nn.Module, given: Tensor, unit: HiddenUnit) -> Tensor | None:
    """Rows `[N, positions, fan_in]` that the unit's weights are multiplied with, if its layer is of a known kind."""
    if isinstance(part, nn.Conv2d):
        if part.groups != 1 or part.padding_mode != "zeros" or isinstance(part.padding, str):
            return None
        return F.unfold(given, part.kernel_size, part.dilation, part.padding, part.stride).mT
    if not given.is_floating_point() or given.ndim == 1 or given.shape[-1] != unit.fan_in:
        return None
    return given.reshape(len(given), -1, unit.fan_in)
