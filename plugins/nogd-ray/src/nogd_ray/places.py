"""All places together: which job begins where, and what becomes of one whose place is lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import final

import ray
from ray.actor import ActorHandle

from nogd.errors import ProcessError
from nogd.executors import ASK_AGAIN_SECONDS, TRIED_AGAIN, Event, Finished, Held, Job, Started, Warned, unsent
from nogd_ray.attempt import Attempt
from nogd_ray.cluster import Wanted
from nogd_ray.hub import Hub, start_hub
from nogd_ray.seat import Lost, Seat

TRIES = 3
"""How often a job is begun whose place is lost; and how many places in a row may end before they are ready."""
_ENDING_SECONDS = 15.0


@final
class Places:
    """So many places of a cluster, each replaced where it is lost.

    :param wanted: what each needs.
    :param workers: how many runs there are at once.
    :param shards: over how many places each is divided.
    :param tell: who is told what happens.
    """

    def __init__(self, wanted: Wanted, workers: int, shards: int, tell: Callable[[Event], None]) -> None:
        self._wanted, self._shards, self._tell = wanted, shards, tell
        self._again: deque[Attempt] = deque()
        self._never_ready = 0
        self._hubs: dict[str, ActorHandle[Hub]] = {}  # of the runs that are divided, by their cells
        self._seats = [Seat(wanted) for _ in range(workers * shards)]

    @property
    def are_busy(self) -> bool:
        """Whether a job runs anywhere, or waits for another place."""
        return bool(self._again) or any(seat.attempt for seat in self._seats)

    @property
    def have_room(self) -> bool:
        """Whether another job can begin."""
        return self._free >= self._shards * (len(self._again) + 1)

    def begin(self, job: Job) -> None:
        """Begin a job."""
        self._tell(Started(job.cell))
        shards = self._shards
        if shards > 1 and job.cell.budget["seconds"] is not None:
            self._tell(Warned(job.cell, "it is not divided among shards, as its budget is in seconds"))
            shards = 1
        self._seat(Attempt(job, shards=shards))

    def attend(self) -> None:
        """Wait a little for what there is to tell, and tell it. Raises ProcessError where no place gets ready."""
        for seat in self._with_news():
            self._guarded(seat, self._hear)
        for seat in list(self._seats):
            self._guarded(seat, Seat.refuse_to_wait)
        while self._again and self._free >= self._again[0].shards:
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
        for hub in self._hubs.values():
            ray.kill(hub)

    # -- inside

    @property
    def _free(self) -> int:
        return sum(seat.is_free for seat in self._seats)

    def _with_news(self) -> Iterable[Seat]:
        seats = {seat.news: seat for seat in self._seats}
        ready, _ = ray.wait(list(seats), timeout=ASK_AGAIN_SECONDS)
        if ready:  # and whoever else has something to say
            ready, _ = ray.wait(list(seats), num_returns=len(seats), timeout=0)
        return [seats[news] for news in ready]

    def _seat(self, attempt: Attempt) -> None:
        hub = self._hub_for(attempt) if attempt.shards > 1 else None
        free = [seat for seat in self._seats if seat.is_free][: attempt.shards]
        for number, seat in enumerate(free):
            try:
                seat.begin(attempt, hub, number)
            except Lost as error:
                self._renew(seat)
                self._go_on(seat, attempt, str(error))
                return
            except Exception as error:  # whatever pickling a learner or task of somebody may raise
                attempt.is_over = True
                self._tell(unsent(attempt.job, error))
                return

    def _hub_for(self, attempt: Attempt) -> ActorHandle[Hub]:
        hub = self._hubs[attempt.job.cell.id] = start_hub(attempt.shards)
        return hub

    def _hear(self, seat: Seat) -> None:
        attempt = seat.attempt
        for event in seat.hear():
            self._tell(event)
            if isinstance(event, Finished) and event.record.status in TRIED_AGAIN:
                self._leave(attempt)
        if attempt is not None and attempt.is_over and not self._at_work_on(attempt):
            self._let_go_of_hub(attempt)
        if seat.is_ready:
            self._never_ready = 0

    def _guarded(self, seat: Seat, do: Callable[[Seat], None]) -> None:
        try:
            do(seat)
        except Lost as error:
            self._replace(seat, str(error))

    def _at_work_on(self, attempt: Attempt) -> list[Seat]:
        return [seat for seat in self._seats if seat.attempt is attempt]

    def _leave(self, attempt: Attempt | None) -> None:
        """End what still runs of a divided run that has failed or was lost: it waits for losses that never come."""
        if attempt is not None:
            for seat in self._at_work_on(attempt):
                self._renew(seat)
            self._let_go_of_hub(attempt)

    def _let_go_of_hub(self, attempt: Attempt) -> None:
        hub = self._hubs.pop(attempt.job.cell.id, None)
        if hub is not None:
            ray.kill(hub)

    def _replace(self, seat: Seat, reason: str) -> None:
        self._never_ready += not seat.is_ready
        if self._never_ready == TRIES:
            raise ProcessError(
                f"no cell can run in the ray cluster: {reason}; nogd and its plugins must be installed there, as here."
            )
        self._renew(seat)
        if seat.attempt is not None and not seat.attempt.is_over:
            self._go_on(seat, seat.attempt, reason)

    def _renew(self, seat: Seat) -> None:
        seat.close()
        self._seats[self._seats.index(seat)] = Seat(self._wanted)

    def _go_on(self, seat: Seat, attempt: Attempt, reason: str) -> None:
        self._leave(attempt)
        if attempt.number == TRIES:
            attempt.is_over = True
            reason = f"the place that it ran in was lost {TRIES} times: {reason}"
            is_begun = seat.attempt is attempt
            self._tell(seat.lost(reason) if is_begun else unsent(attempt.job, ProcessError(reason)))
            return
        self._again.append(attempt.again())
        self._tell(Held(attempt.job.cell, "another place in the ray cluster"))
