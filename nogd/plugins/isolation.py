"""Run a plugin's code so that whatever it does wrong costs only itself."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from nogd.errors import text_of

T = TypeVar("T")


@dataclass(frozen=True)
class Failure:
    """What a call raised."""

    error: BaseException

    @property
    def cause(self) -> str:
        """The exception in one line: "ImportError: No module named 'x'"."""
        text = " ".join(text_of(self.error).split())
        kind = type(self.error).__name__
        return f"{kind}: {text}" if text else kind

    @property
    def traceback(self) -> str:
        """The traceback as Python prints it."""
        return "".join(traceback.format_exception(self.error))


def attempt(call: Callable[[], T], *, quiet: bool = False) -> T | Failure:
    """What the call returns, or the Failure of it; KeyboardInterrupt goes through.

    quiet: what it prints goes to stderr, for stdout is kept for results, often JSON.
    """
    redirected = contextlib.redirect_stdout(sys.stderr) if quiet else contextlib.nullcontext()
    try:
        with redirected:
            return call()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: a plugin must not end the command
        return Failure(error)
