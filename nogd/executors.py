"""All that an executor needs, in one place; whatever else is in `nogd.bench` may change without notice.

`Executor` and the events that it tells are what every executor has. `PipedExecutor` runs `nogd work` by a command,
`perform` a job in this process, and `RemoteCell` is a job that runs wherever a line of text gets to. `run_all` is the
loop of those that have several places; `Shard` and `Door` are for those that divide one run among places.
"""

from __future__ import annotations

from nogd.bench.allowance import memory_of_a_cell
from nogd.bench.events import (
    ASK_AGAIN_SECONDS,
    Event,
    Executor,
    Finished,
    Held,
    Pointed,
    Saved,
    Started,
    Warned,
)
from nogd.bench.job_loop import Places, run_all
from nogd.bench.json_line import LONGEST
from nogd.bench.local import LocalExecutor
from nogd.bench.perform import Job, Listener, perform
from nogd.bench.piped import PipedExecutor
from nogd.bench.record import TRIED_AGAIN, Record
from nogd.bench.remote import RemoteCell, cell_of, unsent
from nogd.bench.shards import Door, Shard
from nogd.bench.system import kill_group
from nogd.bench.work_process import READY

__all__ = [
    "ASK_AGAIN_SECONDS",
    "LONGEST",
    "READY",
    "TRIED_AGAIN",
    "Door",
    "Event",
    "Executor",
    "Finished",
    "Held",
    "Job",
    "Listener",
    "LocalExecutor",
    "PipedExecutor",
    "Places",
    "Pointed",
    "Record",
    "RemoteCell",
    "Saved",
    "Shard",
    "Started",
    "Warned",
    "cell_of",
    "kill_group",
    "memory_of_a_cell",
    "perform",
    "run_all",
    "unsent",
]
