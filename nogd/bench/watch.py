"""Tell a page how a run gets on, for whoever looks on from elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from collections import defaultdict, deque
from datetime import UTC, datetime
from typing import Protocol, final

from nogd.bench.events import Event, Finished, Started
from nogd.bench.progress import complaint
from nogd.bench.record import FAILED
from nogd.bench.run import Progress
from nogd.bench.run_progress import RunProgress

PERIOD = 5.0
"""Seconds between two writings of the page."""
SHARE = 0.008
"""Of the run's time, what reading its results for the page may take."""
_SHORT = 15.0
"""Seconds: a run that is over by then is read once, at its end."""
_COMPLAINTS = 20


class Page(Protocol):
    """What shows how a run stands, such as `nogd.report.forms.watch.WatchPage`."""

    def write(self, run_progress: RunProgress) -> None:
        """Show this, with the results as they were when last read. Cheap."""

    def read(self) -> None:
        """Read the results so far."""


@final
class Watch:
    """Passes all on to another Progress, and writes a page every few seconds.

    A thread of its own writes it, so that no cell waits, and so that a page that stands still means a run that is dead.
    How far the run is costs next to nothing. Its results are read for the first time when two learners can be compared,
    and anew only when all readings together stay below SHARE of its time.
    """

    def __init__(self, shown: Progress, page: Page) -> None:
        self._shown, self._page = shown, page
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._running: dict[str, tuple[str, float]] = {}
        self._complaints: deque[str] = deque(maxlen=_COMPLAINTS)
        self._told: set[str] = set()
        self._failed, self._broken = 0, False
        self._ended: defaultdict[str, set[str]] = defaultdict(set)
        self._spent = 0.0
        self._reading: float | None = None
        self._thread: threading.Thread | None = None

    @property
    def cost(self) -> float:
        """Seconds of the processor that the page has taken so far, the last page of all left out."""
        return self._spent

    def begin(self, total: int, done: int) -> None:
        self._shown.begin(total, done)
        self._total, self._done, self._done_before = total, done, done
        self._started = time.monotonic()
        self._thread = threading.Thread(target=self._keep_writing, name="nogd-watch", daemon=True)
        self._thread.start()

    def tell(self, event: Event) -> None:
        with self._lock:
            self._note(event)
        self._shown.tell(event)

    def waiting(self, cells: int) -> None:
        self._shown.waiting(cells)

    def done_elsewhere(self) -> None:
        with self._lock:
            self._done += 1
        self._shown.done_elsewhere()

    def end(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if not self._broken:
            self._write(ended=True)
        self._shown.end()

    def _note(self, event: Event) -> None:
        if isinstance(event, Started):
            self._running[event.cell.id] = (event.cell.name, time.monotonic())
        elif isinstance(event, Finished):
            self._running.pop(event.cell.id, None)
            self._done += 1
            self._failed += event.record.status in FAILED
            self._ended[event.cell.task].add(event.cell.label)
        if (said := complaint(event, self._told)) is not None:
            self._complaints.append(said)

    def _keep_writing(self) -> None:
        while not self._stop.is_set():
            before = time.thread_time()
            if not self._write(ended=False):
                self._broken = True
                return
            self._spent += time.thread_time() - before
            self._stop.wait(PERIOD)

    def _write(self, *, ended: bool) -> bool:
        """Whether the page could be written; a run goes on without it, whatever is wrong with it."""
        try:
            run_progress = self._run_progress(ended)
            if ended or self._affordable(run_progress.spent):
                self._read()
            self._page.write(run_progress)
        except Exception as error:
            print(f"Warning: the page of --watch is no longer written: {error}", file=sys.stderr, flush=True)
            return False
        return True

    def _affordable(self, ran: float) -> bool:
        """Whether the results may be read: the first reading is paid in advance."""
        if self._reading is None:
            return ran >= _SHORT and self._comparable()
        return ran * SHARE >= self._spent + self._reading

    def _comparable(self) -> bool:
        """Whether two learners have a run on one task; a run that goes on takes that from what was there."""
        with self._lock:
            return self._done_before > 0 or any(len(learners) > 1 for learners in self._ended.values())

    def _read(self) -> None:
        before = time.thread_time()
        self._page.read()
        self._reading = time.thread_time() - before

    def _run_progress(self, ended: bool) -> RunProgress:
        now = time.monotonic()
        with self._lock:
            return RunProgress(
                total=self._total,
                done=self._done,
                done_before=self._done_before,
                failed=self._failed,
                running=tuple((name, now - since) for name, since in self._running.values()),
                complaints=tuple(self._complaints),
                spent=now - self._started,
                written=datetime.now(UTC),
                ended=ended,
            )
