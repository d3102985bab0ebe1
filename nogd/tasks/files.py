"""The data that come with scikit-learn, read without importing it, which would take longer than a cell."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import numpy as np

Numbers = np.ndarray[Any, np.dtype[np.float64]]

# Tables whose last column is the target: file, separator, lines before the first row.
_TABLES: dict[str, tuple[str, int]] = {
    "breast_cancer": ("breast_cancer.csv", 1),
    "digits": ("digits.csv.gz", 0),
    "iris": ("iris.csv", 1),
    "wine": ("wine_data.csv", 1),
}


def bundled(name: str) -> tuple[Numbers, Numbers]:
    """Inputs `[N, features]` and targets `[N]`, to the last bit those of `sklearn.datasets.load_NAME`."""
    try:
        return _diabetes() if name == "diabetes" else _table(name)
    except (OSError, ValueError):  # a release of scikit-learn that keeps them in another way
        return _by_scikit_learn(name)


def _table(name: str) -> tuple[Numbers, Numbers]:
    file, skipped = _TABLES[name]
    table = np.loadtxt(_folder() / file, delimiter=",", skiprows=skipped)
    return table[:, :-1], table[:, -1]


def _diabetes() -> tuple[Numbers, Numbers]:
    """Each input brought to mean 0 and a sum of squares of 1, as scikit-learn does by default."""
    inputs = np.loadtxt(_folder() / "diabetes_data_raw.csv.gz")
    mean, deviation = np.nanmean(inputs, axis=0), np.nanstd(inputs, axis=0)
    inputs -= mean
    inputs /= deviation
    inputs /= len(inputs) ** 0.5
    return inputs, np.loadtxt(_folder() / "diabetes_target.csv.gz")


def _folder() -> Path:
    spec = find_spec("sklearn")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("scikit-learn is not installed as a folder")
    return Path(spec.submodule_search_locations[0], "datasets", "data")


def _by_scikit_learn(name: str) -> tuple[Numbers, Numbers]:
    from sklearn import datasets

    return cast(tuple[Numbers, Numbers], getattr(datasets, f"load_{name}")(return_X_y=True))
