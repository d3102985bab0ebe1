"""How the flat vector theta maps to a module's named tensors, and the search box of each."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import cast

import torch
from torch import Tensor, nn

from nogd.errors import InvalidSetting, did_you_mean

Interval = tuple[float, float]
Bounds = Interval | Mapping[str, Interval]
DEFAULT_BOX: Interval = (-5.0, 5.0)


@dataclass(frozen=True)
class Tensors:
    """The position of one named tensor in theta: `theta[start:stop]`, row by row.

    :param name: of the parameter.
    :param shape: of the parameter.
    :param start: its first coordinate.
    :param stop: the coordinate after its last one.
    :param low: lower end of its search box.
    :param high: upper end of its search box.
    """

    name: str
    shape: tuple[int, ...]
    start: int
    stop: int
    low: float
    high: float

    @property
    def is_bias(self) -> bool:
        """Whether it is a bias by its name, as PyTorch's layers name theirs."""
        return self.name.rpartition(".")[2].startswith("bias")


class ParameterSpace:
    """The searched parameters of a module, in the order of `named_parameters()`, each row by row.

    :param module: only its parameters with `requires_grad` are searched.
    :param bounds: one pair (low, high) for all, or a mapping from patterns of parameter names (`"*.bias"`) to pairs.
        The first pattern that matches counts; (-5, 5) for the rest.
    :raises InvalidSetting: for invalid bounds, and for a module without anything to search.
    """

    def __init__(self, module: nn.Module, bounds: Bounds = DEFAULT_BOX) -> None:
        searched = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
        if not searched:
            raise InvalidSetting(
                "the module has no parameter with requires_grad=True, so there is nothing to train."
            )
        for name, p in searched:
            if not p.is_floating_point():
                raise InvalidSetting(
                    f"parameter {name!r} is of {p.dtype}; nogd searches floating-point parameters."
                )
        first, *others = searched
        for name, p in others:
            if (p.dtype, p.device) != (first[1].dtype, first[1].device):
                raise InvalidSetting(
                    f"parameter {first[0]!r} is of {first[1].dtype} on {first[1].device}, but {name!r} of {p.dtype} on"
                    f" {p.device}; nogd searches parameters of one type on one device, so move the module to one."
                )
        self.dtype: torch.dtype = first[1].dtype
        self.device: torch.device = first[1].device
        boxes = _boxes([name for name, _ in searched], bounds)
        self.tensors: tuple[Tensors, ...] = tuple(_placed(searched, boxes))
        self.dimension = self.tensors[-1].stop
        self._stops = [t.stop for t in self.tensors]

    def __iter__(self) -> Iterator[Tensors]:
        return iter(self.tensors)

    @property
    def low(self) -> Tensor:
        """Lower end of the box, `[D]`."""
        return self._spread([t.low for t in self.tensors])

    @property
    def high(self) -> Tensor:
        """Upper end of the box, `[D]`."""
        return self._spread([t.high for t in self.tensors])

    def at(self, index: int) -> Tensors:
        """The tensor that coordinate `index` lies in."""
        return self.tensors[bisect_right(self._stops, index)]

    def read(self, module: nn.Module) -> Tensor:
        """The module's current parameters as theta, `[D]`."""
        parameters = dict(module.named_parameters())
        flat = [parameters[t.name].detach().reshape(-1).to(self.device, self.dtype) for t in self.tensors]
        return torch.cat(flat)

    def write(self, theta: Tensor, module: nn.Module) -> None:
        """Copy theta, `[D]`, into the module's parameters."""
        parameters = dict(module.named_parameters())
        with torch.no_grad():
            for t in self.tensors:
                parameters[t.name].copy_(theta[t.start : t.stop].view(t.shape))
        torch.clear_autocast_cache()  # it does not notice that parameters are written to

    def split(self, theta: Tensor) -> dict[str, Tensor]:
        """theta `[..., D]` as named views `[..., *shape]`."""
        lead = theta.shape[:-1]  # a tuple, as torch takes no empty list of sizes: a scalar's
        return {t.name: theta[..., t.start : t.stop].reshape((*lead, *t.shape)) for t in self.tensors}

    def sample(self, count: int, rng: torch.Generator) -> Tensor:
        """Vectors drawn uniformly from the box, `[count, D]`."""
        unit = torch.rand(count, self.dimension, generator=rng, dtype=self.dtype, device=self.device)
        width, low = self._box
        return unit.mul_(width).add_(low)

    @cached_property
    def _box(self) -> tuple[Tensor, Tensor]:
        """Widths and lower ends, `[D]`: made once, as a learner may sample in every step."""
        return self.high - self.low, self.low

    def _spread(self, values: list[float]) -> Tensor:
        lengths = torch.tensor([t.stop - t.start for t in self.tensors], device="cpu")
        each = torch.tensor(values, dtype=self.dtype, device="cpu")
        return torch.repeat_interleave(each, lengths).to(self.device)


def _placed(searched: list[tuple[str, nn.Parameter]], boxes: list[Interval]) -> Iterator[Tensors]:
    start = 0
    for (name, p), (low, high) in zip(searched, boxes, strict=True):
        yield Tensors(name, tuple(p.shape), start, start + p.numel(), low, high)
        start += p.numel()


def _boxes(names: list[str], bounds: Bounds) -> list[Interval]:
    if not isinstance(bounds, Mapping):
        return [interval(bounds, "bounds")] * len(names)
    patterns = {pattern: interval(pair, f"bounds[{pattern!r}]") for pattern, pair in bounds.items()}
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise InvalidSetting(
                f"bounds maps patterns of parameter names to pairs, but {pattern!r} is no name."
            )
        if not any(fnmatchcase(name, pattern) for name in names):
            raise InvalidSetting(
                f"bounds names {pattern!r}, but no searched parameter has that name{did_you_mean(pattern, names)}"
                f" Searched parameters: {', '.join(names)}."
            )
    matches = ([box for pattern, box in patterns.items() if fnmatchcase(name, pattern)] for name in names)
    return [(found or [DEFAULT_BOX])[0] for found in matches]


def interval(pair: object, what: str) -> Interval:
    """A pair (low, high) of finite numbers. Raises InvalidSetting naming `what` where it is none."""
    try:
        low, high = (float(end) for end in cast(Interval, pair))
    except (TypeError, ValueError):
        raise InvalidSetting(f"{what} must be a pair (low, high) of numbers, not {pair!r}.") from None
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise InvalidSetting(f"{what} must be a finite pair with low <= high, not ({low}, {high}).")
    return low, high
