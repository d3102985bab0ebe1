"""The fork server that a run works with, another one where somebody has killed it."""

from __future__ import annotations

from collections.abc import Callable

from nogd.bench.events import Event, Held
from nogd.bench.forking import ForkServer
from nogd.bench.perform import Job
from nogd.bench.sharing import shared_imports
from nogd.errors import ProcessError


class ForkServers:
    """One fork server at a time: started when it is first needed, and again where somebody has killed it."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._now: ForkServer | None = None

    def adopt(self, fork_server: ForkServer) -> None:
        """Work with one that was started before the run, if it has the right number of threads."""
        if fork_server.threads == self._threads:
            self._now = fork_server
        else:
            fork_server.close()

    def one_for(self, job: Job, tell: Callable[[Event], None], meanwhile: Callable[[], None]) -> ForkServer:
        """A fork server that can be asked for workers; the cell is told to be held for as long as that takes.

        meanwhile: called several times a second. Raises ProcessError where none can be started: no cell is at
        fault then.
        """
        if self._now is None or not self._now.is_alive:
            self._now = ForkServer(self._threads)
        self._now.preload(shared_imports(job))
        if self._now.is_ready:
            return self._now
        cell = job.cell
        tell(Held(cell, "starting worker processes"))
        try:
            self._now.wait(
                lambda: tell(Held(cell, "compiling numba loops, once per machine, up to a minute")),
                meanwhile,
            )
        except ConnectionError as error:
            if not self._now.has_begun:
                raise ProcessError(
                    f"{error}, so no run can have a process of its own; its last output, if any, is above."
                    " '--jobs 0' runs cells without it."
                ) from None
            return self.one_for(job, tell, meanwhile)  # a worker has killed it
        tell(Held(cell, ""))
        return self._now

    def close(self) -> None:
        """End it, and with it all workers."""
        if self._now is not None:
            self._now.close()
            self._now = None
