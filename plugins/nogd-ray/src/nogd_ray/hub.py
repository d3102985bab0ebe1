"""Where the shards of one run exchange their losses: a small actor, which keeps shares until all are there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import final

import ray
from ray.actor import ActorHandle
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from nogd.executors import Shard

PATIENCE = 600.0
"""Seconds to wait for the slowest shard in one exchange."""


@dataclass
class _Round:
    shares: dict[int, bytes] = field(default_factory=dict)
    is_whole: asyncio.Event = field(default_factory=asyncio.Event)


@final
class Hub:
    """The exchange of so many shards."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._round = _Round()

    async def gather(self, number: int, share: bytes) -> list[bytes]:
        """Hand in a shard's share; gives all of them, once they are there, in order."""
        here = self._round
        here.shares[number] = share
        if len(here.shares) == self._count:
            self._round = _Round()
            here.is_whole.set()
        await here.is_whole.wait()
        return [here.shares[each] for each in range(self._count)]


def start_hub(count: int) -> ActorHandle[Hub]:
    """A hub, near the harness if there is room."""
    near = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    made = ray.remote(Hub).options(num_cpus=0, max_concurrency=count + 1, scheduling_strategy=near)
    return made.remote(count)


def shard_at(door: str, number: int, count: int) -> Shard:
    """The shard of that number, whose door is there. It waits longer than its door does, which knows why."""
    return Shard(number, count, door, PATIENCE + 30)
