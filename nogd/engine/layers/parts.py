"""A module as the plain list of what it does one after the other, read from its tree or, where that has a forward of
its own, from a symbolic trace. What is not understood exactly is refused, with the reason.
"""

from __future__ import annotations

import copy
import functools
import operator
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.nn.modules import module as hooks_of_all

from nogd.engine.workable import with_copies

Activation = Callable[[Tensor], Tensor]
Part = nn.Module | Activation

# They may overwrite what they are given, as whoever calls them has no more use for it.
IN_PLACE: dict[object, Activation] = {
    **dict.fromkeys((nn.ReLU, F.relu, torch.relu, "relu"), torch.relu_),
    **dict.fromkeys((nn.Tanh, torch.tanh, "tanh"), torch.tanh_),
    **dict.fromkeys((nn.Sigmoid, torch.sigmoid, "sigmoid"), torch.sigmoid_),
}
_ELEMENTWISE = (
    F.celu, F.elu, F.gelu, F.hardsigmoid, F.hardswish, F.hardtanh, F.leaky_relu, F.logsigmoid, F.mish, F.relu6, F.selu,
    F.silu, F.softplus, F.softsign, torch.abs, torch.cos, torch.erf, torch.exp, torch.sign, torch.sin, torch.square,
)  # fmt: skip
_POOLS: dict[object, Callable[..., nn.Module]] = {F.max_pool2d: nn.MaxPool2d, F.avg_pool2d: nn.AvgPool2d}
_SAME_ORDER = (
    4  # so many arguments behind the input does a pool take in the same order as a function and as a layer
)


class NotUnderstood(Exception):
    """Why a module's structure is not understood; caught by whoever chooses the engine."""


def read_parts(module: nn.Module) -> list[tuple[str, Part]]:
    """What the module does, in order, each with its name. Raises NotUnderstood with the reason."""
    if hooks_of_all._has_any_global_hook():
        raise NotUnderstood("there are hooks on all modules")
    for name, part in module.named_modules():
        _refuse_surprises(name or "the module", part)
    return list(_parts(module, ""))


def _parts(module: nn.Module, prefix: str) -> Iterator[tuple[str, Part]]:
    if type(module) is nn.Sequential:
        # Not named_children(): that leaves out an activation that stands in two places.
        for name, child in zip(module._modules, module, strict=True):
            yield from _parts(child, joined(prefix, name))
    elif _is_leaf(module):
        yield prefix, module
    else:
        yield from _traced(module, prefix)


def _is_leaf(module: nn.Module) -> bool:
    return type(module).__module__.startswith("torch.nn.") or getattr(type(module), "elementwise", False)


def joined(prefix: str, name: str) -> str:
    """The full name of what is called `name` within `prefix`."""
    return ".".join(part for part in (prefix, name) if part)


def _refuse_surprises(name: str, module: nn.Module) -> None:
    if with_copies in module._forward_pre_hooks.values():
        raise NotUnderstood(f"{name} writes into its inputs")
    if (
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
    ):
        raise NotUnderstood(f"{name} has hooks")
    if "forward" in vars(module):
        raise NotUnderstood(f"{name} has a forward of its own")
    if type(module).__call__ is not nn.Module.__call__ or "__call__" in vars(module):
        raise NotUnderstood(f"{name} is called in a way of its own")


class _Tracer(fx.Tracer):
    """Stops at the layers of torch and at activations of one's own."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return _is_leaf(m) and type(m) is not nn.Sequential


def _traced(module: nn.Module, prefix: str) -> Iterator[tuple[str, Part]]:
    """The module's calls, if they are a plain chain."""
    what = f"{prefix or 'it'} is a {type(module).__name__}"
    graph = _trace(module, what)
    counts: set[fx.Node] = set()  # nodes that give the number of examples, or the shape that it is read from
    last: fx.Node | None = None
    for node in graph.nodes:
        if node.op == "placeholder" and last is None:
            last = node
        elif node.op == "output" and node.args == (last,):
            return
        elif last is not None and _counts_examples(node, counts):
            counts.add(node)
        elif last is not None and node.args[:1] == (last,) and node.op.startswith("call"):
            yield _read(node, module, prefix, counts, what)
            last = node
        else:
            break
    raise NotUnderstood(f"{what} that does more than one thing after the other")


