"""Run cells in this process: for debugging, and where no processes can be had."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import ClassVar, final

from nogd.bench.events import ASK_AGAIN_SECONDS, Event, Executor, Finished, Pointed, Saved, Started
from nogd.bench.perform import Job, Listener, perform


@final
class InlineExecutor(Executor):
    """One cell after the other, here. A cell that hangs or kills its process takes the harness with it."""

    name: ClassVar[str] = "inline"

    def run(self, jobs: Iterator[Job | None], tell: Callable[[Event], None]) -> None:
        for job in jobs:
            if job is None:
                time.sleep(ASK_AGAIN_SECONDS)
            else:
                _run(job, tell)


def _run(job: Job, tell: Callable[[Event], None]) -> None:
    cell = job.cell
    tell(Started(cell))
    listener = Listener(lambda point: tell(Pointed(cell, point)), lambda state: tell(Saved(cell, state)))
    tell(Finished(cell, perform(job, listener)))
