"""Score candidates by any callable `outputs(module)`: hardware, a program, whatever gives outputs and no scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import torch
from torch import Tensor, nn

from nogd.engine.black_box import BlackBox
from nogd.engine.losses import Loss
from nogd.engine.space import ParameterSpace
from nogd.errors import InvalidSetting

Call = Callable[[nn.Module], Any]


@final
class BlackBoxOfOutputs(BlackBox):
    """A callable that gives the outputs `[N, ...]` of all N examples for the user's own module, and their loss.

    Each call counts one forward. targets: as they were given, `[N, ...]`; compared once the first outputs are there, as
    it is called for nothing that is not paid.
    """

    engine = "black box of outputs"
    why = "each candidate is one call, which gives the outputs of all examples"

    def __init__(
        self, module: nn.Module, space: ParameterSpace, call: Call, targets: Tensor, loss: Loss
    ) -> None:
        super().__init__(module, space, call)
        self.loss, self.examples = loss, len(targets)
        self._given, self.targets = targets, targets
        self.gives: tuple[int, ...] | None = None

    def losses(self, thetas: Tensor, rows: Tensor | None = None) -> Tensor:
        _refuse(rows)
        return super().losses(thetas, rows)

    def predictions(self, thetas: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor]:
        """Outputs `[P, N, ...]` and losses `[P]` of thetas `[P, D]`; of those up to the one that meets the target."""
        _refuse(rows)
        outputs: list[Tensor] = []
        losses = thetas.new_full((len(thetas),), torch.inf)
        for k, theta in enumerate(thetas):
            if self._reached:
                break
            found, loss = self._answer(theta)
            outputs.append(found)
            losses[k] = loss
            self._remember(theta, float(losses[k]))
        return torch.stack(outputs), losses

    def targets_of(self, rows: Tensor | None) -> Tensor:
        """The targets, as the loss compares them."""
        _refuse(rows)
        return self.targets

    def _score(self, theta: Tensor) -> float:
        return float(self._answer(theta)[1])

    def _answer(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        with self._lock, torch.no_grad():
            self.space.write(theta, self.module)
            outputs = self._checked(self.score(self.module))
            if self.gives is None:
                self.targets = self.loss.fit_targets(self._given.to(outputs.device), outputs)
            self.gives = tuple(outputs.shape[1:])
            return outputs, self.loss(outputs.clone(), self.targets)

    def _checked(self, outputs: Any) -> Tensor:
        what = f"a {type(outputs).__name__}"
        if isinstance(outputs, Tensor):
            known = self.gives is None or tuple(outputs.shape[1:]) == self.gives
            if outputs.ndim and len(outputs) == self.examples and known and outputs.is_floating_point():
                return outputs.detach().clone()
            what = f"{outputs.dtype} of shape {list(outputs.shape)}"
        raise InvalidSetting(
            f"where targets are given, the callable gives the outputs of all {self.examples} examples as one"
            f" floating-point tensor [{self.examples}, ...], always of the same shape, but it gave {what}."
        )


def _refuse(rows: Tensor | None) -> None:
    if rows is not None:
        raise InvalidSetting(
            "a black box gives the outputs of all examples at once, so that some of them would cost as much; leave rows"
            " out."
        )
