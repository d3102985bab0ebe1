"""Which hyper-parameters of a learner are searched, and where: read from its fields, their constraints and defaults."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from nogd.errors import InvalidSetting
from nogd.training.learner import Learner
from nogd.training.learner import Sequence as Parts
from nogd.training.names import build, refuse_unknown
from nogd.tuning.dimension import Dimension

Limits = tuple[float, float]
_NO_METHOD = frozenset(
    {"checkpointing", "early_stopping", "eps", "memory", "precision", "surrogate", "tolerance"}
)
"""What ends a run, guards a division or saves memory: searched only where it is asked for."""
_TIMES = {float: 100, int: 8}
"""How far from its default a number without limits is looked for, as a factor."""
_UNKNOWN = {float: (1e-3, 10.0), int: (4, 128)}
"""Where a number is looked for that has neither a default nor limits."""
_NEAR_ONE = 0.9
_INSET = 0.01
"""How far within an open end a range begins, as a share of its width."""


def search_space(
    learner: Learner, only: Sequence[str] = (), ranges: Mapping[str, Limits] | None = None
) -> list[Dimension]:
    """The ranges of the hyper-parameters that are searched.

    :param learner: those that it was given explicitly stay as they are.
    :param only: names of those to search; all that are a choice of method by default.
    :param ranges: limits in place of those that follow from the fields.
    :raises InvalidSetting: for unknown names, for limits that the learner does not accept, and where there is nothing
        to search.
    """
    if isinstance(learner, Parts):
        raise InvalidSetting(f"{learner} is a sequence of learners: tune one of them at a time.")
    kind, ranges = type(learner), ranges or {}
    fields = {name: info for name, info in kind.model_fields.items() if name not in learner.model_fields_set}
    found = {name: each for name, info in fields.items() if (each := dimension_of(name, info)) is not None}
    refuse_unknown(kind.name, dict.fromkeys([*only, *ranges]), list(kind.model_fields), "hyper-parameter")
    for name in (*only, *ranges):
        if name not in found:
            raise InvalidSetting(f"{name} of {learner} cannot be searched: {_why_not(learner, name)}.")
    chosen = [*only, *(name for name in ranges if name not in only)] or [
        name for name in found if name not in _NO_METHOD
    ]
    if not chosen:
        raise InvalidSetting(f"{learner} has no hyper-parameters to search.")
    limited = {name: _between(learner, found[name], limits) for name, limits in ranges.items()}
    return [limited.get(name, found[name]) for name in chosen]


def _between(learner: Learner, dimension: Dimension, limits: Limits) -> Dimension:
    """A hyper-parameter within limits of the user's, both of which the learner must accept."""
    name = dimension.name
    if dimension.kind == "choice":
        raise InvalidSetting(
            f"{name} of {learner} is a choice, which has no limits: search it by --only {name}."
        )
    made = dimension.between(*limits)
    low, high = made.tried
    if low > high:
        raise InvalidSetting(
            f"{name} of {learner} has no value from {limits[0]:g} to {limits[1]:g}; widen the range."
        )
    given = {field: getattr(learner, field) for field in learner.model_fields_set}
    for end in (low, high):
        build(type(learner), given | {name: end})
    return made


def _why_not(learner: Learner, name: str) -> str:
    return "it is given" if name in learner.model_fields_set else "it is no number and no choice"


def dimension_of(name: str, info: FieldInfo) -> Dimension | None:
    """The range of a field; None for one that is neither a number nor a choice."""
    if info.is_required():
        return None
    default = info.get_default(call_default_factory=True)
    kinds, can_be_none = _without_none(info.annotation)
    if len(kinds) != 1:
        return None
    [kind] = kinds
    if get_origin(kind) is Literal or kind is bool:
        values = get_args(kind) if kind is not bool else (False, True)
        return Dimension(name, "choice", default, choices=(*values, None) if can_be_none else values)
    if kind is int:
        return _whole(name, default, info.metadata)
    return _real(name, default, info.metadata) if kind is float else None


def _without_none(annotation: Any) -> tuple[list[Any], bool]:
    if get_origin(annotation) not in (Union, UnionType):
        return [annotation], False
    kinds = [each for each in get_args(annotation) if each is not type(None)]
    return kinds, len(kinds) < len(get_args(annotation))


def _whole(name: str, default: int | None, metadata: Iterable[Any]) -> Dimension:
    low, high, unit = _limit(metadata, "ge", "gt", 1), _limit(metadata, "le", "lt", -1), _unit(metadata)
    least = max(low, unit, 1) if math.isfinite(low) else max(unit, 1)
    if default is None:
        first, last = (limit * max(1, least / _UNKNOWN[int][0]) for limit in _UNKNOWN[int])
    else:
        first, last = max(least, default / _TIMES[int]), default * _TIMES[int]
    last = min(last, high)
    if math.isfinite(low) and math.isfinite(high):
        first, last = low, high
    return Dimension(
        name,
        "int",
        default,
        first,
        last,
        log=first >= 1 and last / first >= 10,
        unit=unit,
        optional=default is None,
    )


def _real(name: str, default: float | None, metadata: Iterable[Any]) -> Dimension:
    low, high = _limit(metadata, "ge", "gt"), _limit(metadata, "le", "lt")
    if math.isfinite(low) and math.isfinite(high):
        return _bounded(name, default, low, high, metadata)
    if not default:  # none, or zero, from which no scale follows
        first, last = _UNKNOWN[float]
        return Dimension(name, "float", default, max(first, low), min(last, high), log=True, optional=True)
    first, last = sorted((default / _TIMES[float], default * _TIMES[float]))
    return Dimension(name, "float", default, max(first, low), min(last, high), log=default > 0)


def _bounded(name: str, default: float | None, low: float, high: float, metadata: Iterable[Any]) -> Dimension:
    if high == 1 and default is not None and _NEAR_ONE <= default < 1:
        return Dimension(name, "to one", default, low, high)
    width = high - low
    first = low + _INSET * width if _has(metadata, "gt") else low
    last = high - _INSET * width if _has(metadata, "lt") else high
    return Dimension(name, "float", default, first, last, optional=default is None)


def _limit(metadata: Iterable[Any], closed: str, opened: str, step: int = 0) -> float:
    """A constraint of a field; infinite where there is none. step: from an open end to the next whole number."""
    for each in metadata:
        if getattr(each, closed, None) is not None:
            return float(getattr(each, closed))
        if getattr(each, opened, None) is not None:
            return float(getattr(each, opened)) + step
    return math.inf if closed == "le" else -math.inf


def _unit(metadata: Iterable[Any]) -> int:
    return next((int(each.multiple_of) for each in metadata if getattr(each, "multiple_of", None)), 1)


def _has(metadata: Iterable[Any], name: str) -> bool:
    return any(getattr(each, name, None) is not None for each in metadata)


def parsed_range(text: str) -> tuple[str, Limits]:
    """Of "lr=1e-4:1" the name and the limits. Raises InvalidSetting."""
    name, _, limits = text.partition("=")
    low, _, high = limits.partition(":")
    try:
        found = float(low), float(high)
    except ValueError:
        found = math.nan, math.nan
    if not (math.isfinite(found[0]) and math.isfinite(found[1]) and found[0] < found[1]):
        raise InvalidSetting(f"--range {text}: write it as NAME=LOW:HIGH, such as lr=1e-4:1.")
    return name.strip().replace("-", "_"), found
