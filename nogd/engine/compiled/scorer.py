"""Score small stacks of layers by loops that numba compiles, where it is installed; torch remains the reference."""

from __future__ import annotations

import functools
import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nogd.engine.compiled.layout import EXAMPLES, ROOM, Data, Numbers, make_data, make_plan
from nogd.engine.layers.parts import NotUnderstood
from nogd.engine.layers.stack import Stack
from nogd.engine.losses import Loss

# Arithmetic of a call that is worth the start of a second thread: half a millisecond, of which the start takes a tenth.
WORTH_A_THREAD = 3e7


@functools.cache
def kernels() -> ModuleType:
    """The compiled kernels. Raises NotUnderstood where numba is missing or does not fit the numpy at hand."""
    try:
        from nogd.engine.compiled import kernels as found
    except ImportError as error:
        if error.name == "numba":
            raise NotUnderstood("numba is not installed (pip install 'nogd[fast]')") from None
        raise NotUnderstood(f"numba cannot be imported: {error}") from None
    return found


class Compiled:
    """A stack's kernels with their data. Raises NotUnderstood with the reason where they do not fit.

    The first use of a type on a machine compiles for some seconds, and keeps the code on disk.
    """

    def __init__(self, stack: Stack, loss: Loss, theta: Tensor, examples: int) -> None:
        self.plan = make_plan(stack, loss, theta, examples)
        self.kernels = kernels()
        self._flops = 2.0 * stack.multiplications
        self._data: Data | None = None
        self._pool: tuple[int, ThreadPoolExecutor] | None = None  # with the process that its threads live in

    def hold(self, inputs: Tensor, targets: Tensor) -> None:
        """Score on these data, features first, from now on."""
        self._held, self._data = (inputs, targets), None

    @property
    def data(self) -> Data:
        """The held data in blocks, made when they are first needed."""
        if self._data is None:
            self._data = make_data(*self._held, self.plan.widest)
        return self._data

    def _rows(self, rows: Tensor) -> Data:
        inputs, targets = self._held
        return make_data(inputs[..., rows], targets[..., rows], self.plan.widest)

    def losses(self, thetas: Tensor, rows: Tensor | None = None) -> Tensor:
        """Losses `[P]` of thetas `[P, D]`; rows: numbers of the examples to use."""
        data = self.data if rows is None else self._rows(rows)
        numbers, losses = thetas.detach().contiguous().numpy(), thetas.new_empty(len(thetas))
        out = losses.numpy()
        parts = min(
            torch.get_num_threads(), int(len(thetas) * self._flops * data.sizes[EXAMPLES] / WORTH_A_THREAD)
        )
        if parts < 2:
            self._score(numbers, data, out)
        else:
            bounds = [len(thetas) * k // parts for k in range(parts + 1)]
            self._in_threads(
                [
                    functools.partial(self._score, numbers[a:b], data, out[a:b])
                    for a, b in itertools.pairwise(bounds)
                ]
            )
        return losses

    def _score(self, thetas: Numbers, data: Data, losses: Numbers) -> None:
        plan = self.plan
        work = np.empty((ROOM + 1 + 2 * plan.widest) * data.block, dtype=data.numbers.dtype)
        self.kernels.population(
            thetas, plan.layers, plan.slopes, plan.loss, data.numbers, data.sizes, work, losses
        )

    def _in_threads(self, jobs: list[Callable[[], None]]) -> None:
        """Every candidate is scored in the same way whatever thread it falls to, so their number changes nothing."""
        process = os.getpid()
        if self._pool is None or self._pool[0] != process:  # threads do not survive a fork
            self._pool = process, ThreadPoolExecutor(max(1, torch.get_num_threads() - 1), "nogd")
        others = [self._pool[1].submit(job) for job in jobs[1:]]
        jobs[0]()
        for other in others:
            other.result()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "kernels"} | {"_pool": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        self.kernels = kernels()
