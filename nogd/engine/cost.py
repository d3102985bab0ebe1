"""What a forward and a gradient of a network cost, from its shapes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from nogd.engine.layers.stack import Stack
from nogd.engine.losses import Loss
from nogd.engine.several import Inputs

# A deep network's backward pass costs two forwards; used where nothing in the module multiplies matrices.
DEEP_NET_GRADIENT_COST = 3.0
# Of how many examples a backward pass is made to count its products.
FEW_EXAMPLES = 8


@dataclass(frozen=True)
class Cost:
    """flops: of one forward pass of one example. gradient: forwards that a gradient counts, 1 + backward / forward.

    K directional derivatives at one theta count 1 + K (gradient - 1): one forward pass, and K times its tangent. In
    z = W a the tangent is dW a + W da, so that each product is made twice, but once in the first layer, whose input
    has no tangent: 2 - first / forward, which is backward / forward. That holds for any network: the backward pass is
    the transpose of the tangent, and has as many products.
    """

    flops: float
    gradient: float

    def forwards_of(self, flops: float, examples: int) -> float:
        """Forwards over so many examples that this arithmetic is; 0 where nobody knows what a pass takes."""
        passes = self.flops * examples
        return flops / passes if passes else 0.0

    def directional(self, count: int) -> float:
        """Forwards that derivatives along `count` directions at one theta count."""
        return 1 + count * (self.gradient - 1)


def stack_cost(stack: Stack) -> Cost:
    """The cost of a stack; its backward pass skips the first layer's input."""
    forward = stack.multiplications
    if forward == 0:  # a layer of no units
        return Cost(0.0, DEEP_NET_GRADIENT_COST)
    skipped = stack.layers[0].inputs * stack.layers[0].outputs
    return Cost(2.0 * forward, 1 + (2 * forward - skipped) / forward)


def measured_cost(
    module: Callable[[Inputs], Tensor],
    parameters: Sequence[Tensor],
    inputs: Inputs,
    targets: Tensor,
    loss: Loss,
) -> Cost:
    """The cost of any module, by counting the products that it makes of examples, forwards and backwards.

    Of a few, as the backward pass keeps all that the forward pass made; of all where the module or the loss takes no
    fewer.
    """
    try:
        return _counted_cost(module, parameters, inputs[:FEW_EXAMPLES], targets[:FEW_EXAMPLES], loss)
    except Exception:  # whatever may be raised; what is wrong with all of them too is told then
        return _counted_cost(module, parameters, inputs, targets, loss)


def _counted_cost(
    module: Callable[[Inputs], Tensor],
    parameters: Sequence[Tensor],
    inputs: Inputs,
    targets: Tensor,
    loss: Loss,
) -> Cost:
    with torch.enable_grad(), Products() as forward:
        value = loss(module(inputs), targets)
    flops = forward.flops / len(inputs)
    if not value.requires_grad or forward.flops == 0:
        return Cost(flops, DEEP_NET_GRADIENT_COST)
    with Products() as backward:
        torch.autograd.grad(value, parameters, allow_unused=True)
    return Cost(flops, 1 + backward.flops / forward.flops)


class Products(TorchDispatchMode):
    """Counts flops by torch's own registry, as torch's FlopCounterMode does.

    That one would import torch._dynamo first, which takes over a second, because a mode says by default that it must
    not be compiled; nothing here is ever compiled, so this one need not say so.
    """

    def __init__(self) -> None:
        # Imported here: it takes 0.2 s with its triton, and where all runs are done nothing is counted.
        from torch.utils.flop_counter import flop_registry

        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.flops, self._formulas = 0, flop_registry

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        formula = self._formulas.get(func.overloadpacket)
        if formula is not None:
            self.flops += formula(*args, **(kwargs or {}), out_val=result)
        return result


BLACK_BOX_COST = Cost(flops=0.0, gradient=math.nan)
