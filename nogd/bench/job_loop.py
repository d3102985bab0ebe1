"""The loop of executors that run several cells at once: a job is taken when there is room for it, and no sooner."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from nogd.bench.perform import Job


class Places(Protocol):
    """Where cells run."""

    @property
    def are_busy(self) -> bool:
        """Whether a job runs anywhere."""

    @property
    def have_room(self) -> bool:
        """Whether another job can begin."""

    def begin(self, job: Job) -> None:
        """Begin a job."""

    def attend(self) -> None:
        """Wait a little for what there is to tell, and tell it."""


def run_all(places: Places, jobs: Iterator[Job | None]) -> None:
    """Run all jobs to their end."""
    more = True
    while more or places.are_busy:
        while more and places.have_room:
            try:
                job = next(jobs)
            except StopIteration:
                more = False
                break
            if job is None:
                break
            places.begin(job)
        places.attend()
