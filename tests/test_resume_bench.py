"""A killed or interrupted experiment goes on where it stood and ends as one that was never stopped."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import uuid
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from bench_help import MARK, PATIENCE, WICKED, Watcher, deeds, environment, marked, rows, started, statuses

from nogd.bench.events import Saved, Started
from nogd.bench.experiment import make_experiment
from nogd.bench.perform import Job, Listener, perform
from nogd.bench.plan import plan
from nogd.bench.record import Record
from nogd.bench.run import Summary, execute
from nogd.bench.store import Store
from nogd.plugins.manager import PluginSettings, configured

pytestmark = pytest.mark.any_version

# Arguments: plugin, experiment file, folder. Says what happens; begins when it is told to.
HARNESS = """
import sys
from pathlib import Path
from nogd.bench.experiment import make_experiment
from nogd.bench.run import execute
from nogd.plugins.manager import PluginSettings, configure

class Loud:
    def begin(self, total, done):
        print("ready", flush=True)
        input()
    def tell(self, event):
        print(type(event).__name__, event.cell.label, event.cell.id, flush=True)
    def waiting(self, cells):
        print("waiting", cells, flush=True)
    def done_elsewhere(self):
        print("elsewhere", flush=True)
    def end(self):
        pass

configure(PluginSettings((sys.argv[1],)))
experiment = make_experiment(sys.argv[2])
execute(experiment, Path(sys.argv[3]), jobs=int(sys.argv[4]), fresh=False, progress=Loud(), checkpoint_seconds=0.05)
"""


def here(
    experiment: Path, folder: Path, progress: Watcher | None = None, jobs: int = 0, **settings: Any
) -> Summary:
    with configured(PluginSettings((str(WICKED),))):
        made = make_experiment(experiment)
        return execute(made, folder, jobs=jobs, fresh=False, progress=progress or Watcher(), **settings)


@contextmanager
def harness(experiment: Path, folder: Path, jobs: int, mark: str = "") -> Iterator[subprocess.Popen[str]]:
    words = ("-c", HARNESS, WICKED, experiment, folder, jobs)
    with started(*map(str, words), env=environment(**{MARK: mark}), stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process


def go(process: subprocess.Popen[str]) -> Iterable[list[str]]:
    """Let it begin; what it says, word by word."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    for line in process.stdout:
        yield line.split()


def written(folder: Path, text: str) -> Path:
    path = folder / "experiment.toml"
    path.write_text(text)
    return path


@pytest.mark.slow
def test_killed_half_way_and_run_again_equals_a_run_that_was_never_stopped(tmp_path: Path) -> None:
    slow = ["good,pause=0.05", "parent,pause=0.05", "haunted,pause=0.05"]
    text = (
        f'learners = {["good", *slow]!r}\ntasks = ["iris"]\nrepetitions = 1\nbudget = {{ forwards = 80 }}\n'
    )
    experiment, mark, saved = written(tmp_path, text), uuid.uuid4().hex, dict.fromkeys(slow, 0)
    with harness(experiment, tmp_path / "broken", 4, mark) as process:
        for kind, label, *_ in go(process):
            saved[label] = saved.get(label, 0) + (kind == "Saved")
            if all(saved[label] >= 5 for label in slow):
                break
        at_work = marked(MARK, mark)
        process.kill()
        process.wait(PATIENCE)
        # The fork server, four workers, a child and a daemon with its shell, at the least.
        assert len(at_work) >= 7
        _, alive = psutil.wait_procs(at_work, timeout=20)
        for orphan in alive:
            orphan.kill()
        assert alive == []
        assert marked(MARK, mark) == []
    before = statuses(tmp_path / "broken")
    assert set(before) <= {"good"}
    with closing(Store(tmp_path / "broken")) as store:
        assert len(checkpoints(store)) == 3
    watcher = Watcher()
    here(experiment, tmp_path / "broken", watcher, jobs=4)
    assert {event.cell.label for event in watcher.of(Started)} == {"good", *slow} - set(before)
    here(experiment, tmp_path / "unbroken", jobs=4)
    assert deeds(tmp_path / "broken") == deeds(tmp_path / "unbroken")
    with closing(Store(tmp_path / "broken")) as store:
        assert checkpoints(store) == []


