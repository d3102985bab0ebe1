"""Score candidates by calling the module itself under torch.func.vmap."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import cast

import torch
from torch import Tensor, nn

from nogd.engine.footprint import FEWEST, Footprint
from nogd.engine.losses import Loss
from nogd.engine.modules.conduct import Conduct
from nogd.engine.several import Inputs, arguments
from nogd.engine.space import ParameterSpace


class Functional:
    """The module as a function of theta `[D]` and inputs, which torch.func can transform."""

    def __init__(self, conduct: Conduct, space: ParameterSpace) -> None:
        self._conduct, self._space = conduct, space
        self._places = _places(conduct.module, space)

    def __call__(self, theta: Tensor, *by_place: Tensor, **by_name: Tensor) -> Tensor:
        return self.of(self._space.split(theta), *by_place, **by_name)

    def of(self, named: Mapping[str, Tensor], *by_place: Tensor, **by_name: Tensor) -> Tensor:
        """The same of these in place of the searched parameters."""
        parameters = {place: named[name] for place, name in self._places.items()}
        module = self._conduct.module
        with self._conduct.calling():  # here, as vmap comes here once for each of its chunks
            outputs = torch.func.functional_call(module, parameters, by_place, by_name, tie_weights=False)
        return cast(Tensor, outputs)


class Vmapped:
    """The module as a function of theta. fewest: candidates at once that it is worth its while for."""

    def __init__(self, functional: Functional, loss: Loss, size: Footprint, fewest: int = FEWEST) -> None:
        self._functional, self._loss, self._size, self._fewest = functional, loss, size, fewest
        self._agrees = self._outputs_agree = False

    def pays(self, count: int, examples: int) -> bool:
        """Whether so many candidates, in the chunks that they are scored in, are enough to gain from it."""
        return count >= self._fewest and self._size.chunk(count, examples) >= self._fewest

    def losses(
        self, thetas: Tensor, inputs: Inputs, targets: Tensor, one_by_one: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """Losses `[P]` of thetas `[P, D]`. one_by_one: the same by the module itself, with which the first losses are
        compared. Raises whatever vmap refuses the module with.
        """
        by_place, by_name = arguments(inputs)

        def loss_of(theta: Tensor) -> Tensor:
            return self._loss(self._functional(theta, *by_place, **by_name), targets)

        chunk = self._size.chunk(len(thetas), len(inputs))
        losses = torch.func.vmap(loss_of, chunk_size=chunk, randomness="same")(thetas)
        if not self._agrees:
            self._check(losses, thetas, one_by_one)
        return losses

    def predictions(
        self,
        thetas: Tensor,
        inputs: Inputs,
        targets: Tensor,
        one_by_one: Callable[[Tensor], tuple[Tensor, Tensor]],
    ) -> tuple[Tensor, Tensor]:
        """Outputs `[P, N, ...]` and losses `[P]` of thetas `[P, D]`; as `losses`."""
        by_place, by_name = arguments(inputs)

        def both(theta: Tensor) -> tuple[Tensor, Tensor]:
            outputs = self._functional(theta, *by_place, **by_name)
            return outputs, self._loss(outputs.clone(), targets)  # which may write into its own

        chunk = self._size.chunk(len(thetas), len(inputs))
        outputs, losses = torch.func.vmap(both, chunk_size=chunk, randomness="same")(thetas)
        if not self._outputs_agree:
            ends = thetas[[0, len(thetas) - 1]]
            self._compare(outputs, thetas, one_by_one(ends)[0])
            self._outputs_agree = True
        return outputs, losses

    def _check(self, losses: Tensor, thetas: Tensor, one_by_one: Callable[[Tensor], Tensor]) -> None:
        """Compare two losses with the module itself: one that keeps its weights elsewhere too (a list) evades vmap."""
        self._compare(losses, thetas, one_by_one(thetas[[0, len(thetas) - 1]]))
        self._agrees = True

    @staticmethod
    def _compare(found: Tensor, thetas: Tensor, own: Tensor) -> None:
        """own: of the first and the last."""
        tolerance = math.sqrt(torch.finfo(thetas.dtype).eps)
        if not torch.allclose(found[[0, len(thetas) - 1]], own, rtol=tolerance, equal_nan=True):
            raise ValueError("it gives other values there than by itself")


def _places(module: nn.Module, space: ParameterSpace) -> dict[str, str]:
    """All places where a searched parameter stands, with its name in the space; a shared one stands in several.

    Each module once, even if it is used twice: torch.func.functional_call would not put its parameters back
    (pytorch 2.13), and left to tie weights by itself it does just that.
    """
    named = dict(module.named_parameters())
    names = {id(named[t.name]): t.name for t in space}
    found: dict[str, str] = {}
    for prefix, part in module.named_modules():
        for name, parameter in part._parameters.items():
            if id(parameter) in names:
                found[f"{prefix}.{name}" if prefix else name] = names[id(parameter)]
    return found
