"""A class of learners for each optimiser: `TorchAdamW`, `TorchLBFGS`, ..., as many as the installed torch has."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from pydantic import create_model
from torch.optim import Optimizer

from nogd_torch_optim.fields import fields_of
from nogd_torch_optim.names import class_names, name_of
from nogd_torch_optim.optimiser import ClosureLearner, GradientLearner, OptimiserLearner

_TEXT = """torch.optim.{name}, as it is{summary}.

{step} Defaults are torch's own{but}. Source: the paper that torch names for it,
https://docs.pytorch.org/docs/stable/generated/torch.optim.{name}.html.
"""
_BY_STEP = "A step is one update and costs one gradient; an iteration is one epoch."
_BY_CLOSURE = (
    "A step, which is an iteration, costs a gradient for each point that the optimiser looks at, `max_eval` of them\n"
    "at most, and some for a line search; the best of all points is recommended."
)


def _learner(optimiser: type[Optimizer]) -> type[OptimiserLearner[Any]]:
    name = optimiser.__name__
    takes_closure = inspect.signature(optimiser.step).parameters["closure"].default is inspect.Parameter.empty
    said = (inspect.getdoc(optimiser) or "").partition("\n")[0].rstrip(".")
    base: type[OptimiserLearner[Any]] = ClosureLearner if takes_closure else GradientLearner
    kind = create_model(
        f"Torch{name}",
        __base__=base,
        __module__=__name__,
        __doc__=_TEXT.format(
            name=name,
            summary=f": {said[0].lower()}{said[1:]}" if said else "",
            step=_BY_CLOSURE if takes_closure else _BY_STEP,
            but=", but for the line search" if name == "LBFGS" else "",
        ),
        **fields_of(optimiser),
    )
    kind.name, kind.optimiser = name_of(name), optimiser
    return kind


globals().update({f"Torch{name}": _learner(getattr(torch.optim, name)) for name in class_names()})
