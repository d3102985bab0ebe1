"""What a task's data set learns from the training split."""

from __future__ import annotations

import torch

from nogd.engine.inputs.arrays import tensor_of
from nogd.problem.dataset import learnt
from nogd.problem.task import SupervisedTask
from nogd.testing.check import NotApplicable, broken, check
from nogd.testing.task import AnyTask, made_task

ROWS = 8


@check(
    "Learn in `Dataset.fit`, from the training split that it is given, and let the transform only apply it."
)
def transform_learns_nothing(task: AnyTask) -> None:
    """What `fit` returns treats each example separately: it may not look at the others of the same split."""
    made = made_task(task)
    found = learnt(made.data(), made.rows_of_splits()) if isinstance(made, SupervisedTask) else None
    if found is None:
        raise NotApplicable("its data set learns nothing")
    transform, parts = found
    for part in parts:
        few = part.inputs[:ROWS]
        whole, alone = tensor_of(transform(part.inputs), "inputs"), tensor_of(transform(few), "inputs")
        if not torch.allclose(whole[:ROWS].double(), alone.double(), rtol=1e-5, equal_nan=True):
            broken("the transform gives an example other values where other examples are beside it.")


CHECKS = (transform_learns_nothing,)
