"""A spy that sees each use of the data: what a learner computes past the objective, and what it may not see at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

_LEAVING = ("numpy", "tolist", "__array__", "__dlpack__")


class Spy(TorchDispatchMode):
    """Follows the data through every operation of torch.

    flops: of products made with the data outside of the objective. left: whether data were taken out of torch.
    peeped: whether hidden data were used by anybody but who measures.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.flops, self.left, self.peeped = 0.0, False, False
        self._inside = self._measuring = 0
        # By address, and kept alive so that no address is used again.
        self._data: dict[int, Tensor] = {}
        self._hidden: dict[int, Tensor] = {}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    @property
    def is_inside(self) -> bool:
        """Whether the objective is at work."""
        return self._inside > 0

    def watch(self, tensors: Iterable[Tensor]) -> None:
        """Follow these tensors and whatever is computed from them."""
        self._data |= _by_address(tensors)

    def hide(self, tensors: Iterable[Tensor]) -> None:
        """Nobody but who measures may use these."""
        self._hidden |= _by_address(tensors)

    def paid(self, call: Callable[..., Any], *, gives_data: bool = False) -> Callable[..., Any]:
        """The call, as one of the objective: what is computed in it is paid.

        gives_data: whether what is computed of its result is still to be paid; else that is no data any more.
        """

        def inside(*arguments: Any, **named: Any) -> Any:
            self._inside += 1
            try:
                result = call(*arguments, **named)
            finally:
                self._inside -= 1
            given = _by_address(_tensors(result))
            if gives_data:
                self._data |= given
                return result
            for address in given:
                self._data.pop(address, None)
            return result

        return inside

    def measuring(
        self, call: Callable[[Tensor], Mapping[str, float]]
    ) -> Callable[[Tensor], Mapping[str, float]]:
        """The call, as one that may see everything."""
        paid = self.paid(call)

        def measure(theta: Tensor) -> Mapping[str, float]:
            self._measuring += 1
            try:
                return paid(theta)  # type: ignore[no-any-return]  # what it gives is what the call gives
            finally:
                self._measuring -= 1

        return measure

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look on."""
        with _Exits(self), self:
            yield

    def took_out(self, arguments: Iterable[Any]) -> None:
        """Note that tensors are turned into something that torch does not follow."""
        addresses = _by_address(_tensors(arguments)).keys()
        self.left |= not self._inside and not addresses.isdisjoint(self._data)
        self.peeped |= not self._measuring and not addresses.isdisjoint(self._hidden)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        result = func(*args, **named)
        used = _by_address(_tensors((args, named))).keys()
        self.peeped |= not self._measuring and not used.isdisjoint(self._hidden)
        if not used.isdisjoint(self._data):
            self.watch(_tensors(result))
            formula = flop_registry.get(getattr(func, "overloadpacket", None))
            if formula is not None and not self._inside:
                self.flops += formula(*args, **named, out_val=result)
        return result


class _Exits(TorchFunctionMode):
    """Tells the spy of tensors that leave torch, which no operation shows."""

    def __init__(self, spy: Spy) -> None:
        super().__init__()
        self._spy = spy

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if getattr(func, "__name__", "") in _LEAVING:
            self._spy.took_out(args)
        return func(*args, **(kwargs or {}))


def _tensors(values: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]


def _by_address(tensors: Iterable[Tensor]) -> dict[int, Tensor]:
    """The tensors by where their memory is; without those that have none of their own, as within torch.func."""
    found = {}
    for tensor in tensors:
        try:
            found[int(tensor.untyped_storage()._cdata)] = tensor
        except (NotImplementedError, RuntimeError):
            continue
    return found
