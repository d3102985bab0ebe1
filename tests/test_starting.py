"""Before the first cell can run: what is waited for is said, and Ctrl-C is heeded at once."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import uuid
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from bench_help import MARK, PATIENCE, Watcher, environment, marked, rows, started

from nogd.bench.events import Finished, Held, Started
from nogd.bench.experiment import make_experiment
from nogd.bench.perform import Job
from nogd.bench.plan import plan
from nogd.bench.progress import Bar, Lines
from nogd.bench.record import lost_record
from nogd.bench.run import execute
from nogd.bench.sharing import shared_imports
from nogd.plugins.manager import PluginSettings, configured

pytestmark = pytest.mark.any_version

RUN = ("-m", "nogd", "run", "-l", "random-search", "-t", "iris", "-t", "parity", "--repetitions", 1)


# Read by every Python that starts: the loops are never loaded, or never compiled.
STALLS = """
import sys, time, types

kernels = types.ModuleType("nogd.engine.compiled.kernels")
kernels.missing = lambda: [0] if {compiles} else time.sleep(3600)
kernels.can_be_kept = lambda: True
kernels.load = lambda real: time.sleep(3600)
sys.modules[kernels.__name__] = kernels
"""


@pytest.mark.parametrize("moment", ["starting worker processes", "compiling numba loops"])
def test_ctrl_c_is_heeded_before_the_first_cell(tmp_path: Path, moment: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(STALLS.format(compiles=moment.startswith("compiling")))
    out, mark, settings = tmp_path / "out", uuid.uuid4().hex, environment()
    settings |= {MARK: mark, "PYTHONPATH": f"{tmp_path}{os.pathsep}{settings['PYTHONPATH']}"}
    with started(*RUN, "--out", out, env=settings) as process:
        assert process.stderr is not None
        assert any(line.startswith(moment) for line in process.stderr)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 130  # it would take an hour
        assert "the same command continues from here" in process.stderr.read()
    _, alive = psutil.wait_procs(marked(MARK, mark), timeout=5)
    assert alive == []
    assert rows(out) == []
    with closing(sqlite3.connect(out / "runs.sqlite")) as store:
        assert store.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert store.execute("select count(*) from claims").fetchone() == (0,)


def test_what_the_first_cell_waits_for_is_told_with_it(tmp_path: Path) -> None:
    """One fork server serves the cells and the pictures' surveys, so it is waited for once."""
    watcher = Watcher()
    experiment = make_experiment(None, learners=["random-search", "adam"], tasks=["iris"], budget=50)
    execute(experiment, tmp_path, jobs=1, fresh=False, progress=watcher)
    first = watcher.events[0]
    assert isinstance(first, Started)
    held = watcher.of(Held)
    assert all(event.cell == first.cell for event in held)
    assert [event.by for event in held if not event.by.startswith("compiling")] == [
        "starting worker processes",
        "",
    ]
    assert watcher.events[1 : 1 + len(held)] == held
    assert len(rows(tmp_path)) == 10


@pytest.fixture
def held(tmp_path: Path) -> Held:
    watcher = Watcher()
    experiment = make_experiment(None, learners=["random-search"], tasks=["iris"], repetitions=1, budget=20)
    execute(experiment, tmp_path, jobs=0, fresh=False, progress=watcher)
    return Held(watcher.of(Started)[0].cell, "compiling")


def test_a_log_says_what_is_waited_for_and_not_that_nothing_is_done(
    held: Held, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, clock = Lines(), iter([0.0, 0.0, 30.0, 60.0, 61.0])
    monkeypatch.setattr("nogd.bench.progress.time.monotonic", lambda: next(clock))
    lines.begin(8, 0)
    lines.tell(Started(held.cell))
    lines.tell(held)
    lines.tell(Held(held.cell, ""))
    lines.tell(Started(held.cell))
    assert capsys.readouterr().err == "compiling ...\n"


def test_what_is_left_goes_by_the_pace_while_nothing_held_the_runs_up(
    held: Held, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, clock = Lines(), iter([1.0, 1.0, 2.0, 62.0, 66.0, 73.0, 73.0, 73.0])
    monkeypatch.setattr("nogd.bench.progress.time.monotonic", lambda: next(clock))
    lines.begin(8, 0)
    lines.tell(Started(held.cell))
    lines.tell(held)
    lines.tell(Held(held.cell, ""))
    for _ in range(2):
        lines.tell(Finished(held.cell, lost_record(held.cell, "ok", "", "", [])))
    # Of 72 seconds 60 were waited: 2 runs took 12.
    assert capsys.readouterr().err == "compiling ...\n2/8 runs done, 72 s, about 36 s left\n"


def test_a_bar_says_it_in_place_of_what_runs(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    bar = Bar()
    bar.begin(8, 0)
    told = []
    for event in (Started(held.cell), held, Held(held.cell, "")):
        bar.tell(event)
        told.append(bar._bar.tasks[0].description)
    bar.end()
    assert told == [held.cell.name, "compiling ...", held.cell.name]


def test_libraries_that_a_cell_will_import_are_imported_once_for_all_workers(tmp_path: Path) -> None:
    """They are those that its files name; each is in every worker before its first job."""
    (tmp_path / "lab.py").write_text(LAB)
    with configured(PluginSettings((str(tmp_path / "lab.py"),))):
        experiment = make_experiment(
            None, learners=["random-search"], tasks=["lab"], repetitions=1, budget=20
        )
        [item] = plan(experiment)
        job = Job(item.cell, item.learner, item.task, timeout=60)
        assert shared_imports(job) == {"sklearn.datasets"}
        execute(experiment, tmp_path / "out", jobs=1, fresh=False, progress=Watcher())
    [row] = rows(tmp_path / "out")
    assert (row["status"], row["reason"]) == ("budget", "the budget is spent")


LAB = """
import sys

loaded_before = "sklearn.datasets" in sys.modules

from nogd import Dataset, SupervisedTask, hookimpl
from torch import nn, tensor

class Flowers(Dataset):
    name = "flowers"
    def load(self):
        from sklearn.datasets import load_iris
        if not loaded_before:
            raise RuntimeError("this worker would have to import scikit-learn")
        inputs, targets = load_iris(return_X_y=True)
        return tensor(inputs).float(), tensor(targets)

class Lab(SupervisedTask):
    name = "lab"
    dataset = Flowers
    loss = "cross-entropy"
    metric = "accuracy"
    def network(self):
        return nn.Linear(4, 3)

@hookimpl
def nogd_tasks():
    return [Lab]
"""


HARNESS_OF_A_SLOW_FORK_SERVER = """
import socket, subprocess, sys, time
ours, theirs = socket.socketpair()
slow = (
    "import time, nogd.bench.fork_server as server;"
    "server._import_what_all_need = lambda line: (print('importing', flush=True), time.sleep(600));"
    f"server.main({theirs.fileno()})"
)
subprocess.Popen([sys.executable, "-c", slow], pass_fds=[theirs.fileno()])
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere it ends when it has imported all")
def test_a_fork_server_that_still_imports_ends_with_a_harness_that_is_killed() -> None:
    mark = uuid.uuid4().hex
    with started("-c", HARNESS_OF_A_SLOW_FORK_SERVER, env=environment(**{MARK: mark})) as harness:
        assert harness.stdout is not None
        assert harness.stdout.readline() == "importing\n"
        assert len(marked(MARK, mark)) == 2
        harness.kill()
        harness.wait(PATIENCE)
        _, alive = psutil.wait_procs(marked(MARK, mark), timeout=PATIENCE)
        for process in alive:
            process.kill()
        assert alive == []
