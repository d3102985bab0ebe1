"""A function of a vector and of inputs as a module, whose one parameter is the vector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from nogd.engine.inputs.arrays import tensor_of
from nogd.errors import DataError, InvalidSetting

Function = Callable[[Any, Any], Any]


class Vector(nn.Module):
    """Calls `function(theta, inputs) -> outputs`: a C library, a device, a service.

    The function gets theta as it was given, a tensor or an array, and may give outputs as either. Inputs that are a
    tensor count among what a checkpoint compares.
    """

    def __init__(self, function: Function, theta: Any, inputs: Any) -> None:
        super().__init__()
        self.theta = nn.Parameter(_start(theta))
        self.function, self._inputs = function, inputs
        self._as_array = not isinstance(theta, Tensor)
        if isinstance(inputs, Tensor):
            self.register_buffer("inputs", inputs)

    def outputs(self) -> Tensor:
        """Outputs of the present vector, in theta's type."""
        theta = self.theta.detach().clone()
        outputs = self.function(theta.cpu().numpy() if self._as_array else theta, self._inputs)
        try:
            return tensor_of(outputs, "outputs").to(self.theta.device, self.theta.dtype)
        except DataError as error:
            raise InvalidSetting(
                f"the function must return outputs [N, ...] as a tensor or an array, but it returned a"
                f" {type(outputs).__name__}: {error}"
            ) from None


def _start(theta: Any) -> Tensor:
    try:
        start = tensor_of(theta, "theta")
    except DataError:
        start = torch.empty(0)
    if start.ndim != 1 or not len(start) or not start.isfinite().all():
        raise InvalidSetting(
            f"theta must be a vector [D] of finite numbers to start from, not {theta!r:.60}."
        )
    return (start if start.is_floating_point() else start.double()).clone()
