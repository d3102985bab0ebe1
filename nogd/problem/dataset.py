"""Data sets: named examples, and what may be learnt from those of the training split."""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from nogd.engine.several import Several, Tree, gathered
from nogd.plugins.registry import offered
from nogd.problem.splits import Split, checked


class Dataset(ABC):
    """A named set of examples. Subclass it with a `name`, a docstring and `load`."""

    name: ClassVar[str]

    @abstractmethod
    def load(self) -> tuple[Tree, Tensor]:
        """The examples, the same ones at each call.

        Inputs are float32. Integers and booleans keep their type for a network that takes them, as with embeddings (if
        the task's `standardise` is empty), and become float32 for all others. If `fit` is overridden, inputs may be
        anything that has rows, including NaN and words: a tensor, array or DataFrame. For a network whose forward takes
        several inputs they are a tuple (by position) or a dict (by name) of these.

        :returns: inputs `[N, features]`, and targets, float32 `[N, outputs]` or int64 `[N]`.
        """

    def files(self) -> Sequence[Path]:
        """The files that `load` reads from a place that the code does not name, such as a folder of the user's.

        Their contents are part of what a run is, as are files that the code names, which need not be given here.
        """
        return ()

    def fit(self, train: Split) -> Callable[[Any], Any] | None:
        """Learn from the training split alone how to turn all inputs into numbers, row by row.

        By default there is nothing to learn.

        :param train: the training split, with inputs as `load` gives them.
        :returns: the transform, such as that of a scikit-learn pipeline: from inputs of any split to finite numbers
            `[N, features]`; or None.
        """
        return None


def resolved(dataset: str | type[Dataset] | Dataset) -> type[Dataset] | Dataset:
    """The data set of that name. A class is passed through, so that workers need no scan for entry points."""
    if not isinstance(dataset, str):
        return dataset
    found: type[Dataset] | Dataset = offered("dataset").find(dataset).load()
    return found


Transform = Callable[[Any], Any]


def parts_of(dataset: str | type[Dataset] | Dataset, rows: Sequence[Tensor]) -> list[Split]:
    """The examples of these numbers, in memory of their own, by what the data set learns from the first part."""
    found = learnt(dataset, rows)
    if found is None:
        return _raw_parts(loaded(dataset), rows)
    transform, parts = found
    return [checked(_made(dataset).name, transform(part.inputs), part.targets) for part in parts]


def learnt(
    dataset: str | type[Dataset] | Dataset, rows: Sequence[Tensor]
) -> tuple[Transform, list[Split]] | None:
    """What the data set learns from the examples of the first numbers, and all parts as `load` gave them."""
    made = _made(dataset)
    if type(made).fit is Dataset.fit:
        return None
    parts = _raw_parts(loaded(dataset), rows)
    transform = made.fit(parts[0])
    return None if transform is None else (transform, parts)


def _raw_parts(whole: Split, rows: Sequence[Tensor]) -> list[Split]:
    return [Split(_rows_of(whole.inputs, part), whole.targets[part]) for part in rows]


def _rows_of(inputs: Any, rows: Tensor) -> Any:
    """Rows of a tensor, an array or a DataFrame, or of each of several."""
    if isinstance(inputs, Several):
        return inputs.mapped(lambda part: _rows_of(part, rows))
    if isinstance(inputs, Tensor):
        return inputs[rows]
    return inputs.iloc[rows.numpy()] if hasattr(inputs, "iloc") else np.asarray(inputs)[rows.numpy()]


def _made(dataset: str | type[Dataset] | Dataset) -> Dataset:
    found = resolved(dataset)
    return found() if isinstance(found, type) else found


def loaded(dataset: str | type[Dataset] | Dataset) -> Split:
    """The data set, read and checked once in a process; inputs are as `load` gave them where it writes `fit`."""
    return _loaded(resolved(dataset))


@functools.cache
def _loaded(dataset: type[Dataset] | Dataset) -> Split:
    """Hand out copies only: learners may write into them."""
    made = _made(dataset)
    inputs, targets = made.load()
    if type(made).fit is Dataset.fit:
        return checked(made.name, inputs, targets)
    numbers = torch.arange(len(gathered(inputs)))[:, None]  # in place of inputs that are no numbers yet
    return Split(gathered(inputs), checked(made.name, numbers, targets).targets)
