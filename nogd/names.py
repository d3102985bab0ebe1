"""Learners by name, with hyper-parameters: "cma-es,sigma=0.3", "grid-search,share=0.2+adam,lr=0.01"."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from inspect import isabstract
from typing import Any

from pydantic import ValidationError

from nogd.errors import InvalidSetting, did_you_mean
from nogd.learner import Learner, Sequence
from nogd.plugins import plugins

_NEXT_LEARNER = re.compile(r"\+(?=\s*[A-Za-z])")  # 1e+3 is a number, +adam a learner
_NEXT_SETTING = re.compile(r",(?=\s*[A-Za-z_][\w-]*=)")  # betas=(0.9,0.99) keeps its comma


def build(learner: str | Learner | type[Learner], settings: Mapping[str, Any] | None = None) -> Learner:
    """The learner that a name, a class or a learner itself stands for, with further hyper-parameters by name.

    Raises UnknownName, AmbiguousName or InvalidSetting, each naming what would be right.
    """
    settings = dict(settings or {})
    if isinstance(learner, str):
        return _from_text(learner, settings)
    if isinstance(learner, type) and _is_made_of(learner):
        return make(learner, settings)
    if not isinstance(learner, Learner):
        raise InvalidSetting(
            f"a learner is a name such as 'adam,lr=0.01', a nogd.Learner or a class of them, not {learner!r:.60}."
        )
    if settings:
        raise InvalidSetting(
            f"{next(iter(settings))!r} is given beside a learner that is already made; put it into the learner itself."
        )
    return learner


def _is_made_of(kind: type) -> bool:
    return issubclass(kind, Learner) and not isabstract(kind)


def make(kind: type[Learner], settings: Mapping[str, Any]) -> Learner:
    """A learner of that class with those hyper-parameters. Raises InvalidSetting naming the one that is wrong."""
    known = list(kind.model_fields)
    for name in settings:
        if name not in known:
            options = (
                f" Its hyper-parameters: {', '.join(known)}." if known else " It has no hyper-parameters."
            )
            raise InvalidSetting(
                f"{kind.name} has no hyper-parameter {name!r}{did_you_mean(name, known)}{options}"
            )
    try:
        return kind(**settings)
    except ValidationError as error:
        raise InvalidSetting(f"{kind.name}: {first_complaint(error)}") from None


def inner_learners(learner: Learner) -> Iterator[Learner]:
    """The learners that are settings of another, such as the parts of a sequence; not those within them."""
    for name in type(learner).model_fields:
        value = getattr(learner, name)
        values = value if isinstance(value, tuple | list) else (value,)
        yield from (each for each in values if isinstance(each, Learner))


def first_complaint(error: ValidationError) -> str:
    """What pydantic found wrong first, as one sentence that names the setting and the value."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if first["type"] == "extra_forbidden":
        return f"there is no setting {place!r}."
    if not place:
        return f"{message}."
    return f"{place} = {first['input']!r:.60} is not right: {message}."


def _from_text(text: str, settings: dict[str, Any]) -> Learner:
    parts = [_part(part) for part in _NEXT_LEARNER.split(text)]
    if len(parts) == 1:
        name, own = parts[0]
        if "share" in own:
            raise InvalidSetting(f"{text!r} gives a share, which only a part of a sequence (a+b) can have.")
        return make(_class_of(name), own | settings)
    if settings:
        raise InvalidSetting(
            f"{next(iter(settings))!r} could belong to any learner of {text!r}; write it behind its learner's name."
        )
    shares = [own.pop("share", None) for _, own in parts]
    learners = tuple(make(_class_of(name), own) for name, own in parts)
    if all(share is None for share in shares):
        return Sequence(parts=learners)
    try:
        return Sequence(
            parts=learners, shares=tuple(1.0 if share is None else float(share) for share in shares)
        )
    except (ValidationError, ValueError, TypeError):
        raise InvalidSetting(f"the shares in {text!r} must be positive numbers.") from None


def _part(text: str) -> tuple[str, dict[str, Any]]:
    name, *pairs = _NEXT_SETTING.split(text.strip())
    if "," in name or "=" in name:
        raise InvalidSetting(f"{text!r} does not parse; write a learner as name,setting=value,setting=value.")
    settings: dict[str, Any] = {}
    for setting, value in map(parse_setting, pairs):
        if setting in settings:
            raise InvalidSetting(f"{text!r} gives {setting} twice.")
        settings[setting] = value
    return name.strip(), settings


def parse_setting(pair: str) -> tuple[str, Any]:
    """A "name=value" as name (hyphens may stand for underscores) and value."""
    name, _, value = pair.partition("=")
    return name.strip().replace("-", "_"), _value(value.strip())


def _value(text: str) -> Any:
    """Text for pydantic to convert, except what it does not read from text: None, tuples and lists."""
    if text.lower() in ("none", "null"):
        return None
    if text[:1] in ("(", "["):
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError):
            return text
    return text


def _class_of(name: str) -> type[Learner]:
    entry = plugins().learners.find(name)
    kind = entry.load()
    if not (isinstance(kind, type) and issubclass(kind, Learner)):
        raise InvalidSetting(
            f"{entry.qualified_name} is registered as a learner, but is no subclass of nogd.Learner."
        )
    return kind
