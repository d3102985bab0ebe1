"""Learners by name, with hyper-parameters: "cma-es,sigma=0.3", "grid-search,share=0.2+adam,lr=0.01".

Learners within a learner stand in parentheses: "hybrid(grid-search,points=5; adam),split=0.3".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from inspect import isabstract
from typing import Annotated, Any, TypeVar, get_origin

from pydantic import BaseModel, BeforeValidator, SerializeAsAny, ValidationError

from nogd.errors import InvalidSetting, PluginError, did_you_mean
from nogd.plugins.registry import offered
from nogd.training.grammar import head_of, learners_in, settings_in, value_of
from nogd.training.learner import Learner, Sequence
from nogd.training.spelling import Named, inner_fields

Model = TypeVar("Model", bound=BaseModel)


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
    inner = inner_fields(kind)
    hint = f" Those of a learner within it stand in parentheses: {kind.name}(adam,lr=0.01)." if inner else ""
    refuse_unknown(kind.name, settings, list(kind.model_fields), "hyper-parameter", hint)
    made = {name: _as_learners(value) if name in inner else value for name, value in settings.items()}
    return made_of(kind, kind.name, made)


def name_of_class(kind: type, noun: str) -> str:
    """What a class is called by users. Raises PluginError where it has no name; noun: "task"."""
    name = getattr(kind, "name", None)
    if not isinstance(name, str):
        raise PluginError(f"the {noun} {kind.__qualname__} has no name; give the class one: name = 'mine'.")
    return name


def refuse_unknown(
    owner: str, settings: Mapping[str, Any], known: list[str], noun: str = "setting", hint: str = ""
) -> None:
    """Raise InvalidSetting for the first setting that its owner does not know. hint: a sentence for the end of it."""
    for name in settings:
        if name not in known:
            options = f" Its {noun}s: {', '.join(known)}." if known else f" It has no {noun}s."
            raise InvalidSetting(f"{owner} has no {noun} {name!r}{did_you_mean(name, known)}{options}{hint}")


def made_of(kind: type[Model], owner: str, settings: Mapping[str, Any]) -> Model:
    """An object of that class with those settings, all known to it. Raises InvalidSetting naming one that is wrong."""
    try:
        return _validated(kind, settings)
    except ValidationError as error:
        raise InvalidSetting(f"{owner}: {first_complaint(error)}") from None


def _validated(kind: type[Model], settings: Mapping[str, Any]) -> Model:
    """With the word none for None where a setting has that word among its values, and no None."""
    try:
        return kind(**settings)
    except ValidationError as error:
        refused = {str(each["loc"][0]) for each in error.errors() if each["loc"]}
        words = {name: "none" for name in refused if name in settings and settings[name] is None}
        if not words:
            raise
        return kind(**{**settings, **words})


def as_learner(value: Any) -> Any:
    """A learner from its text, or from what a store keeps of it ({"name": ..., "settings": ...}); else as it is."""
    if isinstance(value, str):
        return build(value)
    if isinstance(value, Mapping) and value.keys() == {"name", "settings"}:
        return make(
            Sequence if value["name"] == Sequence.name else class_of(value["name"]), value["settings"]
        )
    return value


def _as_learners(value: Any) -> Any:
    return tuple(map(as_learner, value)) if isinstance(value, list | tuple) else as_learner(value)


InnerLearner = Annotated[SerializeAsAny[Learner], BeforeValidator(as_learner)]
"""The type of a field that holds a learner: it takes one, or its text."""


def changed_within(learner: Learner, kind: type[Learner], settings: Mapping[str, Any]) -> Learner:
    """The learner with these settings wherever it is of that class, or holds one that is."""
    inner = {
        name: _changed_inner(getattr(learner, name), kind, settings) for name in type(learner).model_fields
    }
    return make(type(learner), inner | (dict(settings) if type(learner) is kind else {}))


def _changed_inner(value: Any, kind: type[Learner], settings: Mapping[str, Any]) -> Any:
    if isinstance(value, tuple | list):
        return type(value)(_changed_inner(each, kind, settings) for each in value)
    return changed_within(value, kind, settings) if isinstance(value, Learner) else value


def written(learner: Learner) -> str:
    """The text that `build` reads as this learner, as short as can be: "package/name" only where it must be."""
    return learner.spelled(_shown_name)


def _shown_name(kind: type[Named]) -> str:
    registry = offered("learner")
    entry = registry.offering(kind)
    return kind.name if entry is None else registry.shown_name(entry)


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


@dataclass(frozen=True)
class _Part:
    """One learner of a sequence as text. name: "" for a sequence in parentheses. inner: what the parentheses hold."""

    text: str
    name: str
    inner: list[str] | None
    settings: dict[str, Any]

    @property
    def is_group(self) -> bool:
        """Whether it is a sequence in parentheses."""
        return self.inner is not None and not self.name


def _from_text(text: str, settings: dict[str, Any]) -> Learner:
    parts = [_part(part) for part in learners_in(text)]
    if len(parts) == 1 and not parts[0].is_group:
        if "share" in parts[0].settings:
            raise InvalidSetting(f"{text!r} gives a share, which only a part of a sequence (a+b) can have.")
        return _single(parts[0], settings)
    if settings:
        raise InvalidSetting(
            f"{next(iter(settings))!r} could belong to any learner of {text!r}; write it after that learner's name."
        )
    return _grouped(parts[0]) if len(parts) == 1 else _sequence(text, parts)


def _sequence(text: str, parts: list[_Part]) -> Sequence:
    shares = [part.settings.pop("share", None) for part in parts]
    learners = tuple(_grouped(part) if part.is_group else _single(part, {}) for part in parts)
    if all(share is None for share in shares):
        return Sequence(parts=learners)
    try:
        return Sequence(
            parts=learners, shares=tuple(1.0 if share is None else float(share) for share in shares)
        )
    except (ValidationError, ValueError, TypeError):
        raise InvalidSetting(f"the shares in {text!r} must be positive numbers.") from None


def _grouped(part: _Part) -> Learner:
    """The sequence in parentheses, also of one learner."""
    if part.settings or not part.inner or len(part.inner) != 1:
        raise InvalidSetting(f"{part.text!r} does not parse; parentheses hold one sequence: (a+b)+c.")
    return _sequence(part.inner[0], [_part(each) for each in learners_in(part.inner[0])])


def _single(part: _Part, settings: dict[str, Any]) -> Learner:
    kind = class_of(part.name)
    return make(kind, _given_within(kind, part) | part.settings | settings)


def _given_within(kind: type[Learner], part: _Part) -> dict[str, Any]:
    """The learners in parentheses by the names of their fields, in order."""
    fields, inner = inner_fields(kind), part.inner or []
    if len(fields) == 1 and _holds_several(kind, fields[0]):
        return {fields[0]: tuple(inner)} if inner else {}
    if len(inner) > len(fields):
        takes = f"takes {len(fields)} at most" if fields else "takes none"
        raise InvalidSetting(f"{part.text!r} gives {kind.name} {len(inner)} learners, but it {takes}.")
    return dict(zip(fields, inner, strict=False))


def _holds_several(kind: type[Learner], name: str) -> bool:
    return get_origin(kind.model_fields[name].annotation) in (tuple, list)


def _part(text: str) -> _Part:
    head, *pairs = settings_in(text.strip())
    try:
        name, inner = head_of(head)
    except ValueError as error:
        raise InvalidSetting(f"{text!r} does not parse: {error}.") from None
    if "," in name or "=" in name:
        raise InvalidSetting(f"{text!r} does not parse; write a learner as name,setting=value,setting=value.")
    settings: dict[str, Any] = {}
    for setting, value in map(parse_setting, pairs):
        if setting in settings:
            raise InvalidSetting(f"{text!r} gives {setting} twice.")
        settings[setting] = value
    return _Part(text, name, inner, settings)


def name_and_settings(text: str) -> tuple[str, dict[str, Any]]:
    """Of "name,setting=value,setting=value" both. Raises InvalidSetting for anything else, a sequence say."""
    texts = learners_in(text)
    part = _part(text)
    if len(texts) > 1 or part.inner is not None:
        raise InvalidSetting(f"{text!r} does not parse; write it as name,setting=value,setting=value.")
    return part.name, part.settings


def parse_setting(pair: str) -> tuple[str, Any]:
    """A "name=value" as name (hyphens may stand for underscores) and value."""
    name, _, value = pair.partition("=")
    return name.strip().replace("-", "_"), value_of(value.strip())


def outer_class(learner: str | Learner | type[Learner]) -> type[Learner]:
    """The class of what `build` would make of it, which need not be complete."""
    if not isinstance(learner, str):
        return learner if isinstance(learner, type) else type(learner)
    parts = [_part(part) for part in learners_in(learner)]
    return Sequence if len(parts) > 1 or parts[0].is_group else class_of(parts[0].name)


def class_of(name: str) -> type[Learner]:
    """The class of that name. Raises UnknownName, AmbiguousName, PluginError or InvalidSetting."""
    entry = offered("learner").find(name)
    kind = entry.load()
    if not (isinstance(kind, type) and issubclass(kind, Learner)):
        raise InvalidSetting(
            f"{entry.qualified_name} is registered as a learner, but is not a subclass of nogd.Learner."
        )
    return kind
