"""The fork server: a process that has imported everything heavy, and forks workers in milliseconds when it is asked to.

It is not multiprocessing's forkserver because it must do two things more: never import the user's `__main__`, and see
to it that nothing outlives the harness. It is the parent of all workers and adopts what they leave behind; when its
line to the harness breaks, for whatever reason, it kills all that is left and exits.

The line is a socket. It says READY once it has imported what all workers need, before that COMPILING if there are
loops to be compiled first. Requests: b"p" + a length + names of modules as JSON -> import them too, and say READY;
b"f" with two descriptors (the worker's line and its log) -> the worker's number; b"r" + number -> kill the worker and
all of its kin, and return its wait status. Numbers are 8 bytes.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import partial

import psutil

from nogd.bench.system import adopt_orphans, die_with_parent, kill_group, outlive_parent

NUMBER = struct.Struct("=q")

READY, COMPILING = -1, -2


def main(descriptor: int) -> None:
    """Serve the harness at the other end of the socket until it is gone."""
    adopt_orphans()
    line = socket.socket(fileno=descriptor)
    workers: set[int] = set()
    try:
        with suppress(ConnectionError):  # the harness has gone away in the midst of a question
            die_with_parent()  # while it imports and compiles it would not hear of the harness's end
            _prepare(line, partial(_import_what_all_need, line))
            outlive_parent()
            _serve(line, workers)
    finally:
        for worker in tuple(workers):
            workers.discard(worker)
            _reap(worker, workers)


def _prepare(line: socket.socket, load: Callable[[], None]) -> None:
    """Load, and say so.

    Imports only: one torch operation before the fork would make the child's first one hang without an error.
    """
    gc.disable()  # imports leave little garbage, and looking for it takes a tenth of their time
    load()
    gc.freeze()  # else a worker's garbage collector looks through all of this, and copies it: 0.2 s of some cell
    gc.enable()
    line.sendall(NUMBER.pack(READY))


def _import_what_all_need(line: socket.socket) -> None:
    importlib.import_module("nogd.bench.worker")
    importlib.import_module("torch.utils.flop_counter")  # what a forward costs is counted by it
    with suppress(ImportError):  # numba is not installed
        kernels = importlib.import_module("nogd.engine.compiled.kernels")
        if missing := kernels.missing():
            line.sendall(NUMBER.pack(COMPILING))
            if kernels.can_be_kept():
                _in_processes([partial(kernels.load, real) for real in missing])
        kernels.ready()  # from the disk; where nothing is kept there, it compiles now


def _in_processes(jobs: Sequence[Callable[[], None]]) -> None:
    """Do all at once, each in a fork of this process, with which it ends."""
    for child in [_child(job) for job in jobs]:
        os.waitpid(child, 0)


def _child(job: Callable[[], None]) -> int:
    if pid := os.fork():
        return pid
    try:
        die_with_parent()
        job()
    finally:
        os._exit(0)  # if it could not be done, whoever needs it does it


def _import_all(modules: Iterable[str]) -> None:
    for module in modules:
        with suppress(Exception):  # whoever needs it says what is wrong
            importlib.import_module(module)


def _serve(line: socket.socket, workers: set[int]) -> None:
    while True:
        request, descriptors, *_ = socket.recv_fds(line, 1, 2)
        if request == b"f":
            worker = _fork(line, descriptors[0], descriptors[1])
            workers.add(worker)
            line.sendall(NUMBER.pack(worker))
        elif request == b"p":
            names = json.loads(line.recv(_number(line), socket.MSG_WAITALL))
            _prepare(line, partial(_import_all, names))
        elif request == b"r":
            worker = _number(line)
            workers.discard(worker)
            line.sendall(NUMBER.pack(_reap(worker, workers)))
        else:  # the harness is gone
            return


def _number(line: socket.socket) -> int:
    data = line.recv(NUMBER.size, socket.MSG_WAITALL)
    if len(data) < NUMBER.size:
        raise ConnectionError("the harness has gone away")
    return int(NUMBER.unpack(data)[0])


def _fork(line: socket.socket, worker_line: int, log: int) -> int:
    pid = os.fork()
    if pid:
        os.close(worker_line)
        os.close(log)
        with suppress(OSError):
            os.setpgid(pid, pid)  # here as in the child: whoever comes first
        return pid
    status = 1
    try:
        die_with_parent()
        adopt_orphans()  # so that it knows what it leaves behind, and another worker's end does not end that
        os.setpgid(0, 0)
        line.close()
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
        from nogd.bench.worker import serve

        serve(worker_line)
        status = 0
    except BaseException:  # the child must never return into the fork server's loop
        sys.excepthook(*sys.exc_info())
    finally:
        with suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _reap(worker: int, others: set[int]) -> int:
    """Kill a worker with everything that it started, and return its wait status."""
    # Not if it has already ended by itself: how is the answer to the harness's question.
    ended, status = os.waitpid(worker, os.WNOHANG)
    kill_group(worker)
    if not ended:
        _, status = os.waitpid(worker, 0)
    _kill_orphans(others)
    return status


def _kill_orphans(workers: set[int]) -> None:
    """Kill children that are no workers: they were started by a worker that is dead."""
    seen = set(workers)
    while orphans := {child.pid for child in psutil.Process().children()} - seen:
        seen |= orphans
        for orphan in orphans:
            with suppress(OSError):  # one that runs as another user stays
                os.kill(orphan, signal.SIGKILL)
                os.waitpid(orphan, 0)
