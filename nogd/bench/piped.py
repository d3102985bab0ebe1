"""The base of executors that run cells by `nogd work`, in another environment, container or machine, over a pipe."""

from __future__ import annotations

import selectors
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, final

from nogd.bench.events import ASK_AGAIN_SECONDS, Event, Executor
from nogd.bench.job_loop import run_all
from nogd.bench.perform import Job
from nogd.bench.work_process import WorkProcess
from nogd.errors import InvalidSetting


class PipedExecutor(Executor):
    """Base of executors that consist of commands, each of which starts `nogd work` somewhere: write `commands`."""

    is_here: ClassVar[bool] = False

    @abstractmethod
    def commands(self) -> Sequence[Sequence[str]]:
        """The commands, each as a list of words, such as `["ssh", "big-machine", "nogd", "work"]`.

        `--jobs` and `--threads` are appended to each, so that all together run `workers` cells in parallel.
        """

    @final
    def run(self, jobs: Iterator[Job | None], tell: Callable[[Event], None]) -> None:
        processes = _WorkProcesses(self._made(), tell)
        try:
            run_all(processes, jobs)
            processes.finish()
        finally:
            processes.close()

    def _made(self) -> list[WorkProcess]:
        commands = self.commands()
        if not commands:
            raise InvalidSetting(f"the executor {str(self)!r} names no command that runs cells.")
        shares = [len(range(place, self.workers, len(commands))) for place in range(len(commands))]
        return [
            WorkProcess([*command, "--jobs", str(share), "--threads", str(self.threads)], share)
            for command, share in zip(commands, shares, strict=True)
            if share
        ]


class _WorkProcesses:
    """All processes that run cells."""

    def __init__(self, processes: list[WorkProcess], tell: Callable[[Event], None]) -> None:
        self._processes, self._tell = processes, tell

    @property
    def are_busy(self) -> bool:
        return any(process.line for process in self._processes)

    @property
    def have_room(self) -> bool:
        return any(process.room for process in self._processes)

    def begin(self, job: Job) -> None:
        max(self._processes, key=lambda process: process.room).begin(job, self._tell)

    def attend(self) -> None:
        with selectors.DefaultSelector() as selector:
            for process in self._processes:
                if (line := process.line) is not None:
                    more = selectors.EVENT_WRITE if process.has_unsent else 0
                    selector.register(line, selectors.EVENT_READ | more)
            if selector.get_map():
                selector.select(ASK_AGAIN_SECONDS)
            else:
                time.sleep(ASK_AGAIN_SECONDS)
        for process in self._processes:
            process.attend(self._tell)

    def finish(self) -> None:
        for process in self._processes:
            process.finish()

    def close(self) -> None:
        for process in self._processes:
            process.close()
