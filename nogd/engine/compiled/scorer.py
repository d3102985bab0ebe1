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

from nogd.engine.compiled.layout import (
    ACTIVATION,
    BIAS,
    CACHE,
    EXAMPLES,
    GRAIN,
    INPUTS,
    NONE,
    OUTPUTS,
    ROOM,
    Data,
    Numbers,
    make_data,
    make_plan,
)
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
        self._starts = [layer.weight.start for layer in stack.layers]
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

    def _data_of(self, rows: Tensor | None) -> Data:
        if rows is None:
            return self.data
        inputs, targets = self._held
        return make_data(inputs[..., rows], targets[..., rows], self.plan.widest)

    def losses(self, thetas: Tensor, rows: Tensor | None = None) -> Tensor:
        """Losses `[P]` of thetas `[P, D]`; rows: numbers of the examples to use."""
        return self._population(thetas, self._data_of(rows), thetas.new_empty(0, 0))

    def predictions(self, thetas: Tensor, rows: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Outputs `[P, N, out]` and losses `[P]`."""
        data = self._data_of(rows)
        outputs = thetas.new_empty(len(thetas), int(data.sizes[EXAMPLES]), self._units)
        return outputs, self._population(thetas, data, outputs.flatten(1))

    def of_unit(
        self, theta: Tensor, start: int, number: int, weights: Tensor, rows: Tensor | None, *, outputs: bool
    ) -> tuple[Tensor, Tensor]:
        """Outputs `[M, N, out]`, of no rows where they are not wanted, and losses `[M]` of theta `[D]` with each of the
        weights `[M, F]`. start: where in theta the layer's weights begin; number: the unit's within it.
        """
        data, place = self._data_of(rows), self._starts.index(start)
        found = theta.new_empty(len(weights) if outputs else 0, int(data.sizes[EXAMPLES]), self._units)
        losses = theta.new_empty(len(weights))
        chunk = max(GRAIN, CACHE // (2 * data.block * theta.element_size()))
        for begin in range(0, len(weights), chunk):
            part = slice(begin, begin + chunk)
            self._score_unit(theta, place, number, weights[part], data, losses[part], found[part].flatten(1))
        return found, losses

    def _score_unit(
        self,
        theta: Tensor,
        place: int,
        number: int,
        weights: Tensor,
        data: Data,
        losses: Tensor,
        outputs: Tensor,
    ) -> None:
        plan, count = self.plan, len(weights)
        inputs, bias = int(plan.layers[place, INPUTS]), plan.layers[place, BIAS] != NONE
        rows = _numbers(weights)
        sets = np.concatenate((rows[:, :inputs].ravel(), rows[:, inputs:].ravel()))
        column = [inputs, count, 0, count * inputs if bias else NONE, plan.layers[place, ACTIVATION], 0]
        work = np.empty((ROOM + 2 * count + 5 * plan.widest) * data.block, dtype=data.numbers.dtype)
        self.kernels.unit(
            _numbers(theta), sets, np.array(column, dtype=np.uintp), place, number, plan.layers, plan.slopes,
            plan.loss, data.numbers, data.sizes, work, losses.numpy(), outputs.numpy(),
        )  # fmt: skip

    @property
    def _units(self) -> int:
        """How many outputs there are."""
        return int(self.plan.layers[-1, OUTPUTS])

    def _population(self, thetas: Tensor, data: Data, outputs: Tensor) -> Tensor:
        """Losses `[P]`; outputs: where to write them `[P, N * out]`, or of no rows."""
        losses = thetas.new_empty(len(thetas))
        arrays = _numbers(thetas), losses.numpy(), outputs.numpy()
        parts = min(
            torch.get_num_threads(), int(len(thetas) * self._flops * data.sizes[EXAMPLES] / WORTH_A_THREAD)
        )
        if parts < 2:
            self._score(data, *arrays)
        else:
            bounds = [len(thetas) * k // parts for k in range(parts + 1)]
            pieces = [[each[a:b] for each in arrays] for a, b in itertools.pairwise(bounds)]
            self._in_threads([functools.partial(self._score, data, *piece) for piece in pieces])
        return losses

    def _score(self, data: Data, thetas: Numbers, losses: Numbers, outputs: Numbers) -> None:
        plan = self.plan
        work = np.empty((ROOM + 1 + 2 * plan.widest) * data.block, dtype=data.numbers.dtype)
        self.kernels.population(
            thetas, plan.layers, plan.slopes, plan.loss, data.numbers, data.sizes, work, losses, outputs
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


def _numbers(tensor: Tensor) -> Numbers:
    array: Numbers = tensor.detach().contiguous().numpy()
    return array
