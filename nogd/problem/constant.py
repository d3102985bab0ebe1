"""The best constant predictor: what a learner must beat before it has learnt anything."""

from __future__ import annotations

from torch import Tensor

from nogd.engine.losses import Loss
from nogd.problem.splits import Split, labels


def constant_outputs(train: Split, scored: Split, loss: Loss) -> Tensor:
    """One output, the same for all examples of `scored`, `[N, out]`: that of the lowest training loss.

    Candidates are the mean and the median of float targets, and the logits of the class frequencies.
    """
    candidates = _candidates(train.targets, scored.targets)
    best = min(candidates, key=lambda outputs: float(loss(outputs.expand(len(train), -1), train.targets)))
    return best.expand(len(scored), -1)


def _candidates(targets: Tensor, scored: Tensor) -> list[Tensor]:
    """Candidates `[1, out]` from the training targets; scored ones only say how many classes there are."""
    if not targets.is_floating_point():
        return [_logits(targets, int(max(targets.max(), scored.max())) + 1)]
    found = [targets.mean(dim=0, keepdim=True), targets.median(dim=0, keepdim=True).values]
    classes = labels(targets)
    if classes is not None:
        logits = _logits(classes, 2)
        found.append(logits[:, 1:] - logits[:, :1])
    return found


def _logits(classes: Tensor, number: int) -> Tensor:
    """Log frequencies `[1, number]`; a class without an example counts as one, so that all stay finite."""
    counts = classes.bincount(minlength=number).clamp(min=1)
    return (counts / len(classes)).log().reshape(1, -1)
