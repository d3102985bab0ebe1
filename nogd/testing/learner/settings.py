"""Hyper-parameters and the docstring."""

from __future__ import annotations

import contextlib
import json
import math
import pickle
import re
from typing import Any

import cloudpickle
from pydantic import ValidationError

from nogd.bench.cell import settings_of
from nogd.testing.check import NotApplicable, broken, check
from nogd.training.learner import Learner, Sequence

# An author's year, a paper's number, an address, or the word itself.
_SOURCE = re.compile(r"\b(1[6-9]|20)\d\d[a-z]?\b|arXiv|\bdoi\b|ISBN|https?://|\bSource\b", re.IGNORECASE)


@check("Leave `model_config` as nogd.Learner sets it, and keep whatever changes in the State.")
def hyper_parameters_are_frozen(learner: Learner) -> None:
    """A learner never changes, so that it can be printed, compared, stored and run anywhere."""
    for name in type(learner).model_fields:
        with contextlib.suppress(ValidationError):
            setattr(learner, name, getattr(learner, name))
            broken(f"{name} can be set on a learner that is made.")
    before = dict(vars(learner))
    with contextlib.suppress(ValidationError, AttributeError, ValueError):
        learner.checked_by_nogd = 1  # type: ignore[attr-defined]  # that it cannot be set is the point
        broken("a new attribute can be set on it.")
    if dict(vars(learner)) != before:
        broken("setting an attribute changes it.")


@check(
    "Give each hyper-parameter a type and its range, as in `sigma: float = Field(0.1, gt=0)`, and a default that"
    " keeps to it; leave `extra` at 'forbid'."
)
def hyper_parameters_are_validated(learner: Learner) -> None:
    """A wrong hyper-parameter is refused with its name before any training starts."""
    kind, given = type(learner), dict(learner)
    if _accepts(kind, given | {"checked_by_nogd": 1}):
        broken("it takes a hyper-parameter that does not exist.")
    if not _accepts(kind, given):
        broken("it refuses its own values, so that a default breaks the range that it is given.")
    for name, value in given.items():
        if _accepts(kind, given | {name: object()}):
            broken(f"{name} takes anything at all.")
        if isinstance(value, float) and _accepts(kind, given | {name: math.nan}):
            broken(f"{name} takes NaN.")


@check(
    "Use numbers, strings, booleans, None and tuples of them as hyper-parameters: no lists, arrays or functions."
)
def hyper_parameters_can_be_hashed_and_stored(learner: Learner) -> None:
    """Equal learners are equal in every process, so that stored runs are found again."""
    twin = learner.model_copy()
    try:
        same = hash(learner) == hash(twin) and learner == twin
    except TypeError as error:
        broken(f"it cannot be hashed: {error}.")
    if not same:
        broken("a copy of it is not equal to it.")
    if pickle.loads(cloudpickle.dumps(learner)) != learner:
        broken("it comes back from a worker process as another one.")
    try:
        json.dumps(settings_of(learner), allow_nan=False)
    except (TypeError, ValueError) as error:
        broken(f"its hyper-parameters cannot be written as JSON: {error}.")


@check(
    "Begin the class's docstring with one line on what it does, and name the source: author and year, a DOI or arXiv"
    " number; write 'Source: ...' for an idea of your own."
)
def docstring_names_a_source(learner: Learner) -> None:
    """A reader of a report finds out what a learner does and where it comes from (`nogd show NAME`)."""
    if isinstance(learner, Sequence):
        raise NotApplicable("the learners of a sequence have docstrings of their own")
    text: Any = type(learner).__dict__.get("__doc__")
    if not isinstance(text, str) or not text.strip():
        broken("the class has no docstring of its own.")
    if not _SOURCE.search(text):
        broken("its docstring names no source.")


def _accepts(kind: type[Learner], settings: dict[str, Any]) -> bool:
    try:
        kind(**settings)
    except ValidationError:
        return False
    return True


CHECKS = (
    hyper_parameters_are_frozen,
    hyper_parameters_are_validated,
    hyper_parameters_can_be_hashed_and_stored,
    docstring_names_a_source,
)