def _trace(module: nn.Module, what: str) -> fx.Graph:
    """The graph of a copy. A forward that changes the module or draws random numbers may differ from call to call.

    The copy shares the parameters, which a trace does not compute with: torch.fx holds it in a cycle, long after.
    """
    try:
        working = copy.deepcopy(module, {id(each): each for each in module.parameters()})
        before = _belongings(working)
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            dice = torch.get_rng_state(), random.getstate()
            graph = _Tracer().trace(working)
            rolled = not torch.equal(dice[0], torch.get_rng_state()) or dice[1] != random.getstate()
        unchanged = _same(before, _belongings(working))
    except Exception as refusal:  # whatever a forward may raise that is given no data
        raise NotUnderstood(
            f"{what}, whose forward torch.fx cannot trace ({type(refusal).__name__})"
        ) from None
    if rolled or not unchanged:
        raise NotUnderstood(f"{what}, whose forward is not the same every time")
    return graph


def _belongings(module: nn.Module) -> list[tuple[object, int]]:
    """All that the module and its parts hold, each with how often it was written to."""
    held = [vars(part) for part in module.modules()]
    inner = [value for values in held for value in values.values() if isinstance(value, dict)]
    everything = [value for values in (*held, *inner) for value in values.values()]
    return [(value, value._version if isinstance(value, Tensor) else 0) for value in everything]


def _same(before: Sequence[tuple[object, int]], after: Sequence[tuple[object, int]]) -> bool:
    return len(before) == len(after) and all(
        old is new and then == now for (old, then), (new, now) in zip(before, after, strict=True)
    )


def _counts_examples(node: fx.Node, counts: set[fx.Node]) -> bool:
    """Whether the node is x.size(0), x.shape or x.shape[0], of any value so far: all have as many examples."""
    if node.op == "call_method" and node.target == "size":
        return node.args[1:] == (0,) and not node.kwargs
    if node.target is getattr:
        return node.args[1:] == ("shape",)
    return node.target is operator.getitem and node.args[0] in counts and node.args[1:] == (0,)


def _read(node: fx.Node, module: nn.Module, prefix: str, counts: set[fx.Node], what: str) -> tuple[str, Part]:
    further, options = list(node.args[1:]), dict(node.kwargs)
    if node.op == "call_module" and not further and not options:
        return joined(prefix, str(node.target)), module.get_submodule(str(node.target))
    name = (
        f"{node.target if isinstance(node.target, str) else getattr(node.target, '__name__', node.target)}()"
    )
    if node.target in ("view", "reshape"):
        if (
            len(further) == 2
            and further[0] in counts
            and _is_number_of_examples(further[0])
            and further[1] == -1
        ):
            return name, nn.Flatten()
    elif all(isinstance(value, int | float | str | tuple | None) for value in (*further, *options.values())):
        part = _function(node.target, further, options)
        if part is not None:
            return name, part
    raise NotUnderstood(f"{what} that calls {name}")


def _is_number_of_examples(node: object) -> bool:
    return isinstance(node, fx.Node) and node.target is not getattr


def _function(target: object, further: list[Any], options: dict[str, Any]) -> Part | None:
    """The layer or the activation that the function is, or None."""
    if target in IN_PLACE and not further and not options.keys() - {"inplace"}:
        return IN_PLACE[target]
    if target in _ELEMENTWISE and "out" not in options:
        return functools.partial(_with_options, cast(Activation, target), further, options)
    if target is F.dropout and options.get("training", True) is False:
        return nn.Identity()
    if target in _POOLS and len(further) < _SAME_ORDER:
        return _POOLS[target](*further, **options)
    return _flatten(further, options) if target in (torch.flatten, "flatten") else None


def _flatten(further: list[Any], options: dict[str, Any]) -> nn.Module:
    """As a layer; the function begins with the examples by default, the layer behind them."""
    names = ("start_dim", "end_dim")
    return nn.Flatten(**{"start_dim": 0} | dict(zip(names, further, strict=False)) | options)


def _with_options(function: Activation, further: list[Any], options: dict[str, Any], x: Tensor) -> Tensor:
    return function(x, *further, **options)
