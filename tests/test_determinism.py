"""Two runs of one cell are equal bit for bit, wherever and beside whatever they run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from bench_help import UNEQUAL, WICKED, Watcher, deeds, rows

from nogd.bench.events import Finished
from nogd.bench.experiment import Experiment, make_experiment
from nogd.bench.perform import Job, Listener, perform
from nogd.bench.plan import plan
from nogd.bench.record import Record
from nogd.bench.run import execute
from nogd.hookspecs import hookimpl
from nogd.plugins.manager import Plugins, PluginSettings, configured
from nogd.training.recorder import Recorder

pytestmark = pytest.mark.any_version

LEARNERS = ["grid-search", "adam,rows=16", "random-search", "hybrid", "sgd+random-search"]
TASKS = ["iris", "diabetes-ternary", "parity"]


def experiment(**more: Any) -> Experiment:
    given = {"learners": LEARNERS, "tasks": TASKS, "repetitions": 2, "budget": {"forwards": 150}}
    return make_experiment(given | more)


def ran(folder: Path, jobs: int, **more: Any) -> dict[str, tuple[Any, ...]]:
    execute(experiment(**more), folder, jobs=jobs, fresh=False, progress=Watcher())
    return deeds(folder)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, ...]]:
    """What the experiment gives in this process, which other tests have used before."""
    return ran(tmp_path_factory.mktemp("here"), 0)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_whatever_jobs_is(here: dict[str, tuple[Any, ...]], tmp_path: Path, jobs: int) -> None:
    assert ran(tmp_path, jobs) == here
    assert len(here) == len(LEARNERS) * len(TASKS) * 2


def test_repetitions_and_learners_do_differ(here: dict[str, tuple[Any, ...]]) -> None:
    curves = [deed[-2] for deed in here.values() if deed[-2]]
    assert len(set(curves)) == len(curves) > 15


def test_whether_its_process_served_before(here: dict[str, tuple[Any, ...]], tmp_path: Path) -> None:
    """The last cell alone: in the experiment its process had served the learner's other cells."""
    one = experiment(learners=["sgd+random-search"], tasks=["parity"])
    watcher = Watcher()
    execute(one, tmp_path, jobs=1, fresh=False, progress=watcher)
    alone = deeds(tmp_path)
    assert len(alone) == len(watcher.of(Finished)) == 2
    assert alone == {id_: here[id_] for id_ in alone}


def test_threads_are_a_part_of_the_cell(here: dict[str, tuple[Any, ...]], tmp_path: Path) -> None:
    one = {"learners": ["adam"], "tasks": ["iris"], "repetitions": 1}
    two_threads = ran(tmp_path / "a", 1, threads=2, **one)
    assert two_threads.keys().isdisjoint(ran(tmp_path / "b", 0, **one))
    assert ran(tmp_path / "c", 0, threads=2, **one) == two_threads
    assert [row["threads"] for row in rows(tmp_path / "a")] == [2]


def test_the_threads_of_this_process_are_given_back(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    ran(tmp_path, 0, learners=["adam"], tasks=["iris"], repetitions=1, threads=before + 1)
    assert torch.get_num_threads() == before


def test_what_a_learner_changes_in_this_process_is_given_back(tmp_path: Path) -> None:
    before = torch.get_default_dtype(), torch.is_grad_enabled(), Path.cwd(), torch.get_rng_state()
    with configured(PluginSettings((str(WICKED),))):
        ran(tmp_path, 0, learners=["meddles", "careless"], tasks=["iris"])
    assert (torch.get_default_dtype(), torch.is_grad_enabled(), Path.cwd()) == before[:3]
    assert torch.equal(torch.get_rng_state(), before[3])


# One cell


def record(watch: bool, monkeypatch: pytest.MonkeyPatch) -> Record:
    [item] = plan(experiment(learners=["random-search+adam"], tasks=["iris"], repetitions=1))
    if not watch:
        monkeypatch.setattr(Recorder, "settle", lambda self, forwards: None)
    return perform(
        Job(item.cell, item.learner, item.task, timeout=60), Listener(lambda _: None, lambda _: None)
    )


def test_recorder_on_or_off_same_theta(monkeypatch: pytest.MonkeyPatch) -> None:
    on, off = record(True, monkeypatch), record(False, monkeypatch)
    assert on.theta is not None
    assert off.theta is not None
    assert on.theta.tobytes() == off.theta.tobytes()
    assert len(on.curve) > len(off.curve)
    same = set(on.row) - UNEQUAL
    assert {name: on.row[name] for name in same} == {name: off.row[name] for name in same}


class Greedy:
    """An observer that draws from torch's generator, and raises in the end."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    @hookimpl
    def nogd_run_started(self, cell: Any) -> None:
        self.heard.append("started " + cell.name)
        torch.rand(3)

    @hookimpl
    def nogd_point(self, point: Any) -> None:
        self.heard.append("point")
        torch.rand(3)

    @hookimpl
    def nogd_run_finished(self, run: Any) -> None:
        self.heard.append("finished " + run.status)
        raise ValueError("enough")


@pytest.mark.parametrize("jobs", [0, 1])
def test_observers_change_nothing(
    here: dict[str, tuple[Any, ...]], tmp_path: Path, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    observer = Greedy()
    with configured(PluginSettings()) as plugins:
        plugins.manager.register(observer, "greedy")
        observed = Plugins.of(observer)
        monkeypatch.setattr(plugins, "notify", observed.notify)
        with pytest.warns(UserWarning, match=r"'Greedy' .* is broken: nogd_run_finished: ValueError: enough"):
            deeds_here = ran(tmp_path, jobs, learners=["adam,rows=16"], tasks=["iris"])
    assert deeds_here == {id_: here[id_] for id_ in deeds_here}
    assert observer.heard[:3] == ["started adam,rows=16 on iris, repetition 0", "point", "point"]
    assert [word for word in observer.heard if word != "point"][1:] == ["finished budget"]
