"""From data to training, validation and test examples: checked, stratified, standardised, by plain torch.

scikit-learn's own helpers would do, but cost a second of import in every worker process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from nogd.engine.inputs.arrays import tensor_of
from nogd.engine.inputs.tensors import inputs_of
from nogd.engine.several import Inputs, Several, gathered, mapped, parts_of, shapes_of
from nogd.errors import DataError


@dataclass(frozen=True)
class Split:
    """Examples that belong together.

    :param inputs: `[N, ...]`, float32, or integers and booleans as the data set gave them; several inputs, given as a
        tuple or dict, are held as Several.
    :param targets: float32 `[N, out]` or int64 `[N]`.
    """

    inputs: Inputs
    targets: Tensor

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", gathered(self.inputs))

    def __len__(self) -> int:
        return len(self.targets)


def checked(name: str, inputs: Any, targets: Any) -> Split:
    """The data set `name` as one Split; raises DataError for wrong shapes and for NaN or infinite values.

    inputs, targets: tensors, or what people hold numbers in otherwise.
    """
    targets = tensor_of(targets, f"targets of the data set {name!r}")
    inputs = inputs_of(inputs, len(targets), f"inputs of the data set {name!r}")
    inputs = mapped(inputs, lambda part: part.float() if part.is_floating_point() else part)
    targets = targets.float() if targets.is_floating_point() else targets.long()
    parts = parts_of(inputs)
    alone_and_flat = isinstance(inputs, Tensor) and inputs.ndim < 2
    if alone_and_flat or targets.ndim != (2 if targets.is_floating_point() else 1):
        raise DataError(
            f"the data set {name!r} has inputs of shape {shapes_of(inputs)} and targets of shape"
            f" {list(targets.shape)} and type {targets.dtype}; give inputs [N, features], and targets"
            " float [N, outputs] or integer [N]."
        )
    for part in parts.values():
        if len(part) != len(targets) or not len(part):
            raise DataError(
                f"the data set {name!r} has {len(part)} inputs and {len(targets)} targets;"
                " give one of both for each example, and at least one example."
            )
    for what, values in (*(("inputs", part) for part in parts.values()), ("targets", targets)):
        if not values.isfinite().all():
            raise DataError(
                f"the data set {name!r} has {what} that are NaN or infinite;"
                " leave such examples out, or fill them in."
            )
    return Split(inputs, targets)


def labels(targets: Tensor) -> Tensor | None:
    """The class of each example, int64 `[N]`: integer targets, or a column of 0 and 1; None in regression."""
    if not targets.is_floating_point():
        return targets
    if targets.shape[1:] == (1,) and ((targets == 0) | (targets == 1)).all():
        return targets[:, 0].long()
    return None


def split(data: Split, shares: Sequence[float], seed: int) -> list[Split]:
    """One Split a share, disjoint, in random order; each class, or fifth of the targets, is shared alike."""
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))
    strata = _strata(data.targets)
    part = torch.empty(len(data), dtype=torch.int64)
    for stratum in torch.unique(strata):
        members = order[strata[order] == stratum]
        part[members] = _parts(len(members), shares)
    chosen = [order[part[order] == number] for number in range(len(shares))]
    return [Split(data.inputs[rows], data.targets[rows]) for rows in chosen]


def _strata(targets: Tensor) -> Tensor:
    """What to share out evenly, int64 `[N]`: the classes, or the fifths of the (first) target."""
    classes = labels(targets)
    if classes is not None:
        return classes
    ranks = targets[:, 0].argsort(stable=True).argsort()
    return ranks * 5 // len(targets)


def _parts(count: int, shares: Sequence[float]) -> Tensor:
    """The part of each of `count` examples, int64 `[count]`, as near to `shares` as whole examples allow."""
    ends = [round(count * sum(shares[: number + 1])) for number in range(len(shares))]
    return torch.bucketize(torch.arange(count), torch.tensor(ends), right=True)


def balanced(data: Split) -> Split:
    """The examples with those of rarer classes repeated, whole times, until all classes have about as many.

    Raises DataError for targets that are no classes.
    """
    classes = labels(data.targets)
    if classes is None:
        raise DataError("targets that are no classes cannot be balanced; take 'balanced' out of the task.")
    sizes = classes.bincount()
    times = (sizes.max() / sizes.clamp(min=1)).round().long()
    rows = torch.arange(len(data)).repeat_interleave(times[classes])
    return Split(data.inputs[rows], data.targets[rows])


def standardised(parts: Sequence[Split], fields: Sequence[str]) -> Sequence[Split]:
    """The parts with `fields` ("inputs", "targets") at mean 0 and standard deviation 1 of the first part.

    Columns that are constant there are only shifted; of several inputs those of whole numbers stay as they are. Raises
    DataError for class numbers.
    """
    if "inputs" in fields:
        parts = [replace(part, inputs=_as_floats(part.inputs)) for part in parts]
        first = parts[0].inputs
        parts = [replace(part, inputs=_scaled(part.inputs, first)) for part in parts]
    if "targets" in fields:
        fitted = parts[0].targets
        if not fitted.is_floating_point():
            raise DataError(
                "targets that are class numbers cannot be standardised; take 'targets' out of standardise."
            )
        parts = [replace(part, targets=_part_scaled(part.targets, fitted)) for part in parts]
    return parts


def _as_floats(inputs: Inputs) -> Inputs:
    return inputs.float() if isinstance(inputs, Tensor) else inputs


def _scaled(values: Inputs, fitted: Inputs) -> Inputs:
    if isinstance(values, Several):
        of = parts_of(fitted)
        return Several({key: _part_scaled(part, of[key]) for key, part in values.parts.items()})
    return _part_scaled(values, parts_of(fitted)[None])


def _part_scaled(values: Tensor, fitted: Tensor) -> Tensor:
    if not fitted.is_floating_point():
        return values
    mean, spread = fitted.mean(dim=0), fitted.std(dim=0, unbiased=False)
    return (values - mean) / torch.where(spread > 0, spread, 1.0)
