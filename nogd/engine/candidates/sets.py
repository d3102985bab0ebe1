"""Sets of parameter vectors, described by their structure so that they can be scored cheaply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from nogd.errors import InvalidSetting


def as_tensor(values: Any, dtype: torch.dtype | None = None) -> Tensor:
    """A tensor as it is, an array or a list as one on the CPU: torch would move all to its default device."""
    if isinstance(values, Tensor):
        return values if dtype is None else values.to(dtype)
    return torch.as_tensor(values, dtype=dtype, device="cpu")


def as_index(numbers: Sequence[int]) -> slice | list[int]:
    """Numbers in ascending order as an index, a slice where they leave none out: it takes no copy."""
    first, last = numbers[0], numbers[-1]
    return slice(first, last + 1) if last - first + 1 == len(numbers) else list(numbers)


@runtime_checkable
class Candidates(Protocol):
    """Any described set of P parameter vectors; a type of one's own works through `dense` alone."""

    def __len__(self) -> int:
        """P, the number of candidates."""

    def dense(self) -> Tensor:
        """All of them written out, `[P, D]`."""


@dataclass(frozen=True, eq=False)
class Population:
    """Unrelated vectors. thetas: `[P, D]`, a tensor or an array."""

    thetas: Tensor

    def __post_init__(self) -> None:
        object.__setattr__(self, "thetas", as_tensor(self.thetas))
        if self.thetas.is_complex() or self.thetas.layout != torch.strided:
            raise InvalidSetting(
                f"a Population takes real numbers in a dense tensor, not {self.thetas.dtype} in {self.thetas.layout}."
            )
        if self.thetas.ndim != 2:
            raise InvalidSetting(
                f"a Population takes thetas of shape [P, D], but these have shape {list(self.thetas.shape)};"
                " for a single vector write theta[None]."
            )

    def __len__(self) -> int:
        return len(self.thetas)

    @property
    def dimension(self) -> int:
        """D."""
        return self.thetas.shape[1]

    def dense(self) -> Tensor:
        return self.thetas

    def at(self, k: int) -> Tensor:
        """Candidate k, `[D]`."""
        return self.thetas[k].clone()

    def some(self, numbers: Sequence[int]) -> Tensor:
        """The candidates of these numbers, in order, `[numbers, D]`."""
        return self.thetas[as_index(numbers)]


@dataclass(frozen=True, eq=False)
class Line:
    """One coordinate takes G values.

    :param theta: `[D]`, a tensor or array.
    :param index: the coordinate.
    :param values: `[G]`, a tensor or array.
    """

    theta: Tensor
    index: int
    values: Tensor

    def __post_init__(self) -> None:
        object.__setattr__(self, "theta", as_tensor(self.theta))
        object.__setattr__(self, "values", as_tensor(self.values, self.theta.dtype))
        if self.theta.ndim != 1 or self.values.ndim != 1 or not 0 <= self.index < len(self.theta):
            raise InvalidSetting(
                f"a Line takes theta [D], an index below D and values [G]; got theta {list(self.theta.shape)},"
                f" index {self.index}, values {list(self.values.shape)}."
            )

    def __len__(self) -> int:
        return len(self.values)

    @property
    def dimension(self) -> int:
        """D."""
        return len(self.theta)

    def at(self, k: int) -> Tensor:
        """Candidate k, `[D]`."""
        theta = self.theta.clone()
        theta[self.index] = self.values[k]
        return theta

    def dense(self) -> Tensor:
        thetas = self.theta.repeat(len(self.values), 1)
        thetas[:, self.index] = self.values
        return thetas


def weights_of(weights: Tensor, count: int, theta: Tensor, out: Tensor) -> Tensor:
    """The weights `[P]` of candidates around theta `[D]`, as a tensor, to be combined into `out` `[D]`.

    Raises InvalidSetting where there is not one for each, or where `out` is not like theta.
    """
    weights = as_tensor(weights)
    if weights.shape != (count,):
        raise InvalidSetting(
            f"there are {count} candidates but {' x '.join(map(str, weights.shape)) or 'no list of'} weights; one for"
            " each, please."
        )
    if (out.shape, out.dtype, out.device) != (theta.shape, theta.dtype, theta.device):
        raise InvalidSetting(
            f"candidates are combined into a tensor like theta, {list(theta.shape)} of {theta.dtype} on {theta.device},"
            f" not into {list(out.shape)} of {out.dtype} on {out.device}."
        )
    return weights
