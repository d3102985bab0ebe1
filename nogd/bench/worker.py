"""A worker process: takes jobs from its line, runs them, and tells what happens."""

from __future__ import annotations

import faulthandler
import resource
import sys
import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from nogd.bench.cell_messages import Told, failure
from nogd.bench.intake import sent
from nogd.bench.line import WorkerEnd
from nogd.bench.memory import peak_megabytes, too_much
from nogd.bench.perform import Job, Listener, perform
from nogd.bench.recipe import job_of, settings_heard
from nogd.bench.record import Record
from nogd.bench.system import has_children
from nogd.bench.wire import HEADER, unpacked
from nogd.bench.wording import MOST, tidy
from nogd.plugins.manager import PluginSettings, configure, plugins

_STDERR = 2
_LAST_MOMENT = 0.1  # of the time limit


def serve(descriptor: int) -> None:
    """Run jobs until the line is closed.

    One comes as its number, the plugins to load, and its recipe.
    """
    faulthandler.enable(file=_STDERR)
    line = WorkerEnd(descriptor)
    configured: PluginSettings | None = None
    while True:
        try:
            asked = line.receive()
        except EOFError:
            return
        begun = time.monotonic()
        number, told, recipe = unpacked(asked[: HEADER.size], memoryview(asked)[HEADER.size :])
        try:
            settings = settings_heard(told)
            if settings != configured:
                _load_plugins(settings)
                configured = settings
            _run(line, number, recipe, begun)
        except BaseException as error:  # no run gets here: its job cannot be read, or its record not be sent
            line.send([number, Told.FAILED, failure(error)])


def _load_plugins(settings: PluginSettings) -> None:
    configure(settings)
    if settings.extra:  # plugins given by path are importable only once they are loaded
        with warnings.catch_warnings(action="ignore"):  # the harness has said so
            _ = plugins().manager


def _run(line: WorkerEnd, number: int, recipe: Mapping[str, Any], begun: float) -> None:
    def tell(kind: str, value: Any) -> None:
        line.send([number, kind, value])

    def warn(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        text = f"{message}" if issubclass(category, UserWarning) else f"{category.__name__}: {message}"
        tell(Told.WARNING, tidy(text, MOST["reason"]))

    job = job_of(recipe)
    if job.memory is not None:
        _net_under(job.memory)
    # Into the log, by a thread that needs no interpreter: where a run stands that is about to be killed.
    left = begun + job.timeout - time.monotonic() - _LAST_MOMENT * job.timeout
    faulthandler.dump_traceback_later(max(left, 0.001), file=_STDERR)
    with warnings.catch_warnings():
        warnings.showwarning = warn
        listener = Listener(lambda point: tell(Told.POINT, point), lambda state: tell(Told.CHECKPOINT, state))
        record = _within_memory(job, perform(job, listener, interruptible=False))
    faulthandler.cancel_dump_traceback_later()
    with suppress(Exception):  # whatever the learner has made of it
        sys.stdout.flush()
    # Whoever leaves a child behind is not used again: the fork server clears up after it.
    tell(Told.RECORD, [sent(record), has_children()])


def _within_memory(job: Job, record: Record) -> Record:
    """The record; as killed, in the harness's words, where the hard limit came before the harness could look."""
    if job.memory is not None and record.status == "error" and peak_megabytes() > job.memory * 1024:
        record.row.update({"status": "killed", "reason": too_much(job.memory)})
    return record


def _net_under(gibibytes: float) -> None:
    """A hard limit far above the one that the harness watches, for what grows faster than it looks."""
    net = int((2 * gibibytes + 4) * 1024**3)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or net < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (net, hard))
