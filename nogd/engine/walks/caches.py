"""Which activation cache a walk keeps."""

from __future__ import annotations

import functools

from torch import Tensor

from nogd.engine.network import Network
from nogd.engine.walks.compiled_walk import CompiledCache
from nogd.engine.walks.walk import ActivationCache, DenseCache, StackCache, flops_of


def cache_for(network: Network, theta: Tensor, flops_of_forward: float) -> ActivationCache:
    """The cheapest activation cache that this network allows."""
    stack = network.stack
    if stack is None or network.loss.batched is None:
        return DenseCache(theta, network, flops_of_forward)
    plain = functools.partial(
        StackCache, theta, stack, network.stack_inputs, network.stack_targets, network.loss
    )
    if network.compiled is None:
        return plain()
    flops = [flops_of(stack.layers[k + 1 :], network.examples) for k in range(len(stack.layers))]
    return CompiledCache(theta, network.compiled, plain, flops)
