"""A weight that is the sum of a matrix and a product of thin ones, and is multiplied without being written out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from nogd.engine.modules.vmapped import Functional
from nogd.engine.several import Inputs, arguments
from nogd.engine.space import ParameterSpace

_aten = torch.ops.aten
_MATRIX = 2


class ThinSum(Tensor):
    """base + left @ right.T, as a parameter of a module that is called.

    base `[rows, ...]`; left `[rows, r]`; right `[everything else, r]`. Products with it, look-ups in it and
    convolutions are those with base and two thin ones; whatever else is done with it is done with the sum.
    """

    base: Tensor
    left: Tensor
    right: Tensor

    @staticmethod
    def __new__(cls, base: Tensor, left: Tensor, right: Tensor) -> ThinSum:
        made: ThinSum = Tensor._make_wrapper_subclass(
            cls, base.shape, strides=base.stride(), dtype=base.dtype, device=base.device
        )
        made.base, made.left, made.right = base, left, right
        return made

    def written_out(self) -> Tensor:
        """The sum."""
        return self.base + (self.left @ self.right.mT).view(self.base.shape)

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """As it is, though seen: a module that could hand its weights to one fused operation had better not."""
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **(kwargs or {}))

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]  # torch declares it without the function
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        thin = _THIN.get(func)
        found = None if thin is None or kwargs else thin(*args)
        if found is not None:
            return found
        args, kwargs = torch.utils._pytree.tree_map_only(ThinSum, ThinSum.written_out, (args, kwargs or {}))
        return func(*args, **kwargs)


def _transposed(a: Any, *axes: int) -> Tensor | None:
    if a.ndim != _MATRIX or (axes and {axis % _MATRIX for axis in axes} != {0, 1}):
        return None
    return ThinSum(a.base.T, a.right, a.left)


def _permuted(a: Any, axes: Sequence[int]) -> Tensor | None:
    return _transposed(a, *axes) if len(axes) == _MATRIX else None


def _same(a: Any, *_: Any) -> Tensor:
    return ThinSum(a.base, a.left, a.right)


def _viewed(a: Any, shape: Sequence[int], *_: Any) -> Tensor | None:
    return _same(a) if list(shape) == list(a.shape) else None


def _expanded(a: Any, shape: Sequence[int]) -> Tensor | None:
    """A matrix for each of many."""
    if a.ndim != _MATRIX or len(shape) != _MATRIX + 1 or list(shape[1:]) != list(a.shape):
        return None
    return ThinSum(*(each.expand(shape[0], -1, -1) for each in (a.base, a.left, a.right)))


def _bmm(a: Any, b: Any) -> Tensor | None:
    if isinstance(a, ThinSum):
        return None
    return torch.bmm(a, b.base).baddbmm_(a @ b.left, b.right.mT)


def _mm(a: Any, b: Any) -> Tensor | None:
    if isinstance(a, ThinSum):
        return None
    return torch.mm(a, b.base).addmm_(a @ b.left, b.right.T)


def _addmm(bias: Any, a: Any, b: Any) -> Tensor | None:
    if isinstance(bias, ThinSum) or isinstance(a, ThinSum):
        return None
    return torch.addmm(bias, a, b.base).addmm_(a @ b.left, b.right.T)


def _embedding(table: Any, places: Any, *more: Any) -> Any:
    if isinstance(places, ThinSum):
        return None
    return _aten.embedding(table.base, places, *more) + table.left[places] @ table.right.T


def _convolution(
    images: Any,
    kernels: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    *more: Any,
) -> Any:
    """right makes a few images of all channels, left puts these together."""
    if transposed or more[-1] != 1 or isinstance(images, ThinSum) or isinstance(bias, ThinSum):
        return None
    options = (stride, padding, dilation, transposed, *more)
    thin = kernels.right.T.reshape(-1, *kernels.shape[1:])
    few = _aten.convolution(images, thin, None, *options)
    own = kernels.left[(..., *[None] * (kernels.ndim - 2))]
    every = [1] * (kernels.ndim - 2)
    found = _aten.convolution(images, kernels.base, bias, *options)
    return found.add_(
        _aten.convolution(few, own, None, every, [0] * len(every), every, False, [0] * len(every), 1)
    )


def _split(a: Any, sizes: int | Sequence[int], axis: int = 0) -> list[Tensor] | None:
    """Rows of packed weights, such as those of queries, keys and values."""
    if axis != 0:
        return None
    return [ThinSum(*each, a.right) for each in zip(a.base.split(sizes), a.left.split(sizes), strict=True)]


_THIN: dict[Any, Callable[..., Any]] = {
    _aten.t.default: _transposed,
    _aten.transpose.int: _transposed,
    _aten.permute.default: _permuted,
    _aten.expand.default: _expanded,
    _aten.view.default: _viewed,
    _aten._reshape_alias.default: _viewed,
    _aten._unsafe_view.default: _viewed,
    _aten.bmm.default: _bmm,
    _aten.detach.default: _same,
    _aten.alias.default: _same,
    _aten.mm.default: _mm,
    _aten.addmm.default: _addmm,
    _aten.embedding.default: _embedding,
    _aten.convolution.default: _convolution,
    _aten.split.Tensor: _split,
    _aten.split_with_sizes.default: _split,
}


class ThinCalls:
    """Calls a module with thin sums as its parameters; `works` says whether it takes them, None before it is tried."""

    def __init__(self, functional: Functional, space: ParameterSpace) -> None:
        self._functional, self._space = functional, space
        self.works: bool | None = None

    def outputs(
        self, theta: Tensor, factors: Sequence[tuple[Tensor, Tensor | None]], inputs: Inputs
    ) -> Tensor:
        """What theta `[D]` gives with left @ right.T added to each tensor of the space, or left if there is no right.

        Raises whatever the module refuses such parameters with.
        """
        named = {
            t.name: _moved(theta[t.start : t.stop].view(t.shape), *pair)
            for t, pair in zip(self._space, factors, strict=True)
        }
        by_place, by_name = arguments(inputs)
        return self._functional.of(named, *by_place, **by_name)


def _moved(base: Tensor, left: Tensor, right: Tensor | None) -> Tensor:
    return base + left.view(base.shape) if right is None else ThinSum(base, left, right)