def checkpoints(store: Store) -> list[str]:
    with closing(sqlite3.connect(store.path)) as connection:
        return [id_ for (id_,) in connection.execute("select id from checkpoints")]


@pytest.mark.slow
def test_two_at_once_share_the_work_and_run_each_cell_once(tmp_path: Path) -> None:
    text = 'learners = ["good,pause=0.02", "raises,pause=0.02"]\ntasks = "iris"\nbudget = { forwards = 30 }\n'
    experiment = written(tmp_path, text)
    with harness(experiment, tmp_path / "runs", 1) as one, harness(experiment, tmp_path / "runs", 1) as other:
        lines = go(one), go(other)
        heads = [next(iter(each)) for each in lines]  # both have begun
        said = [[head, *each] for head, each in zip(heads, lines, strict=True)]
        assert (one.wait(PATIENCE), other.wait(PATIENCE)) == (0, 0)
    begun = [[words[-1] for words in each if words[0] == "Started"] for each in said]
    assert all(begun)
    assert sorted(begun[0] + begun[1]) == sorted(row["id"] for row in rows(tmp_path / "runs"))
    assert len(rows(tmp_path / "runs")) == 10


class Meanwhile(Watcher):
    """Somebody else runs the failed cell again as this process begins."""

    def __init__(self, store: Store, row: dict[str, Any]) -> None:
        super().__init__()
        self._store, self._row = store, row

    def begin(self, total: int, done: int) -> None:
        super().begin(total, done)
        with closing(Store(self._store.folder)) as store:
            curve = store.curves()[self._row["id"]]
            store.add(Record(self._row["id"], self._row | {"finished": "2100-01-01"}, curve))


def test_a_failed_cell_that_another_process_has_tried_again_is_left_to_it(tmp_path: Path) -> None:
    experiment = written(tmp_path, 'learners = "raises"\ntasks = "iris"\nrepetitions = 1\n')
    assert here(experiment, tmp_path / "runs").failed == 1
    again = Watcher()
    assert here(experiment, tmp_path / "runs", again).failed == 1
    assert len(again.of(Started)) == 1
    with closing(Store(tmp_path / "runs")) as store:
        watcher = Meanwhile(store, rows(tmp_path / "runs")[0])
        here(experiment, tmp_path / "runs", watcher)
    assert (watcher.began, watcher.elsewhere, watcher.of(Started)) == ((1, 0), 1, [])


LOUD_PLUGIN = """
import sys
from nogd import hookimpl

@hookimpl
def nogd_run_finished(cell, run):
    print("finished", cell.label, run.status, file=sys.stderr, flush=True)
"""


