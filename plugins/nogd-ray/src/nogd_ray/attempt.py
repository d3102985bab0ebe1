"""A job on its way to an end, over as many places as it takes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nogd.bench.events import Event, Pointed, Saved
from nogd.bench.perform import Job


@dataclass
class Attempt:
    """A job that runs, and what is known of it by now.

    :param job: with the last checkpoint.
    :param number: how often it was begun.
    :param told: points of its curve that were told of.
    :param heard: points that this attempt has heard of: it begins with those from before its checkpoint.
    """

    job: Job
    number: int = 1
    told: int = 0
    heard: int = 0

    def passed_on(self, event: Event) -> Event | None:
        """The event, or None where an earlier attempt has told of it."""
        match event:
            case Saved(_, state):
                self.job = replace(self.job, checkpoint=state)
            case Pointed():
                self.heard += 1
                if self.heard <= self.told:
                    return None
                self.told = self.heard
        return event

    def again(self) -> Attempt:
        """The next attempt, from the last checkpoint."""
        return Attempt(self.job, self.number + 1, self.told)
