"""What users are told when something goes wrong: one line, on stderr."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import IO, Any, TextIO

import click

from nogd.errors import NogdWarning, UserError, bounded

INTERRUPTED = 130  # what shells report of a command that Ctrl-C ended


class ShownError(click.ClickException):
    """A UserError on its way to stderr."""

    exit_code = 2

    def __init__(self, error: UserError, debug: bool) -> None:
        """debug: with the traceback."""
        super().__init__(str(error))
        self._traceback = "".join(traceback.format_exception(error)) if debug else ""

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it, after its traceback if that was asked for."""
        if self._traceback:
            click.echo(self._traceback, err=True, nl=False)
        super().show(file)


@contextlib.contextmanager
def shown_to_users(context: click.Context) -> Iterator[None]:
    """Turn errors that are meant for users, and Ctrl-C, into an end of the command without a traceback."""
    try:
        yield
    except UserError as error:
        raise ShownError(error, debug=bool(context.params.get("debug"))) from error
    except click.ClickException as error:
        vars(error)["message"] = bounded(error.message)  # it may echo what was typed
        raise
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        full = UserError("there is no space left to write to; make room and run the same command again.")
        raise ShownError(full, debug=bool(context.params.get("debug"))) from error
    except KeyboardInterrupt:
        click.echo("Interrupted.", err=True)
        context.exit(INTERRUPTED)


@contextlib.contextmanager
def warnings_in_one_line() -> Iterator[None]:
    """Print nogd's own warnings as "Warning: text", others as Python does."""
    with warnings.catch_warnings():
        warnings.simplefilter("default", NogdWarning)  # under -W error too: a broken plugin stops no command
        others = warnings.showwarning

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, NogdWarning):
                click.echo(f"Warning: {' '.join(str(message).split())}", err=True)
            else:
                others(message, category, filename, lineno, file, line)

        warnings.showwarning = show
        yield


@contextlib.contextmanager
def nothing_of_caches() -> Iterator[None]:
    """Keep from users what matplotlib says of its caches, such as that it has none in a home that is read-only."""
    logger = logging.getLogger("matplotlib")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


@contextlib.contextmanager
def readers_may_leave() -> Iterator[None]:
    """Go on to the end where whoever reads what is printed has had enough, as in `nogd run ... | head`."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_Patient(stream) if stream is not None else stream for stream in before)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, _Patient):
                stream.flush()
        sys.stdout, sys.stderr = before


class _Patient:
    """A text stream that lets go of what nobody reads any more."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """As the stream's."""
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """As the stream's."""
        self._try(self._stream.flush)

    def _try(self, call: Callable[[], object]) -> None:
        try:
            call()
        except (
            BrokenPipeError
        ):  # what is still in its buffer has to go somewhere, or Python complains at its end
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
