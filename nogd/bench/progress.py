"""How a run gets on, on stderr: an overall bar, what runs now, and failures as they happen."""

from __future__ import annotations

import sys
import time
from typing import final

from rich.progress import MofNCompleteColumn

from nogd.bench.events import Event, Finished, Held, Started, Warned
from nogd.bench.record import FAILED
from nogd.training.progress import LINE_SECONDS, live_bar


@final
class Silent:
    """Shows nothing."""

    def begin(self, total: int, done: int) -> None:
        pass

    def tell(self, event: Event) -> None:
        pass

    def waiting(self, cells: int) -> None:
        pass

    def done_elsewhere(self) -> None:
        pass

    def end(self) -> None:
        pass


def terminal() -> Bar | Lines:
    """A live bar where stderr is a terminal, else a line now and then."""
    return Bar() if sys.stderr.isatty() else Lines()


def complaint(event: Event, told: set[str]) -> str | None:
    """What has to be said of an event: a failure, or a warning that was not given before."""
    if isinstance(event, Finished) and event.record.status in FAILED:
        return f"{event.record.status}: {event.cell.name}: {event.record.row['reason']}"
    if isinstance(event, Warned) and event.text not in told:
        told.add(event.text)
        return f"Warning: {event.cell.name}: {event.text}"
    return None


def _elsewhere(cells: int) -> str:
    return f"waiting for {cells} runs that another 'nogd run' is working on"


@final
class Bar:
    """A live bar with what runs now beside it."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._running: list[str] = []
        self._held = ""

    def begin(self, total: int, done: int) -> None:
        self._bar = live_bar(MofNCompleteColumn())
        self._task = self._bar.add_task("", total=total, completed=done)
        self._bar.start()

    def tell(self, event: Event) -> None:
        if (said := complaint(event, self._told)) is not None:
            self._bar.console.print(said, markup=False, highlight=False, soft_wrap=True)
        if isinstance(event, Started):
            self._running.append(event.cell.name)
        elif isinstance(event, Finished):
            self._running.remove(event.cell.name)
            self._bar.advance(self._task)
        elif isinstance(event, Held):
            self._held = f"{event.by} ..." if event.by else ""
        self._bar.update(self._task, description=self._held or "; ".join(self._running))

    def waiting(self, cells: int) -> None:
        if not self._running:
            self._bar.update(self._task, description=_elsewhere(cells))

    def done_elsewhere(self) -> None:
        self._bar.advance(self._task)

    def end(self) -> None:
        self._bar.stop()


@final
class Lines:
    """A line every ten seconds, for logs. What is left goes by the pace while nothing held the runs up."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._waited = False
        self._held, self._held_since = 0.0, 0.0
        self._done = self._total = self._failed = 0

    def begin(self, total: int, done: int) -> None:
        self._total, self._done, self._first = total, done, done
        self._started = self._due = time.monotonic()
        self._due += LINE_SECONDS

    def tell(self, event: Event) -> None:
        if (said := complaint(event, self._told)) is not None:
            print(said, file=sys.stderr, flush=True)
        if isinstance(event, Held):
            self._say_what_holds(event.by)
            return
        if isinstance(event, Finished):
            self._done += 1
            self._failed += event.record.status in FAILED
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + LINE_SECONDS
            self._line()

    def _say_what_holds(self, by: str) -> None:
        """At once; what is done is told again only once something has been."""
        now = time.monotonic()
        if by:
            print(f"{by} ...", file=sys.stderr, flush=True)
        elif self._held_since:
            self._held += now - self._held_since
        self._held_since = now if by else 0.0
        self._due = now + LINE_SECONDS

    def waiting(self, cells: int) -> None:
        if not self._waited:
            self._waited = True
            print(_elsewhere(cells), file=sys.stderr, flush=True)

    def done_elsewhere(self) -> None:
        self._done += 1

    def end(self) -> None:
        if self._total:
            self._line()

    def _line(self) -> None:
        spent = time.monotonic() - self._started
        here = self._done - self._first
        left = (
            f", about {(spent - self._held) / here * (self._total - self._done):.0f} s left"
            if here and self._done < self._total
            else ""
        )
        failed = f", {self._failed} failed" if self._failed else ""
        print(
            f"{self._done}/{self._total} runs done{failed}, {spent:.0f} s{left}", file=sys.stderr, flush=True
        )
