"""A plugin with an executor that has settings: one cell after the other, told on stderr."""

from __future__ import annotations

import sys
from typing import ClassVar

from pydantic import Field

from nogd import hookimpl
from nogd.bench.events import Executor, Finished, Pointed, Saved, Started
from nogd.bench.perform import Listener, perform


class Queueing(Executor):
    """One cell after the other, here, from a queue of that name."""

    name: ClassVar[str] = "queueing"
    queue: str = Field("short", description="where cells wait")
    most_waiting: int = Field(5, ge=1, description="cells that wait at most")

    def run(self, jobs, tell):
        for job in jobs:
            if job is None:
                continue
            print(f"queue {self.queue}: {job.cell.name}", file=sys.stderr)
            tell(Started(job.cell))
            listener = Listener(
                lambda point, cell=job.cell: tell(Pointed(cell, point)),
                lambda state, cell=job.cell: tell(Saved(cell, state)),
            )
            tell(Finished(job.cell, perform(job, listener)))


@hookimpl
def nogd_executors():
    return [Queueing]
