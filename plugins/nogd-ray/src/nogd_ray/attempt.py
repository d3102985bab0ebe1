"""A job on its way to an end, over as many places as it takes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nogd.executors import Event, Finished, Job, Pointed, Saved, Shard

_NEVER = 1e9  # seconds


@dataclass
class Attempt:
    """A job that runs, and what is known of it by now.

    :param job: with the last checkpoint.
    :param number: how often it was begun.
    :param told: points of its curve that were told of.
    :param heard: points that this attempt has heard of: it begins with those from before its checkpoint.
    :param shards: over how many places it is divided.
    :param is_over: whether its end was told.
    """

    job: Job
    number: int = 1
    told: int = 0
    heard: int = 0
    shards: int = 1
    is_over: bool = False

    def passed_on(self, event: Event) -> Event | None:
        """The event, or None where an earlier attempt has told of it."""
        match event:
            case Finished():
                self.is_over = True
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
        return Attempt(self.job, self.number + 1, self.told, shards=self.shards)

    def part(self, shard: Shard) -> Job:
        """The job of one of its shards; what only a record needs is done for the first one."""
        if shard.number:
            return replace(self.job, shard=shard, checkpoint_seconds=_NEVER, keep_thetas=False)
        return replace(self.job, shard=shard)
