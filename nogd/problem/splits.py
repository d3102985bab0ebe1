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
from nogd.errors import DataError


@dataclass(frozen=True)
class Split:
    """Examples that belong together: inputs `[N, ...]` and targets float32 `[N, out]` or int64 `[N]`.

    inputs: float32, or whole numbers and booleans as the data set gave them.
    """

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.inputs)


def checked(name: str, inputs: Any, targets: Any) -> Split:
    """The data set `name` as one Split; raises DataError for wrong shapes and for NaN or infinite values.

    inputs, targets: tensors, or what people hold numbers in otherwise.
    """
    inputs = tensor_of(inputs, f"inputs of the data set {name!r}")
    targets = tensor_of(targets, f"targets of the data set {name!r}")
    inputs = inputs.float() if inputs.is_floating_point() else inputs
    targets = targets.float() if targets.is_floating_point() else targets.long()
    if inputs.ndim < 2 or targets.ndim != (2 if targets.is_floating_point() else 1):
        raise DataError(
            f"the data set {name!r} has inputs of shape {list(inputs.shape)} and targets of shape"
            f" {list(targets.shape)} and type {targets.dtype}; give inputs [N, features], and targets"
            " float [N, outputs] or integer [N]."
        )
    if len(inputs) != len(targets) or not len(inputs):
        raise DataError(
            f"the data set {name!r} has {len(inputs)} inputs and {len(targets)} targets;"
            " give one of both for each example, and at least one example."
        )
    for what, values in (("inputs", inputs), ("targets", targets)):
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


def standardised(parts: Sequence[Split], fields: Sequence[str]) -> Sequence[Split]:
    """The parts with `fields` ("inputs", "targets") at mean 0 and standard deviation 1 of the first part.

    Columns that are constant there are only shifted. Raises DataError for class numbers.
    """
    for field in fields:
        if field == "inputs":
            parts = [replace(part, inputs=part.inputs.float()) for part in parts]
        fitted: Tensor = getattr(parts[0], field)
        if not fitted.is_floating_point():
            raise DataError(
                f"{field} that are class numbers cannot be standardised; take {field!r} out of standardise."
            )
        mean, spread = fitted.mean(dim=0), fitted.std(dim=0, unbiased=False)
        spread = torch.where(spread > 0, spread, 1.0)
        parts = [replace(part, **{field: (getattr(part, field) - mean) / spread}) for part in parts]
    return parts
