"""Errors and warnings that are meant for the user's eyes: one sentence, naming the culprit and the cure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

# Of a word, such as a name or a path, and of a whole message, what is shown of one that is longer: both ends.
_WORD, _MESSAGE = 300, 1_500
_LONG_WORD = re.compile(rf"\S{{{_WORD + 1},}}")


def bounded(message: str) -> str:
    """A message for people, with what is too long to be read cut in the middle: what users wrote is echoed in it."""
    return _cut(_LONG_WORD.sub(lambda found: _cut(found[0], _WORD), message), _MESSAGE)


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    left = f"[... {len(text):,} letters ...]"
    room = most - len(left)
    return text[: room * 2 // 3] + left + text[-(room // 3) :]


class UserError(Exception):
    """Something the user can put right; the command line prints it as one sentence and exits with 2."""

    def __init__(self, *messages: object) -> None:
        super().__init__(*(bounded(each) if isinstance(each, str) else each for each in messages))


class UnknownName(UserError):
    """A name that nothing is registered under."""


class AmbiguousName(UserError):
    """A bare name that two packages claim."""


class InvalidSetting(UserError):
    """A hyper-parameter, option or argument of the wrong type, range or shape."""


class DataError(UserError):
    """Data of the wrong shape or kind, or data that are not finite."""


class NotDifferentiable(UserError):
    """A gradient was asked of an objective that has none."""


class PluginError(UserError):
    """Something that a plugin registered cannot be used."""


class LearnerError(UserError):
    """A learner did what no learner may, so that its run is void."""


class StoreError(UserError):
    """The folder of results cannot be read or written."""


class ProcessError(UserError):
    """No process can be had for cells to run in."""


class NogdWarning(UserWarning):
    """A warning that the command line prints as one line."""

    def __init__(self, *messages: object) -> None:
        super().__init__(*(bounded(each) if isinstance(each, str) else each for each in messages))


class PluginWarning(NogdWarning):
    """A plugin is broken, or says something that nogd does not understand."""


def text_of(error: BaseException) -> str:
    """The text of an exception, be it as odd as it may: a plugin's may raise another one."""
    try:
        return str(error)
    except BaseException as another:
        return f"(it cannot say why: its __str__ raises {type(another).__name__})"


def in_words(error: BaseException) -> str:
    """What went wrong: a UserError's own sentence, else the exception's type and text."""
    if isinstance(error, UserError):
        return text_of(error)
    return f"{type(error).__name__}: {text_of(error)}".rstrip(": ")


def first_line(error: BaseException) -> str:
    """The first line of an exception's text, which may be empty."""
    return text_of(error).strip().partition("\n")[0]


def in_one_line(error: BaseException) -> str:
    """The exception's type and the first line of its text: torch goes on with advice and traces of its own."""
    return f"{type(error).__name__}: {first_line(error)}".rstrip(": ")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was most likely meant to be, or None where nothing comes near."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return found[0] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A clause to put behind "no X is named Y": "; did you mean 'Z'?", or nothing where nothing comes near."""
    close = nearest(name, known)
    return f"; did you mean {close!r}?" if close else "."
