"""On a real ray with three nodes: results, and what becomes of cells when nodes, places and harnesses are lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
from conftest import node_of
from nogd_ray.executor import RayExecutor
from ray.cluster_utils import Cluster

import nogd
from nogd.bench.columns import CURVE_COLUMNS
from nogd.bench.events import Event, Finished, Held, Pointed, Saved, Started
from nogd.bench.experiment import make_experiment
from nogd.bench.perform import Job, Listener, perform
from nogd.bench.plan import plan
from nogd.bench.store import Store
from nogd.errors import StoreError
from nogd.plugins.manager import PluginSettings, configured

CAST = Path(__file__).with_name("cast.py")
pytestmark = pytest.mark.filterwarnings("ignore:Tip. In future versions of Ray:FutureWarning")


def jobs(*learners: str, budget: int = 30, memory: float | None = None, task: str = "iris") -> list[Job]:
    made = make_experiment(None, learners=learners, tasks=[task], repetitions=1, budget=budget)
    return [
        Job(each.cell, each.learner, each.task, timeout=120, memory=memory, checkpoint_seconds=0.0)
        for each in plan(made)
    ]


def run(executor: RayExecutor, given: Sequence[Job], tell=lambda _event: None) -> list[Event]:
    events: list[Event] = []

    def hear(event: Event) -> None:
        events.append(event)
        tell(event)

    executor.run(iter(given), hear)
    return events


def records(events: Sequence[Event]) -> list:
    return [event.record for event in events if isinstance(event, Finished)]


def timeless(curve: np.ndarray) -> np.ndarray:
    return np.delete(curve, CURVE_COLUMNS.index("seconds"), axis=1)


def test_results_are_those_of_this_machine_and_the_plugin_and_the_environment_travel(
    cluster: Cluster, tmp_path: Path
) -> None:
    environment = tmp_path / "environment.json"
    environment.write_text(json.dumps({"env_vars": {"WITNESS": "Samuel"}}))
    diary = tmp_path / "diary"
    with configured(PluginSettings((str(CAST),))):
        given = jobs(f"witness,diary={diary}", "adam", "random-search")
        events = run(RayExecutor(workers=2, environment=str(environment)), given)
        expected = [perform(job, Listener(lambda _: None, lambda _: None)) for job in given]
    by_id = {record.id: record for record in records(events)}
    for want in expected:
        got = by_id[want.id]
        assert got.status == want.status == "budget"
        assert np.array_equal(timeless(got.curve), timeless(want.curve), equal_nan=True)
        assert np.array_equal(got.theta, want.theta)
    written = [line.split() for line in diary.read_text().splitlines()]
    assert {word for pid, _, word in written if int(pid) != os.getpid()} == {"Samuel"}


def test_a_cell_goes_on_elsewhere_when_its_node_dies(cluster: Cluster, tmp_path: Path) -> None:
    diary = tmp_path / "diary"

    def kill(event: Event) -> None:
        if isinstance(event, Saved) and len(cluster.worker_nodes) == 2 and diary.exists():
            pid, step, _ = diary.read_text().splitlines()[-1].split()
            if int(step) >= 3:
                cluster.remove_node(node_of(cluster, int(pid)), allow_graceful=False)

    with configured(PluginSettings((str(CAST),))):
        (job,) = jobs(f"witness,diary={diary},seconds=0.1")
        events = run(RayExecutor(), [job], kill)
        (record,) = records(events)
        lines = [line.split() for line in diary.read_text().splitlines()]
        expected = perform(job, Listener(lambda _: None, lambda _: None))
    pids = list(dict.fromkeys(pid for pid, *_ in lines))
    assert len(pids) == 2
    assert int(next(step for pid, step, _ in lines if pid == pids[1])) >= 3  # not from the start
    assert "another place in the ray cluster" in [event.by for event in events if isinstance(event, Held)]
    assert sum(isinstance(event, Started) for event in events) == 1
    told = [event.point["forwards"] for event in events if isinstance(event, Pointed)]
    assert told == sorted(set(told)) == list(expected.curve[:, 0])
    assert record.status == "budget"
    assert np.array_equal(timeless(record.curve), timeless(expected.curve), equal_nan=True)
    assert np.array_equal(record.theta, expected.theta)


def test_a_cell_that_takes_too_much_memory_costs_itself_only(cluster: Cluster) -> None:
    with configured(PluginSettings((str(CAST),))):
        events = run(RayExecutor(), jobs("glutton", "adam", memory=0.7))
    first, second = records(events)
    assert first.status == "killed"
    assert "0.7 GiB" in first.row["reason"]
    assert second.status == "budget"


def test_a_cell_whose_places_are_lost_is_given_up(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nogd_ray.places.TRIES", 2)
    with configured(PluginSettings((str(CAST),))):
        events = run(RayExecutor(), jobs("saboteur"))
    (record,) = records(events)
    assert record.status == "killed"
    assert record.row["reason"] == (
        "the place that it ran in was lost 2 times: 'nogd work' ended with exit code -9"
    )


def test_a_killed_harness_loses_nothing_and_leaves_nothing_running(cluster: Cluster, tmp_path: Path) -> None:
    diary, out = tmp_path / "diary", tmp_path / "out"
    learner = f"witness,diary={diary},seconds=0.1"
    words = [
        "--plugin",
        str(CAST),
        "run",
        "-l",
        learner,
        "-t",
        "iris",
        "--repetitions",
        "1",
        "--forwards",
        "70",
    ]
    where = ["--executor", f"ray,address={cluster.address}", "--jobs", "1", "--out", str(out)]
    with subprocess.Popen([sys.executable, "-m", "nogd", *words, *where]) as harness:
        until(lambda: saved(out))
        harness.kill()
    first = {int(line.split()[0]) for line in diary.read_text().splitlines()}
    until(lambda: not any(map(psutil.pid_exists, first)))
    done = len(diary.read_text().splitlines())
    with configured(PluginSettings((str(CAST),))):
        nogd.run(
            learners=learner,
            tasks="iris",
            repetitions=1,
            budget=70,
            executor="ray",
            jobs=1,
            out=out,
            progress=False,
        )
    steps = [int(line.split()[1]) for line in diary.read_text().splitlines()[done:]]
    assert steps[0] > 0
    assert steps[-1] == 69


def saved(out: Path) -> bool:
    """Whether a checkpoint is in the store, which may not be made yet, or be in the making."""
    with suppress(StoreError), closing(Store(out)) as store:
        return bool(store.begun())
    return False


def until(true, seconds: float = 120.0) -> None:
    """Wait for it."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "nothing came of it"
        time.sleep(0.1)
