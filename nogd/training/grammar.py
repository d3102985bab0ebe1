"""The grammar of learners' names: how text is cut into learners and settings, and how values are written and read.

    learner = part, or part + part + ...          one after the other
    part    = name, name(learner; learner; ...), or (learner), then ,setting=value ...

Signs within brackets and quotes cut nothing.
"""

from __future__ import annotations

import ast
import enum
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

_DEEPEST = 20  # learners within learners
_OPENING, _CLOSING, _QUOTES = "([{", ")]}", "'\""
_NEXT_LEARNER = re.compile(r"\s*[A-Za-z(]")  # 1e+3 is a number, +adam a learner
_NEXT_SETTING = re.compile(r"\s*[A-Za-z_][\w-]*=")  # betas=(0.9,0.99) keeps its comma
_ANYTHING = re.compile("")
_WILD = ("*", "?")
TAG = "tag:"
"""What stands before a tag, which chooses all that has it."""
_NEEDS_QUOTES = re.compile(r"[()\[\]{};'\"\\]|[^ -~\w]|^\s|\s$")


def learners_in(text: str) -> list[str]:
    """The learners that stand one after the other."""
    return _cut(text, "+", _NEXT_LEARNER)


def settings_in(text: str) -> list[str]:
    """The name, and each setting=value behind it."""
    return _cut(text, ",", _NEXT_SETTING)


def head_of(text: str) -> tuple[str, list[str] | None]:
    """Of "name(a; b)" the name and the texts within the parentheses, None where there are none.

    Raises ValueError where parentheses do not match.
    """
    text = text.strip()
    name, opening, rest = text.partition("(")
    if not opening and ")" not in text:
        return text, None
    levels = list(_levels(text))
    if not opening or text[-1] != ")" or levels[-1] != 0 or not all(levels[len(name) : -1]):
        raise ValueError("parentheses do not match")
    if max(levels) > _DEEPEST:
        raise ValueError(f"it is nested more than {_DEEPEST} deep")
    return name.strip(), [part.strip() for part in _cut(rest[:-1], ";", _ANYTHING)]


def is_pattern(given: object) -> bool:
    """Whether it stands for all names that fit: text with a wildcard in the name, or a tag: "es-*,sigma=0.3" say."""
    if not isinstance(given, str):
        return False
    return given.lstrip().startswith(TAG) or any(sign in pattern_of(given) for sign in _WILD)


def pattern_of(text: str) -> str:
    """What stands before the settings."""
    return text.partition(",")[0]


def value_of(text: str) -> Any:
    """Text for pydantic to convert, except what that cannot read from text: None, quoted text, tuples, lists, dicts."""
    if text.lower() in ("none", "null"):
        return None
    if text[:1] and text[0] in _OPENING + _QUOTES:
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            return text
    return text


def text_of(value: Any) -> str:
    """A value as `value_of` and pydantic read it: text as it is where that is clear, else in quotes."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, enum.Enum):
        return text_of(value.value)
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, tuple | list | dict | set | frozenset):
        return _literal(value)
    text = str(value)
    return text if _is_clear(text) else repr(text)


def settings_text(settings: Mapping[str, Any]) -> str:
    """What stands behind a name: ",setting=value" for each."""
    return "".join(f",{name}={text_of(value)}" for name, value in settings.items())


def _is_clear(text: str) -> bool:
    pair = f"x,x={text}"
    uncut = len(learners_in(pair)) == 1 and len(settings_in(pair)) == 2
    return uncut and not _NEEDS_QUOTES.search(text) and value_of(text) == text


def _literal(value: Any) -> str:
    """A container as Python writes it, with infinity as a number that is too large."""
    match value:
        case tuple():
            inside = ", ".join(map(_literal, value))
            return f"({inside},)" if len(value) == 1 else f"({inside})"
        case list():
            return f"[{', '.join(map(_literal, value))}]"
        case dict():
            return f"{{{', '.join(f'{_literal(key)}: {_literal(item)}' for key, item in value.items())}}}"
        case set() | frozenset():
            return f"[{', '.join(sorted(map(_literal, value)))}]"
        case enum.Enum():
            return _literal(value.value)
        case float() if math.isinf(value):
            return "1e999" if value > 0 else "-1e999"
    return repr(value if isinstance(value, int | float | str | bytes | None) else str(value))


def _cut(text: str, sign: str, before: re.Pattern[str]) -> list[str]:
    """Cut at a sign outside of brackets and quotes where the right thing follows."""
    places = [
        place
        for place, level in enumerate(_levels(text))
        if level == 0 and text[place] == sign and before.match(text, place + 1)
    ]
    starts, ends = [0, *(place + 1 for place in places)], [*places, len(text)]
    return [text[start:end] for start, end in zip(starts, ends, strict=True)]


def _levels(text: str) -> Iterator[int]:
    """How deep in brackets each sign is; a closing bracket is outside again, and a sign in quotes is deeper."""
    depth, quote, before, escaped = 0, "", "", False
    for sign in text:
        if quote:
            yield depth + 1
            quote = "" if sign == quote and not escaped else quote
            escaped = sign == "\\" and not escaped
        elif sign in _QUOTES and before in ("", *"=,;:", *_OPENING):
            quote = sign
            yield depth + 1
        else:
            depth = max(0, depth + (sign in _OPENING) - (sign in _CLOSING))
            yield depth
        before = before if sign.isspace() else sign
