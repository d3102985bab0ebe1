"""All places together: which job begins where, and what becomes of one whose place is lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import final

import ray

from nogd.bench.events import ASK_AGAIN_SECONDS, Event, Held, Started
from nogd.bench.perform import Job
from nogd.bench.remote import unsent
from nogd.errors import ProcessError
from nogd_ray.attempt import Attempt
from nogd_ray.cluster import Wanted
from nogd_ray.seat import Lost, Seat

TRIES = 3
"""How often a job is begun whose place is lost; and how many places in a row may end before they are ready."""
_ENDING_SECONDS = 15.0


@final
class Places:
    """So many places of a cluster, each replaced where it is lost.

    :param wanted: what each needs.
    :param workers: how many there are.
    :param tell: who is told what happens.
    """

    def __init__(self, wanted: Wanted, workers: int, tell: Callable[[Event], None]) -> None:
        self._wanted, self._tell = wanted, tell
        self._again: deque[Attempt] = deque()
        self._never_ready = 0
        self._seats = [Seat(wanted) for _ in range(workers)]

    @property
    def are_busy(self) -> bool:
        """Whether a job runs anywhere, or waits for another place."""
        return bool(self._again) or any(seat.attempt for seat in self._seats)

    @property
    def have_room(self) -> bool:
        """Whether another job can begin."""
        return sum(seat.is_free for seat in self._seats) > len(self._again)

    def begin(self, job: Job) -> None:
        """Begin a job."""
        self._tell(Started(job.cell))
        self._seat(Attempt(job))

    def attend(self) -> None:
        """Wait a little for what there is to tell, and tell it. Raises ProcessError where no place gets ready."""
        for seat in self._with_news():
            self._guarded(seat, self._hear)
        for seat in list(self._seats):
            self._guarded(seat, Seat.refuse_to_wait)
        while self._again and any(seat.is_free for seat in self._seats):
            attempt = self._again.popleft()
            self._tell(Held(attempt.job.cell, ""))
            self._seat(attempt)

    def close(self) -> None:
        """End all places, and what runs there."""
        ending = [seat.end() for seat in self._seats if seat.is_ready]
        if ending:
            ray.wait(ending, num_returns=len(ending), timeout=_ENDING_SECONDS)
        for seat in self._seats:
            seat.close()

    # -- inside

    def _with_news(self) -> Iterable[Seat]:
        seats = {seat.news: seat for seat in self._seats}
        ready, _ = ray.wait(list(seats), timeout=ASK_AGAIN_SECONDS)
        if ready:  # and whoever else has something to say
            ready, _ = ray.wait(list(seats), num_returns=len(seats), timeout=0)
        return [seats[news] for news in ready]

    def _seat(self, attempt: Attempt) -> None:
        free = next(seat for seat in self._seats if seat.is_free)
        try:
            free.begin(attempt)
        except Exception as error:  # whatever pickling a learner or task of somebody may raise
            self._tell(unsent(attempt.job, error))

    def _hear(self, seat: Seat) -> None:
        for event in seat.hear():
            self._tell(event)
        if seat.is_ready:
            self._never_ready = 0

    def _guarded(self, seat: Seat, do: Callable[[Seat], None]) -> None:
        try:
            do(seat)
        except Lost as error:
            self._replace(seat, str(error))

    def _replace(self, seat: Seat, reason: str) -> None:
        seat.close()
        self._never_ready += not seat.is_ready
        if self._never_ready == TRIES:
            raise ProcessError(
                f"no cell can run in the ray cluster: {reason}; nogd and its plugins must be installed there, as here."
            )
        self._seats[self._seats.index(seat)] = Seat(self._wanted)
        if seat.attempt is not None:
            self._go_on(seat, seat.attempt, reason)

    def _go_on(self, seat: Seat, attempt: Attempt, reason: str) -> None:
        if attempt.number == TRIES:
            self._tell(seat.lost(f"the place that it ran in was lost {TRIES} times: {reason}"))
            return
        self._again.append(attempt.again())
        self._tell(Held(attempt.job.cell, "another place in the ray cluster"))
