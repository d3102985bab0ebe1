"""How far a run is, on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Protocol, final

if TYPE_CHECKING:  # what shows something is made where there is something to show: rich takes 0.2 s to import
    from rich.progress import Progress, ProgressColumn

LINE_SECONDS = 10.0
# Shorter runs show nothing unless they are asked to.
PATIENCE_SECONDS = 2.0
BETWEEN_SECONDS = 0.1


class Display(Protocol):
    """Shows how far a run is."""

    def show(self, share: float, text: str) -> None:
        """share: of the budget, 0 to 1. text: what there is to say."""

    def end(self) -> None:
        """The run has ended."""


def display(asked: bool | None) -> Display | None:
    """A bar where stderr is a terminal, else lines if asked for; unasked, only what takes long is shown, as a bar."""
    if asked is False:
        return None
    if sys.stderr.isatty():
        return Bar(0.0 if asked else PATIENCE_SECONDS)
    return Lines() if asked else None


def live_bar(amount: ProgressColumn) -> Progress:
    """A bar on stderr that goes when it is done, with the amount, the time left and a description beside it."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn
    from rich.table import Column

    said = TextColumn(
        "{task.description}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")
    )
    columns = (SpinnerColumn(), BarColumn(bar_width=24), amount, TimeRemainingColumn(), said)
    return Progress(*columns, console=Console(stderr=True), transient=True)


@final
class Bar:
    """A live bar, which comes after so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._due = time.monotonic() + seconds
        self._bar: Progress | None = None

    def show(self, share: float, text: str) -> None:
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + BETWEEN_SECONDS
        if self._bar is None:
            from rich.progress import TaskProgressColumn

            self._bar = live_bar(TaskProgressColumn())
            self._task = self._bar.add_task("", total=1.0)
            self._bar.start()
        self._bar.update(self._task, completed=share, description=text)

    def end(self) -> None:
        if self._bar is not None:
            self._bar.stop()


@final
class Lines:
    """A line every ten seconds, for logs, and one at the end."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._due = self._started + LINE_SECONDS
        self._last = ""

    def show(self, share: float, text: str) -> None:
        spent = time.monotonic() - self._started
        left = f", about {spent / share * (1 - share):.0f} s left" if 0 < share < 1 else ""
        self._last = f"{100 * share:.0f} %, {text}, {spent:.0f} s{left}"
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + LINE_SECONDS
            self._say()

    def end(self) -> None:
        self._say()

    def _say(self) -> None:
        if self._last:
            print(self._last, file=sys.stderr, flush=True)
        self._last = ""
