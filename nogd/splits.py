"""Data into training, validation and test examples: checked, stratified, standardised, by plain torch.

scikit-learn's own helpers would do, but cost a second of import in every worker process.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from nogd.errors import DataError


@dataclass(frozen=True)
class Split:
    """Examples that belong together: inputs float32 `[N, ...]`, targets float32 `[N, out]` or int64 `[N]`."""

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.inputs)


def checked(name: str, inputs: Tensor, targets: Tensor) -> Split:
    """The data set `name` as one Split. Raises DataError for wrong shapes and for values that are not finite."""
    inputs, targets = torch.as_tensor(inputs).float(), torch.as_tensor(targets)
    targets = targets.float() if targets.is_floating_point() else targets.long()
    if inputs.ndim < 2 or targets.ndim != (2 if targets.is_floating_point() else 1):
        raise DataError(
            f"the data set {name!r} has inputs of shape {tuple(inputs.shape)} and {targets.dtype} targets of shape "
            f"{tuple(targets.shape)}; wanted are inputs [N, features], and targets float [N, outputs] or integer [N]."
        )
    if len(inputs) != len(targets) or not len(inputs):
        raise DataError(
            f"the data set {name!r} has {len(inputs)} inputs and {len(targets)} targets; "
            "give each example one of both, and at least one example."
        )
    for what, values in (("inputs", inputs), ("targets", targets)):
        if not values.isfinite().all():
            raise DataError(
                f"the data set {name!r} has {what} that are NaN or infinite; remove those examples or fill the gaps."
            )
    return Split(inputs, targets)


def labels(targets: Tensor) -> Tensor | None:
    """The class of each example, int64 `[N]`: integer targets, or one column of zeros and ones; None for regression."""
    if not targets.is_floating_point():
        return targets
    if targets.shape[1:] == (1,) and ((targets == 0) | (targets == 1)).all():
        return targets[:, 0].long()
    return None


def split(data: Split, shares: tuple[float, ...], seed: int) -> tuple[Split, ...]:
    """One Split a share, disjoint and in random order; each class is shared out alike where there are classes."""
    order = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))
    classes = labels(data.targets)
    part = torch.empty(len(data), dtype=torch.int64)
    for members in [order] if classes is None else [order[classes[order] == c] for c in classes.unique()]:
        part[members] = _parts(len(members), shares)
    chosen = [order[part[order] == number] for number in range(len(shares))]
    return tuple(Split(data.inputs[rows], data.targets[rows]) for rows in chosen)


def _parts(count: int, shares: tuple[float, ...]) -> Tensor:
    """The part that each of `count` examples goes to, int64 `[count]`, as near to `shares` as whole examples allow."""
    ends = [round(count * sum(shares[: number + 1])) for number in range(len(shares))]
    return torch.bucketize(torch.arange(count), torch.tensor(ends), right=True)


def standardised(parts: tuple[Split, ...], fields: tuple[str, ...]) -> tuple[Split, ...]:
    """Shift and scale `fields` ("inputs", "targets") to mean 0 and standard deviation 1 of the first part.

    Columns that are constant there are only shifted.
    """
    for field in fields:
        fitted: Tensor = getattr(parts[0], field)
        mean, spread = fitted.mean(dim=0), fitted.std(dim=0, unbiased=False)
        spread = torch.where(spread > 0, spread, 1.0)
        parts = tuple(replace(part, **{field: (getattr(part, field) - mean) / spread}) for part in parts)
    return parts
