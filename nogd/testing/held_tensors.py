"""How much memory the tensors take that some code holds, counted exactly: no measure of the process could tell."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class HeldTensors(TorchDispatchMode):
    """Counts the bytes of tensors that are made within and still alive, after each operation of torch.

    The same on every machine, so that a test can hold a learner to it::

        with HeldTensors() as held:
            nogd.fit(module, inputs, targets, learner="mezo", budget=20)
        assert held.most < 3.2 * bytes_of_theta

    Tensors that share memory count once. What an operation needs only until it returns is not seen.

    :ivar most: the most bytes that were alive at any time.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.most = 0
        self._known: dict[int, tuple[StorageWeakRef, int]] = {}  # by address: what counts for how much

    @property
    def now(self) -> int:
        """Bytes that are alive now."""
        self._forget()
        return sum(size for _, size in self._known.values())

    def _forget(self) -> None:
        """What is gone, whose addresses may be used again."""
        for place in [place for place, (storage, _) in self._known.items() if storage.expired()]:
            del self._known[place]

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # torch would import its compiler first, which takes a second

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self._forget()
        self._note((args, kwargs), counts=False)
        result = func(*args, **(kwargs or {}))
        self._note(result, counts=True)
        self.most = max(self.most, self.now)
        return result

    def _note(self, tensors: Any, *, counts: bool) -> None:
        for each in tree_leaves(tensors):
            if type(each) in (Tensor, nn.Parameter):  # others have no memory of their own
                storage = each.untyped_storage()
                size = storage.nbytes() if counts else 0
                self._known.setdefault(storage._cdata, (StorageWeakRef(storage), size))