def test_ctrl_c_keeps_what_has_finished_and_leaves_nothing_running(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text(LOUD_PLUGIN)
    folder, mark = tmp_path / "runs", uuid.uuid4().hex
    words = [
        "-m",
        "nogd",
        "run",
        "--plugin",
        WICKED,
        "--plugin",
        tmp_path / "loud.py",
        "-l",
        "good",
        "-l",
        "hangs",
    ]
    words += ["-t", "iris", "--repetitions", 1, "--forwards", 20, "--jobs", 2, "--out", folder]
    with started(*map(str, words), env=environment(**{MARK: mark})) as process:
        assert process.stderr is not None
        while not (line := process.stderr.readline()).startswith("finished good"):
            assert line, "it ended by itself"
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert output == ""
    assert errors.count("Interrupted") == 1
    assert "Traceback" not in errors
    assert marked(MARK, mark) == []
    assert statuses(folder) == {"good": "budget"}
    with closing(sqlite3.connect(folder / "runs.sqlite")) as connection:
        assert connection.execute("select count(*) from claims").fetchone() == (0,)


# One cell, here


LEARNERS = ["grid-search", "adam", "sgd", "random-search", "hybrid", "random-search+adam,rows=7", "good"]


def job(learner: str, **settings: Any) -> Job:
    experiment = make_experiment(
        {"learners": learner, "tasks": "iris", "repetitions": 1, "budget": {"forwards": 150}}
    )
    [item] = plan(experiment)
    return Job(item.cell, item.learner, item.task, timeout=PATIENCE, **settings)


def performed(learner: str, checkpoint: bytes | None = None) -> tuple[Record, list[bytes], list[Any]]:
    saved: list[bytes] = []
    told: list[Any] = []
    with configured(PluginSettings((str(WICKED),))):
        record = perform(
            job(learner, checkpoint=checkpoint, checkpoint_seconds=0), Listener(told.append, saved.append)
        )
    return record, saved, told


@pytest.mark.parametrize("learner", LEARNERS)
def test_from_any_checkpoint_a_run_ends_as_if_never_stopped(learner: str) -> None:
    unbroken, saved, told = performed(learner)
    assert len(saved) > 3
    for checkpoint in (saved[0], saved[len(saved) // 2], saved[-1]):
        resumed, saved_after, told_after = performed(learner, checkpoint)
        assert len(saved_after) < len(saved) or checkpoint is saved[0]
        assert without_clock(resumed) == without_clock(unbroken)
        assert [point["loss"] for point in told_after] == [point["loss"] for point in told]


def without_clock(record: Record) -> tuple[Any, ...]:
    clocks = {"seconds", "cpu_seconds", "overhead_seconds", "measure_seconds", "memory_mb"}
    row = {name: value for name, value in record.row.items() if name not in clocks}
    assert record.theta is not None
    columns = [0, 1, 2, 3, 4, *range(6, record.curve.shape[1])]
    return (
        repr(row),
        record.curve[:, columns].tobytes(),
        record.trace[:, [0, 1, 2, 4]].tobytes(),
        record.theta.tobytes(),
    )


def test_an_error_after_a_resume_keeps_the_whole_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    unbroken, saved, _ = performed("adam")

    def raises(*_: object) -> None:
        raise ValueError("late")

    monkeypatch.setattr("nogd.learners.adam.Adam.step", raises)
    resumed, _, told = performed("adam", saved[-1])
    assert (resumed.status, resumed.row["reason"]) == ("error", "ValueError: late")
    assert resumed.row["start_loss"] == unbroken.row["start_loss"]
    assert len(resumed.curve) == len(told) >= len(unbroken.curve) - 2 > 3


def test_a_state_that_cannot_be_saved_costs_the_checkpoints_only() -> None:
    with pytest.warns(UserWarning, match=r"no checkpoint of this run: .*numpy\.int64") as caught:
        record, saved, _ = performed("unsaved")
    assert (record.status, len(saved)) == ("budget", 1)
    assert len(caught) == 1


def test_a_checkpoint_that_nothing_can_read_is_an_error_and_then_forgotten(tmp_path: Path) -> None:
    experiment = written(tmp_path, 'learners = "good"\ntasks = "iris"\nrepetitions = 1\n')
    with configured(PluginSettings((str(WICKED),))):
        [item] = plan(make_experiment(experiment))
    with closing(Store(tmp_path / "runs", create=True)) as store:
        store.save_checkpoint(item.cell.id, b"from another age")
    assert here(experiment, tmp_path / "runs").failed == 1
    assert here(experiment, tmp_path / "runs").failed == 0
    assert statuses(tmp_path / "runs") == {"good": "budget"}


def test_checkpoints_are_taken_as_often_as_asked(tmp_path: Path) -> None:
    experiment = written(
        tmp_path,
        'learners = "good,pause=0.01"\ntasks = "iris"\nrepetitions = 1\nbudget = { forwards = 40 }\n',
    )
    often, never = Watcher(), Watcher()
    here(experiment, tmp_path / "often", often, checkpoint_seconds=0)
    here(experiment, tmp_path / "never", never, checkpoint_seconds=PATIENCE)
    assert (len(often.of(Saved)), len(never.of(Saved))) == (21, 0)
