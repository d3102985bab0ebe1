"""What `nogd show` says about one registered thing."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from nogd.cli.table import paragraph, table
from nogd.errors import DataError, PluginError
from nogd.plugins.isolation import Failure, attempt
from nogd.plugins.registry import Entry

_LIMITS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "multiple_of": "a multiple of"}
_LENGTHS = {"min_length": "length >=", "max_length": "length <="}


@dataclass(frozen=True)
class Setting:
    """One hyper-parameter or setting; default: Python's way of writing it, "" where one must be given."""

    name: str
    type: str
    default: str
    range: str
    meaning: str


@dataclass(frozen=True)
class Description:
    """All that `nogd show` knows of one thing.

    text: its docstring; facts: name -> value; where: "module (file)".
    """

    entry: Entry
    text: str
    where: str
    settings: list[Setting] | None = None
    facts: Mapping[str, object] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        source = self.entry.source
        described: dict[str, object] = {
            "kind": self.entry.kind,
            "name": self.entry.name,
            "summary": self.entry.summary,
            "description": self.text,
            "package": source.package,
            "version": source.version,
            "plugin": source.plugin,
            "where": self.where,
        }
        for name, value in self.facts.items():
            described[f"{self.entry.kind}_{name}" if name in described else name] = value
        if self.settings is not None:
            described[self._noun.replace("-", "_")] = [vars(setting) for setting in self.settings]
        return described

    def as_text(self, width: int) -> str:
        """For a terminal of that many columns."""
        source = self.entry.source
        parts = [
            f"{self.entry.name}: a {self.entry.kind} of {source.describe()}",
            _rewrapped(self.text or self.entry.summary, width),
            self._settings_as_text(width),
            _facts_as_text({**self.facts, "defined in": self.where}, width),
        ]
        return "\n\n".join(part for part in parts if part)

    @property
    def _noun(self) -> str:
        """What its settings are called."""
        return "hyper-parameters" if self.entry.kind == "learner" else "settings"

    def _settings_as_text(self, width: int) -> str:
        if self.settings is None:
            return ""
        if not self.settings:
            return f"It has no {self._noun}."
        rows = [[each.name, each.type, each.default, each.range, each.meaning] for each in self.settings]
        header = ["NAME", "TYPE", "DEFAULT", "RANGE", "MEANING"]
        return f"{self._noun.capitalize()}\n" + table(header, rows, width, indent="  ")


def describe(entry: Entry) -> Description:
    """Import the thing and look at it; raises PluginError where that fails."""
    target = entry.load()
    about = partial(Description, entry, _docstring(target), _where(entry, target))
    if entry.kind == "learner":
        return about(settings=settings_of(target), facts=_looks(target))
    settings = None
    if entry.kind == "executor":
        from nogd.bench.events import OF_THE_HARNESS  # which imports torch

        settings = [each for each in settings_of(target) if each.name not in OF_THE_HARNESS]
    if entry.kind == "task":
        settings = settings_of(target if isinstance(target, type) else type(target))
        settings.sort(key=lambda each: each.name in ("mode", "split"))  # those of every task come last
    return about(settings=settings, facts=_own_description(entry, target))


def _looks(learner: Any) -> dict[str, object]:
    """What a learner's class says of how closely it looks, and of its kin."""
    return {name: sorted(getattr(learner, name, ())) for name in ("needs", "uses", "tags")}


def settings_of(learner: Any) -> list[Setting]:
    """The hyper-parameters of a learner's class, or settings of an executor or a task, in the order of the fields."""
    fields: Mapping[str, Any] = getattr(learner, "model_fields", {})
    return [
        Setting(
            info.alias or name,
            _type_as_text(info.annotation),
            "" if info.is_required() else _default(info.get_default(call_default_factory=True)),
            range_of(info.metadata),
            " ".join((info.description or "").split()),
        )
        for name, info in fields.items()
    ]


def _default(value: object) -> str:
    """As Python writes it; a learner, which is a setting of another, by its name."""
    return str(value) if hasattr(value, "init") and hasattr(value, "step") else repr(value)


def range_of(constraints: Iterable[object]) -> str:
    """Constraints of a pydantic field in words: "> 0, <= 1"."""
    words = {**_LIMITS, **_LENGTHS}
    found = [
        f"{words[name]} {getattr(constraint, name)}"
        for constraint in constraints
        for name in words
        if getattr(constraint, name, None) is not None
    ]
    return ", ".join(found)


def _type_as_text(annotation: Any) -> str:
    """A type as people write it: "int | None", "'ring' | 'star'"."""
    parts = get_args(annotation)
    if get_origin(annotation) is Literal:
        return " | ".join(map(repr, parts))
    if get_origin(annotation) in (Union, UnionType):
        return " | ".join(map(_type_as_text, parts))
    if annotation is type(None):
        return "None"
    if isinstance(annotation, type) and not parts:
        return annotation.__name__
    # collections.abc.Sequence[int] -> Sequence[int]
    return re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", str(annotation))


def _own_description(entry: Entry, target: Any) -> Mapping[str, object]:
    """What the thing says of itself, where it has a method `describe`."""
    if not callable(getattr(target, "describe", None)):
        return {}
    facts = attempt(partial(_call_describe, target), quiet=True)
    if isinstance(facts, Failure):
        if isinstance(facts.error, DataError):  # the thing is well, what it needs is not there
            return {"not now": str(facts.error)}
        raise PluginError(
            f"The {entry.kind} {entry.name!r} of {entry.source.describe()} cannot describe itself: {facts.cause}"
        ) from facts.error
    return facts


def _call_describe(target: Any) -> dict[str, object]:
    describe: Callable[[], Mapping[str, object]] = (target() if isinstance(target, type) else target).describe
    return {str(name): value for name, value in describe().items() if name != "name"}


def _docstring(target: object) -> str:
    """A class's or function's own docstring; none for other objects, whose class would speak for all.

    Without its list of parameters: settings are shown as a table.
    """
    speaks = isinstance(target, type) or inspect.isroutine(target)
    return re.split(r"\n\s*\n(?=:\w)", inspect.getdoc(target) or "")[0] if speaks else ""


def _where(entry: Entry, target: object) -> str:
    """Module and file: of the class, or of an object's target or class."""
    named = target if isinstance(target, type) or inspect.isroutine(target) else type(target)
    module = getattr(entry.target, "target", "").partition(":")[0] or named.__module__
    file = getattr(sys.modules.get(module), "__file__", None)
    return f"{module} ({file})" if file else module


def _rewrapped(text: str, width: int) -> str:
    """A docstring at the terminal's width: paragraphs are wrapped, indented lines and lists left as they are."""
    blocks = re.split(r"\n\s*\n", text.strip())
    return "\n\n".join(
        block if re.search(r"^(\s|[*-] )", block, re.MULTILINE) else paragraph(" ".join(block.split()), width)
        for block in blocks
    )


def _facts_as_text(facts: Mapping[str, object], width: int) -> str:
    known = {name: value for name, value in facts.items() if value not in (None, [], "")}
    rows = [[name.replace("_", " "), _fact(value)] for name, value in known.items()]
    return table(rows[0], rows[1:], width)


def _fact(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_fact(part)}" for name, part in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(_fact, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
