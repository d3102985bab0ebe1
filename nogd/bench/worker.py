"""A worker process: takes jobs from its line, runs them, and tells what happens."""

from __future__ import annotations

import faulthandler
import os
import pickle
import resource
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from nogd.bench.perform import Job, Listener, perform
from nogd.bench.system import has_children
from nogd.plugins import PluginSettings, configure, plugins

# What goes over the line to the harness: (kind, value).
POINT, CHECKPOINT, WARNING, RECORD = "point", "checkpoint", "warning", "record"

_STDERR = 2
_LAST_MOMENT = 0.1  # of the time limit


def serve(descriptor: int) -> None:
    """Run jobs until the line is closed.

    One comes as the plugins to load, the pickled Job, and when it will be killed by the system's monotonic clock.
    """
    faulthandler.enable(file=_STDERR)
    line = Connection(descriptor)
    configured: PluginSettings | None = None
    while True:
        try:
            settings, payload, deadline = line.recv()
        except EOFError:
            return
        if settings != configured:
            _load_plugins(settings)
            configured = settings
        _run(line, payload, deadline)


def _load_plugins(settings: PluginSettings) -> None:
    configure(settings)
    if settings.extra:  # plugins given by path are importable only once they are loaded
        with warnings.catch_warnings(action="ignore"):  # the harness has said so
            _ = plugins().manager


def _run(line: Connection, payload: bytes, deadline: float) -> None:
    tell = _teller(line)

    def warn(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        tell(
            WARNING, f"{message}" if issubclass(category, UserWarning) else f"{category.__name__}: {message}"
        )

    job: Job = pickle.loads(payload)
    if job.memory is not None:
        _net_under(job.memory)
    # Into the log, by a thread that needs no interpreter: where a run stands that is about to be killed.
    left = deadline - time.monotonic() - _LAST_MOMENT * job.timeout
    faulthandler.dump_traceback_later(max(left, 0.001), file=_STDERR)
    with warnings.catch_warnings():
        warnings.showwarning = warn
        record = perform(
            job, Listener(lambda point: tell(POINT, point), lambda state: tell(CHECKPOINT, state))
        )
    faulthandler.cancel_dump_traceback_later()
    with suppress(Exception):  # whatever the learner has made of it
        sys.stdout.flush()
    # Whoever leaves a child behind is not used again: the nursery clears up after it.
    tell(RECORD, (record, has_children()))


def _teller(line: Connection) -> Callable[[str, Any], None]:
    """Send what happens over the line: one thread at a time, and this process alone."""
    me, lock = os.getpid(), threading.Lock()

    def tell(kind: str, value: Any) -> None:
        if os.getpid() != me:  # a learner forked, and the child goes on with the worker's code
            os._exit(1)
        with lock:
            line.send((kind, value))

    return tell


def _net_under(gibibytes: float) -> None:
    """A hard limit far above the one that the harness watches, for what grows faster than it looks."""
    net = int((2 * gibibytes + 4) * 1024**3)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or net < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (net, hard))
