"""A worker process: takes jobs from its line, runs them, and tells what happens."""

from __future__ import annotations

import pickle
import resource
import sys
import warnings
from multiprocessing.connection import Connection
from typing import Any

from nogd.bench.perform import Job, Listener, perform
from nogd.bench.system import has_children
from nogd.plugins import PluginSettings, configure, plugins

# What goes over the line to the harness: (kind, value).
POINT, CHECKPOINT, WARNING, RECORD = "point", "checkpoint", "warning", "record"


def serve(descriptor: int) -> None:
    """Run jobs until the line is closed. A job is a pair: the plugins to load, and the pickled Job."""
    line = Connection(descriptor)
    configured: PluginSettings | None = None
    while True:
        try:
            settings, payload = line.recv()
        except EOFError:
            return
        if settings != configured:
            _load_plugins(settings)
            configured = settings
        _run(line, payload)


def _load_plugins(settings: PluginSettings) -> None:
    configure(settings)
    if settings.extra:  # plugins given by path are importable only once they are loaded
        with warnings.catch_warnings(action="ignore"):  # the harness has said so
            _ = plugins().manager


def _run(line: Connection, payload: bytes) -> None:
    def tell(kind: str, value: Any) -> None:
        line.send((kind, value))

    def warn(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        tell(
            WARNING, f"{message}" if issubclass(category, UserWarning) else f"{category.__name__}: {message}"
        )

    job: Job = pickle.loads(payload)
    if job.memory is not None:
        _net_under(job.memory)
    with warnings.catch_warnings():
        warnings.showwarning = warn
        record = perform(
            job, Listener(lambda point: tell(POINT, point), lambda state: tell(CHECKPOINT, state))
        )
    sys.stdout.flush()
    # Whoever leaves a child behind is not used again: the nursery clears up after it.
    tell(RECORD, (record, has_children()))


def _net_under(gibibytes: float) -> None:
    """A hard limit far above the one that the harness watches, for what grows faster than it looks."""
    net = int((2 * gibibytes + 4) * 1024**3)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or net < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (net, hard))
