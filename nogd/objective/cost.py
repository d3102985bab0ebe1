"""What a forward and a gradient of a network cost, from its shapes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nogd.objective.losses import Loss
from nogd.objective.stack import Stack

# A deep network's backward pass costs two forwards; used where nothing in the module multiplies matrices.
DEEP_NET_GRADIENT_COST = 3.0


@dataclass(frozen=True)
class Cost:
    """flops: of one forward pass of one example. gradient: forwards that one gradient counts, 1 + backward / forward."""

    flops: float
    gradient: float


def stack_cost(stack: Stack) -> Cost:
    """The cost of a stack; its backward pass skips the first layer's input."""
    forward = stack.multiplications
    skipped = stack.layers[0].inputs * stack.layers[0].outputs
    return Cost(2.0 * forward, 1 + (2 * forward - skipped) / forward)


def measured_cost(module: nn.Module, inputs: Tensor, targets: Tensor, loss: Loss) -> Cost:
    """The cost of any module, by counting the products that it makes of a few examples, forwards and backwards."""
    from torch.utils.flop_counter import FlopCounterMode  # imports torch._dynamo when used: over a second

    few = min(len(inputs), 8)
    parameters = [p for p in module.parameters() if p.requires_grad]
    with torch.enable_grad(), FlopCounterMode(display=False) as forward:
        value = loss(module(inputs[:few]), targets[:few])
    if not value.requires_grad or forward.get_total_flops() == 0:
        return Cost(forward.get_total_flops() / few, DEEP_NET_GRADIENT_COST)
    with FlopCounterMode(display=False) as backward:
        torch.autograd.grad(value, parameters, allow_unused=True)
    ratio = backward.get_total_flops() / forward.get_total_flops()
    return Cost(forward.get_total_flops() / few, 1 + ratio)


BLACK_BOX_COST = Cost(flops=0.0, gradient=math.nan)
