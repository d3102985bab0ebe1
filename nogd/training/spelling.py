"""Learners as text, in the grammar that `nogd.training.names` reads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from nogd.training.grammar import text_of
from nogd.training.learner import Learner, Sequence


def learner_fields(kind: type[Learner]) -> list[str]:
    """Names of the fields that hold learners, which a name gives in parentheses: "hybrid(grid-search; adam)"."""
    return [name for name, info in kind.model_fields.items() if _takes_learners(info.annotation)]


def _takes_learners(annotation: Any) -> bool:
    if isinstance(annotation, type) and not get_args(annotation):
        return issubclass(annotation, Learner)
    return any(map(_takes_learners, get_args(annotation)))


def spelled(learner: Learner, name_of: Callable[[type[Learner]], str]) -> str:
    """The text that `nogd.training.names.build` reads as this learner. name_of: what a class is called."""
    if isinstance(learner, Sequence):
        return _spelled_sequence(learner, name_of)
    changed = _changed(learner)
    placed, inner = _placed(learner, changed)
    within = f"({'; '.join(spelled(each, name_of) for each in inner)})" if inner else ""
    return name_of(type(learner)) + within + spelled_settings(learner, placed)


def spelled_settings(model: BaseModel, without: Collection[str] = ()) -> str:
    """What stands behind a name: ",setting=value" for each that differs from its default, but for some."""
    return "".join(
        f",{name}={text_of(value)}" for name, value in _changed(model).items() if name not in without
    )


def _changed(model: BaseModel) -> dict[str, Any]:
    """The settings that differ from their defaults."""
    values = ((name, info, getattr(model, name)) for name, info in type(model).model_fields.items())
    return {
        name: value for name, info, value in values if value != info.get_default(call_default_factory=True)
    }


def _placed(learner: Learner, changed: Mapping[str, Any]) -> tuple[list[str], list[Learner]]:
    """The fields whose learners stand in parentheses, up to the last that is changed, and those learners."""
    names = learner_fields(type(learner))
    while names and names[-1] not in changed:
        names.pop()
    values = [getattr(learner, name) for name in names]
    inner = [each for value in values for each in (value if isinstance(value, tuple | list) else [value])]
    return (names, inner) if all(isinstance(each, Learner) for each in inner) else ([], [])


def _spelled_sequence(learner: Sequence, name_of: Callable[[type[Learner]], str]) -> str:
    shares = [f",share={text_of(share).removesuffix('.0')}" for share in learner.shares]
    texts = [
        f"({spelled(part, name_of)})"
        if isinstance(part, Sequence) and len(part.parts) > 1
        else spelled(part, name_of)
        for part in learner.parts
    ]
    joined = "+".join(map("".join, zip(texts, shares or [""] * len(texts), strict=True)))
    return joined if len(texts) > 1 else f"({joined})"
