"""What has a name and settings, and its text in the grammar that `nogd.training.names` reads."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, TypeAlias, get_args

from pydantic import BaseModel, ConfigDict

from nogd.training.grammar import settings_text


class Named(BaseModel):
    """Base of whatever is named with settings: the fields are the settings, validated and never changed.

    name: what it is called everywhere.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: ClassVar[str]

    def spelled(self, name_of: NameOf) -> str:
        """The text that stands for this one; an override point for what is no name with settings, such as "a+b".

        name_of: what a class is called.
        """
        changed = _changed(self)
        placed, inner = _placed(self, changed)
        within = f"({'; '.join(each.spelled(name_of) for each in inner)})" if inner else ""
        return name_of(type(self)) + within + spelled_settings(self, placed)

    def __str__(self) -> str:
        """The name with the settings that differ from their defaults: "cma-es,sigma=0.3"."""
        return self.spelled(lambda kind: kind.name)


NameOf: TypeAlias = Callable[[type[Named]], str]


def inner_fields(kind: type[Named]) -> list[str]:
    """Names of the fields that hold others of the kind, which stand in parentheses: "hybrid(grid-search; adam)"."""
    return [name for name, info in kind.model_fields.items() if _takes_named(info.annotation)]


def _takes_named(annotation: Any) -> bool:
    if isinstance(annotation, type) and not get_args(annotation):
        return issubclass(annotation, Named)
    return any(map(_takes_named, get_args(annotation)))


def spelled_settings(model: BaseModel, without: Collection[str] = ()) -> str:
    """What stands behind a name: ",setting=value" for each that differs from its default, but for some."""
    return settings_text({name: value for name, value in _changed(model).items() if name not in without})


def _changed(model: BaseModel) -> dict[str, Any]:
    """The settings that differ from their defaults."""
    values = ((name, info, getattr(model, name)) for name, info in type(model).model_fields.items())
    return {
        info.alias or name: value
        for name, info, value in values
        if value != info.get_default(call_default_factory=True)
    }


def _placed(named: Named, changed: Mapping[str, Any]) -> tuple[list[str], list[Named]]:
    """The fields whose values stand in parentheses, up to the last that is changed, and those values."""
    names = inner_fields(type(named))
    while names and names[-1] not in changed:
        names.pop()
    values = [getattr(named, name) for name in names]
    inner = [each for value in values for each in (value if isinstance(value, tuple | list) else [value])]
    return (names, inner) if all(isinstance(each, Named) for each in inner) else ([], [])
