"""One run on several places of a real ray: the bits of one process, and what becomes of it when a place is lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psutil
import pytest
from nogd_ray.executor import RayExecutor
from ray.cluster_utils import Cluster
from test_cluster import CAST, jobs, records, run, timeless

from nogd.bench.events import Event, Held, Pointed, Saved, Started, Warned
from nogd.bench.perform import Job, Listener, perform
from nogd.plugins.manager import PluginSettings, configured

WIDE = "digits,width=1024"  # more than 65,536 parameters
PLUGINS = PluginSettings((str(CAST), str(CAST.with_name("divided.py"))))
pytestmark = pytest.mark.filterwarnings("ignore:Tip. In future versions of Ray:FutureWarning")


def alone(job: Job):
    return perform(job, Listener(lambda _: None, lambda _: None))


def assert_same(got, want) -> None:
    assert got.status == want.status == "budget", got.row["reason"]
    assert np.array_equal(timeless(got.curve), timeless(want.curve), equal_nan=True)
    assert np.array_equal(got.theta, want.theta)
    for name in ("forwards", "evaluations", "gradients", "loss", "best_loss", "access"):
        assert got.row[name] == want.row[name]


@pytest.mark.parametrize("shards", [1, 2])
def test_a_divided_run_is_that_of_one_process(cluster: Cluster, shards: int) -> None:
    with configured(PLUGINS):
        (job,) = jobs("noisy", budget=30, task=WIDE)
        events = run(RayExecutor(shards=shards, cpus=0.5), [job])
        (record,) = records(events)
        assert_same(record, alone(job))
    told = [event.point["forwards"] for event in events if isinstance(event, Pointed)]
    assert told == sorted(set(told))
    assert not [event for event in events if isinstance(event, Warned)]


def test_it_goes_on_from_its_checkpoint_when_a_shard_is_lost(cluster: Cluster, tmp_path: Path) -> None:
    diary, killed = tmp_path / "diary", []

    def kill(event: Event) -> None:
        if isinstance(event, Saved) and not killed and diary.exists():
            lines = [line.split() for line in diary.read_text().splitlines()]
            if int(lines[-1][1]) >= 2:
                killed.extend(dict.fromkeys(int(pid) for pid, *_ in lines))
                for process in psutil.Process(killed[-1]).parents():
                    if "work" in process.cmdline():
                        process.kill()

    with configured(PLUGINS):
        (job,) = jobs(f"noisy,diary={diary},seconds=0.2", budget=60, task=WIDE)
        events = run(RayExecutor(shards=2, cpus=0.5), [job], kill)
        (record,) = records(events)
        lines = [line.split() for line in diary.read_text().splitlines()]
        assert_same(record, alone(job))
    assert len(killed) == 2
    later = [int(step) for pid, step in lines if int(pid) not in killed]
    assert len({pid for pid, *_ in lines}) == 4
    assert min(later) >= 2  # not from the start
    assert "another place in the ray cluster" in [event.by for event in events if isinstance(event, Held)]
    assert sum(isinstance(event, Started) for event in events) == 1


def test_what_cannot_be_divided_is_told(cluster: Cluster) -> None:
    with configured(PLUGINS):
        (job,) = jobs("witness", budget=10)
        events = run(RayExecutor(shards=2, cpus=0.5), [job])
        assert_same(records(events)[0], alone(job))
    (warned,) = [event.text for event in events if isinstance(event, Warned)]
    assert "nothing that 2 shards could divide" in warned


def test_a_shard_that_fails_by_itself_fails_the_run_at_once(cluster: Cluster) -> None:
    with configured(PLUGINS):
        events = run(RayExecutor(shards=2, cpus=0.5), jobs("traitor", task=WIDE))
    (record,) = records(events)
    assert record.status == "error"
    assert "do not agree" in record.row["reason"]
