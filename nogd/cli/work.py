"""`nogd work`: run jobs that come as lines, for executors that run cells elsewhere."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, NoReturn

import click

from nogd.cli import complete
from nogd.cli.fork_servers import fork_server_for
from nogd.cli.messages import INTERRUPTED

EPILOG = """\b
Example:
  ssh big-machine nogd work --jobs 8 < jobs.jsonl > events.jsonl
"""


@click.command(epilog=EPILOG)
@click.option(
    "--jobs", type=int, help="Parallel runs; 0 = in this process.  [default: one per core that it may use]"
)
@click.option("--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads per run.")
@click.option(
    "--executor",
    shell_complete=complete.names_of("executor"),
    help="Where runs are executed.  [default: local]",
)
def work(jobs: int | None, threads: int, executor: str | None) -> None:
    """Execute runs for a 'nogd run' elsewhere: jobs on stdin, events on stdout, one line of JSON each.

    You need not call it yourself: executors start it in another environment, container or machine. It runs what it is
    sent, including code, so accept jobs only from people whom you would let log in here. It ends when its input ends.
    """
    try:
        _serve(jobs, threads, executor)
    except BrokenPipeError:
        raise click.exceptions.Exit(INTERRUPTED) from None


def _serve(jobs: int | None, threads: int, executor: str | None) -> None:
    with _stdout() as out, fork_server_for(executor, jobs, threads) as fork_server:
        from nogd.bench.executors import executor_for
        from nogd.bench.local import LocalExecutor
        from nogd.bench.work import work as serve

        made = executor_for(executor, jobs, threads)
        if fork_server is not None and isinstance(made, LocalExecutor):
            made.adopt(fork_server)
        _end_without_reader(out)
        with TemporaryDirectory(prefix="nogd-work-") as folder:
            serve(sys.stdin.fileno(), out, made, Path(folder))


@contextmanager
def _stdout() -> Iterator[IO[bytes]]:
    """What stdout is, for events alone: whatever else this process prints goes to stderr."""
    signal.signal(signal.SIGTERM, _interrupt)
    sys.stdout.flush()
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as out:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        yield out


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _end_without_reader(out: IO[bytes]) -> None:
    """Have this process end when nobody reads its events any more, be it that none is due for hours."""
    poll = select.poll()
    poll.register(out.fileno(), 0)  # errors and hang-ups alone

    def watch() -> None:
        poll.poll()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
