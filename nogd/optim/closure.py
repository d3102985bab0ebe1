"""The closure of one step, called once for each candidate."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from nogd.engine.modules.generators import dice_on
from nogd.errors import InvalidSetting

Closure = Callable[[], Any]


class Scored:
    """Calls a closure for candidates, all of which get the same random numbers of the process: Dropout's masks, say.

    :ivar calls: so many there were.
    :ivar lowest: of their losses; infinity where none was finite.
    """

    def __init__(self, closure: object, device: torch.device, *, enable_grad: bool) -> None:
        if not callable(closure):
            raise InvalidSetting(
                "step is given a closure, a function of no arguments that computes the loss and returns it:"
                f" optimizer.step(closure), not {closure!r:.60}."
            )
        self.calls, self.lowest = 0, math.inf
        self._closure, self._grad = closure, enable_grad
        self._dice = [(dice, dice.read()) for dice in dice_on(device)]

    def __call__(self, _: nn.Module) -> float:
        """The loss of what the module holds now. Raises InvalidSetting where it is not one number."""
        if self.calls:
            for dice, state in self._dice:
                dice.write(state)
        self.calls += 1
        loss = _number(self._called())
        if math.isfinite(loss):
            self.lowest = min(self.lowest, loss)
        return loss

    def _called(self) -> Any:
        try:
            with torch.set_grad_enabled(self._grad):
                return self._closure()
        except RuntimeError as error:
            if self._grad or "does not require grad" not in str(error):
                raise
            raise InvalidSetting(
                "the closure asks for a gradient, and none is computed: leave loss.backward() out, or make the"
                " optimizer with enable_grad=True."
            ) from error


def _number(value: Any) -> float:
    if isinstance(value, Tensor):
        if value.numel() != 1:
            raise InvalidSetting(
                f"the closure must return the loss as one number, but it returned a tensor of shape"
                f" {list(value.shape)}; reduce it, as loss.mean() does."
            )
        value = value.detach()
    try:
        return float("complex" if isinstance(value, Tensor) and value.is_complex() else value)
    except (TypeError, ValueError, RuntimeError):
        hint = "; end it with `return loss`" if value is None else ""
        raise InvalidSetting(
            f"the closure must return the loss as one number, but it returned {type(value).__name__}"
            f" {value!r:.60}{hint}."
        ) from None
