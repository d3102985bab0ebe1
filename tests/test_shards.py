"""Jobs that are shards of one run: through their doors to one another, and to the record of the whole run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from nogd.bench.columns import CURVE_COLUMNS
from nogd.bench.events import Event, Finished, Warned
from nogd.bench.experiment import make_experiment
from nogd.bench.local import LocalExecutor
from nogd.bench.perform import Job, Listener, perform
from nogd.bench.plan import plan
from nogd.bench.recipe import job_of, recipe_of
from nogd.bench.record import Record
from nogd.bench.shards import Door, Shard, ThroughDoor
from nogd.errors import ProcessError

SILENT = Listener(lambda _: None, lambda _: None)


def job(learner: str, task: str = "digits,width=1024", budget: int = 30) -> Job:
    made = make_experiment({"learners": learner, "tasks": task, "repetitions": 1, "budget": budget})
    (planned,) = plan(made)
    return Job(planned.cell, planned.learner, planned.task, timeout=60)


def together(jobs: Sequence[Job]) -> list[Event]:
    """What happens when these are the shards of one run, each in a process of its own; they meet in this one."""
    shares: dict[int, bytes] = {}
    barrier = threading.Barrier(len(jobs))

    def gather_as(number: int) -> Callable[[bytes], Sequence[bytes]]:
        def gather(share: bytes) -> Sequence[bytes]:
            shares[number] = share
            barrier.wait(60)
            found = [shares[each] for each in range(len(jobs))]
            barrier.wait(60)
            return found

        return gather

    doors = [Door(gather_as(number)) for number in range(len(jobs))]
    shards = [Shard(number, len(jobs), door.path, patience=60) for number, door in enumerate(doors)]
    events: list[Event] = []
    given = [replace(each, shard=shard) for each, shard in zip(jobs, shards, strict=True)]
    LocalExecutor(workers=len(jobs)).run(iter(given), events.append)
    for door in doors:
        door.close()
    return events


def records(events: Sequence[Event]) -> list[Record]:
    return [event.record for event in events if isinstance(event, Finished)]


def test_the_record_of_every_shard_is_that_of_the_whole_run() -> None:
    whole = job("random-search,population=10")
    alone = perform(whole, SILENT)
    for record in records(together([whole, whole])):
        assert record.status == alone.status == "budget"
        for name in ("forwards", "evaluations", "gradients", "loss", "best_loss", "test_metric", "access"):
            assert record.row[name] == alone.row[name]
        seconds = [CURVE_COLUMNS.index("seconds")]
        assert np.array_equal(
            np.delete(record.curve, seconds, 1), np.delete(alone.curve, seconds, 1), equal_nan=True
        )
        assert np.array_equal(record.theta, alone.theta)


def test_a_learner_that_asks_for_nothing_that_can_be_divided_is_told_of() -> None:
    events = together([job("adam")])
    assert records(events)[0].status == "budget"
    (warned,) = [event.text for event in events if isinstance(event, Warned)]
    assert "adam asked for nothing that 1 shards could divide" in warned


def test_shards_with_other_seeds_are_an_error_that_says_so() -> None:
    runs = [job("random-search,population=10"), job("random-search,population=20")]
    for record in records(together(runs)):
        assert record.status == "error"
        assert "the shards of this run do not agree" in record.row["reason"]


def test_a_recipe_has_the_shard() -> None:
    made = replace(job("adam", "iris"), shard=Shard(2, 5, "/somewhere/door", 7.5))
    assert job_of(recipe_of(made)).shard == made.shard
    assert job_of(recipe_of(job("adam", "iris"))).shard is None


def test_what_passing_on_raises_is_raised_behind_the_door() -> None:
    def gather(share: bytes) -> Sequence[bytes]:
        raise ValueError(f"no way for {share!r}")

    door = Door(gather)
    exchange = ThroughDoor(Shard(0, 2, door.path))
    with pytest.raises(ProcessError, match=r"have not found together: .*no way for b'abc'"):
        exchange.gather(b"abc")
    door.close()


def test_nobody_waits_longer_than_there_is_patience() -> None:
    let_go = threading.Event()
    door = Door(lambda share: [share] if let_go.wait(60) else [])
    exchange = ThroughDoor(Shard(0, 2, door.path, patience=0.05))
    with pytest.raises(ProcessError, match=r"no answer from the other shards of this run in 0\.05 s"):
        exchange.gather(b"")
    let_go.set()
    door.close()


def test_a_door_that_is_not_there_is_one_sentence() -> None:
    door = Door(lambda share: [share])
    door.close()
    with pytest.raises(ProcessError, match="cannot be reached"):
        ThroughDoor(Shard(0, 2, door.path))


def test_a_job_that_ends_lets_the_next_one_in() -> None:
    door = Door(lambda share: [share, b""])
    for share in (b"first", b"second"):
        exchange = ThroughDoor(Shard(0, 2, door.path))
        assert exchange.gather(share) == [share, b""]
        exchange.close()
    door.close()
