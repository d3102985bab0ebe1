"""What goes into one layer of any module, for many thetas."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import torch
from torch import Tensor, nn

from nogd.engine.modules.vmapped import Functional
from nogd.engine.network import Network
from nogd.engine.several import Inputs, arguments


class Caught:
    """Calls the module and catches what goes into one of its layers; for all thetas at once where vmap takes it."""

    def __init__(self, network: Network, part: nn.Module) -> None:
        self._network, self._part = network, part
        self._at_once = network.functional
        self._agrees = False

    def __call__(self, thetas: Tensor, rows: Tensor | None) -> Tensor:
        """The layer's inputs `[P, N, features]` for thetas `[P, D]`."""
        network, inputs = self._network, self._network.batch(rows)[0]
        with network.calls(), catching(self._part) as caught:
            if self._at_once is not None and len(thetas) > 1:
                with suppress(
                    Exception
                ):  # whatever vmap refuses the module with; if that is at fault, a call says so
                    return self._checked(
                        _at_once(self._at_once, thetas, inputs, caught), thetas, inputs, caught
                    )
                self._at_once = None
                caught.clear()
            return torch.stack([self._one(theta, inputs, caught) for theta in thetas])

    def _checked(self, found: Tensor, thetas: Tensor, inputs: Inputs, caught: list[Tensor]) -> Tensor:
        """Raises ValueError where vmap gives another value than a call: for weights that are kept elsewhere too."""
        if not self._agrees:
            own = self._one(thetas[-1], inputs, caught)
            if not torch.allclose(found[-1], own, rtol=math.sqrt(torch.finfo(own.dtype).eps), equal_nan=True):
                raise ValueError("it gives others there than by itself")
            self._agrees = True
        return found

    def _one(self, theta: Tensor, inputs: Inputs, caught: list[Tensor]) -> Tensor:
        self._network.outputs(theta, inputs)
        return caught.pop()


def _at_once(functional: Functional, thetas: Tensor, inputs: Inputs, caught: list[Tensor]) -> Tensor:
    by_place, by_name = arguments(inputs)

    def of(theta: Tensor) -> Tensor:
        functional(theta, *by_place, **by_name)
        return caught.pop()

    return torch.func.vmap(of, randomness="same")(thetas)


@contextmanager
def catching(part: nn.Module) -> Iterator[list[Tensor]]:
    """A list that what goes into this part is added to, each time that it is called."""
    caught: list[Tensor] = []

    def catch(_: nn.Module, given: tuple[object, ...]) -> None:
        caught.extend(each.clone() for each in given[:1] if isinstance(each, Tensor))

    handle = part.register_forward_pre_hook(catch)
    try:
        yield caught
    finally:
        handle.remove()
