"""The last layer of a network where that is a plain linear one, and what goes into it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from nogd.engine.layers.chain import Chain
from nogd.engine.layers.steps import Product
from nogd.engine.network import Network
from nogd.engine.readout.caught import Caught
from nogd.engine.space import ParameterSpace, Tensors

_ROWS = 2
_NAMES = ("weight", "bias")
_Call = tuple[nn.Linear, Tensor, Tensor]
"""A part, one of its inputs and its output."""


@dataclass(frozen=True, eq=False)
class Head:
    """The last, linear layer; weight and bias are places in theta.

    :param bias: None where there is none, or where it is not searched.
    :param fixed: a bias that is not searched.
    :param caught: what goes into it, of a module that is no chain.
    """

    network: Network
    weight: Tensors
    bias: Tensors | None
    fixed: Tensor | None
    caught: Caught | None = None

    @property
    def inputs(self) -> int:
        """Number of features that go into it."""
        return self.weight.shape[1]

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return self.weight.shape[0]

    @cached_property
    def before(self) -> Chain | None:
        """The chain that ends before it; None for a module that is none."""
        network = self.network
        return network.chain and network.chain.before_last(tuple(network.stack_inputs.shape[:-1]))

    def hidden(self, thetas: Tensor, rows: Tensor | None) -> Tensor:
        """What goes into it, `[P, inputs, N]`, or `[1, inputs, N]` where that is the same for all thetas `[P, D]`."""
        if self.before is not None:
            with torch.no_grad():
                return self.before.forward(thetas, self.network.stack_data(rows)[0])
        assert self.caught is not None
        return self.caught(thetas, rows).mT

    def with_ones(self, hidden: Tensor) -> Tensor:
        """The features with a row of ones behind them, where there is a bias to be searched."""
        if self.bias is None:
            return hidden
        return torch.cat([hidden, hidden.new_ones(len(hidden), 1, hidden.shape[2])], 1)

    def offset(self, like: Tensor) -> Tensor:
        """What is added to its outputs whatever its weights are, `[outputs, 1]`."""
        return (
            like.new_zeros(self.outputs, 1)
            if self.fixed is None
            else self.fixed.reshape(-1, 1).to(like.dtype)
        )

    def weights(self, thetas: Tensor) -> Tensor:
        """Its weights in thetas `[P, D]`, a searched bias behind them: `[P, outputs, inputs + 1]`."""
        weights = thetas[:, self.weight.start : self.weight.stop].reshape(
            len(thetas), self.outputs, self.inputs
        )
        if self.bias is None:
            return weights
        return torch.cat([weights, thetas[:, self.bias.start : self.bias.stop, None]], 2)

    def put(self, thetas: Tensor, weights: Tensor) -> Tensor:
        """Thetas `[P, D]` with these weights, as `weights` gives them."""
        thetas = thetas.clone()
        thetas[:, self.weight.start : self.weight.stop] = weights[..., : self.inputs].flatten(1)
        if self.bias is not None:
            thetas[:, self.bias.start : self.bias.stop] = weights[..., self.inputs]
        return thetas


def find_head(network: Network) -> Head | None:
    """The head of a network in eval mode that gives one vector for each example; None where the last layer is another.

    Its weights must be searched and used nowhere else.
    """
    if network.mode == "train" or network.gives is None or len(network.gives) != 1:
        return None
    if network.chain is not None:
        return _of_chain(network, network.chain)
    return _of_module(network)


def _of_chain(network: Network, chain: Chain) -> Head | None:
    *before, last = chain.steps
    if not isinstance(last, Product) or len(chain.outputs) != 1 or last.weight.place is None:
        return None
    weight, bias = last.weight.place, last.bias
    if weight.shape != (last.outputs, last.inputs):  # a convolution's
        return None
    own = [each.place for each in (last.weight, bias) if each is not None and each.place is not None]
    if any(place in own for step in before for place in step.places):
        return None
    return Head(network, weight, *((bias.place, bias.fixed) if bias is not None else (None, None)))


def _of_module(network: Network) -> Head | None:
    """By calling it with all examples: the linear layer whose output is the module's own."""
    linear = [part for part in network.module.modules() if type(part) is nn.Linear]
    if not linear or any(isinstance(part, torch.jit.ScriptModule) for part in network.module.modules()):
        return None
    with network.calls():
        calls, outputs = _called(network, linear)
        if not calls or calls[-1][2] is not outputs:
            return None
        part, given, _ = calls[-1]
        once = sum(each[0] is part for each in calls) == 1
        plain = given.ndim == _ROWS and len(given) == network.examples
        plain = plain and given.dtype == part.weight.dtype == outputs.dtype  # no other precision within
        if not (once and plain):
            return None
        same = torch.allclose(part(given), outputs, equal_nan=True)  # nothing writes into it afterwards
    return _placed(network, part) if same else None


def _called(network: Network, linear: list[nn.Linear]) -> tuple[list[_Call], Tensor]:
    """The calls of these parts in a call of the module with all examples, and what that gives."""
    calls: list[_Call] = []

    def seen(part: nn.Linear, given: tuple[Tensor, ...], output: Tensor) -> None:
        calls.extend((part, each.clone(), output) for each in given)

    handles = [part.register_forward_hook(seen) for part in linear]
    try:
        return calls, network.conduct(network.inputs)
    finally:
        for handle in handles:
            handle.remove()


def _placed(network: Network, part: nn.Linear) -> Head | None:
    """The head that this part is, if its weights are searched and stand nowhere else."""
    named = network.module.named_parameters(remove_duplicate=False)
    used = Counter(id(parameter) for _, parameter in named)
    own: dict[str, nn.Parameter] = dict(part.named_parameters())  # the bias may be none
    places = _by_parameter(network.module, network.space)
    weight, bias = (places.get(id(own.get(name))) for name in _NAMES)
    if weight is None or any(used[id(each)] != 1 for each in own.values()):
        return None
    fixed = None if bias is not None or "bias" not in own else own["bias"].detach()
    return Head(network, weight, bias, fixed, Caught(network, part))


def _by_parameter(module: nn.Module, space: ParameterSpace) -> dict[int, Tensors]:
    named = dict(module.named_parameters())
    return {id(named[t.name]): t for t in space}
