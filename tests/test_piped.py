"""Cells run elsewhere, over a pipe, by `nogd work`: another virtual environment here, a machine in earnest."""

from __future__ import annotations

import socket
import sys
import venv
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from bench_help import Watcher, rows
from elsewhere import Elsewhere

from nogd.bench.events import Event, Finished, Started
from nogd.bench.experiment import make_experiment
from nogd.bench.perform import Job
from nogd.bench.piped import PipedExecutor
from nogd.bench.plan import plan
from nogd.bench.run import execute
from nogd.errors import InvalidSetting, ProcessError
from nogd.plugins.manager import PluginSettings, configured
from nogd.testing import checks_for

pytestmark = pytest.mark.any_version

PLUGIN = Path(__file__).with_name("elsewhere.py")


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The Python of another virtual environment, with all that is installed in this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    here = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    lines = [f"import site; site.addsitedir({path!r})" for path in here]
    (packages / "all.pth").write_text("\n".join(lines) + "\n")
    return str(folder / "bin" / "python")


@pytest.mark.slow
def test_an_executor_of_another_environment_keeps_all_rules(python: str) -> None:
    executor = Elsewhere(python=python)
    for check in checks_for(executor):
        check(executor)


def test_a_learner_of_a_plugin_given_by_path_runs_there(tmp_path: Path, python: str) -> None:
    telltale = tmp_path / "telltale.py"
    telltale.write_text(TELLTALE)
    with configured(PluginSettings((str(PLUGIN), str(telltale)))):
        made = make_experiment(
            {
                "learners": "telltale",
                "tasks": "iris",
                "repetitions": 1,
                "budget": 5,
                "executor": f"elsewhere,python={python}",
            }
        )
        execute(made, tmp_path, jobs=1, fresh=False, progress=Watcher())
    (row,) = rows(tmp_path)
    assert (row["status"], row["reason"]) == ("error", f"RuntimeError: I ran in {python}")
    assert row["host"] == socket.gethostname()


TELLTALE = """
import sys
from typing import ClassVar
from nogd import Learner, State, hookimpl


class Telltale(Learner):
    '''Say where it runs (Grimm 1812).'''
    name: ClassVar[str] = "telltale"

    def init(self, objective, theta, rng):
        raise RuntimeError(f"I ran in {sys.executable}")

    def step(self, objective, state):
        pass


@hookimpl
def nogd_learners():
    return [Telltale]
"""

# -- where `nogd work` goes wrong

# It answers as `nogd work` does, but runs nothing: every cell is an error at once, and some words make it behave badly.
IMPOSTOR = """
import json, sys, time
def say(id_, event, value):
    print(json.dumps({"id": id_, "event": event, "value": value}), flush=True)
FIRST
for line in sys.stdin:
    job = json.loads(line)
    deed = job["cell"]["label"]
    if deed == "dies":
        sys.exit(3)
    if deed == "babbles":
        print("*** not for machines ***")
        say(job["id"], "point", "nonsense")
        continue
    if deed == "hangs":
        time.sleep(1_000)
    if deed == "silly":
        sys.stdout.write("x" * 100_000)
        sys.stdout.flush()
        continue
    say("0123456789abcdef", "record", None)
    say(job["id"], "failed", {"reason": "done", "traceback": ""})
"""
FIRST = "print('Welcome to big-machine')\nsay(None, 'ready', {})"


class Impostors(PipedExecutor):
    """Cells run nowhere."""

    name: ClassVar[str] = "impostors"
    program: str = IMPOSTOR.replace("FIRST", FIRST)
    several: int = 1

    def commands(self):
        return [[sys.executable, "-S", "-E", "-c", self.program]] * self.several


def jobs(*labels: str, timeout: float = 60.0) -> list[Job]:
    learners = [
        {"use": f"random-search,population={k}", "label": label} for k, label in enumerate(labels, start=1)
    ]
    made = make_experiment(None, learners=learners, tasks=["iris"], repetitions=1, budget=5)
    return [Job(each.cell, each.learner, each.task, timeout=timeout) for each in plan(made)]


def run(executor: PipedExecutor, given: list[Job]) -> dict[str, tuple[str, str]]:
    """Status and reason of each job by its label; each starts once and finishes once."""
    events: list[Event] = []
    executor.run(iter(given), events.append)
    for kind in (Started, Finished):
        ids = [event.cell.id for event in events if isinstance(event, kind)]
        assert sorted(ids) == sorted(job.cell.id for job in given)
    records = [event.record for event in events if isinstance(event, Finished)]
    return {record.row["learner"]: (record.status, record.row["reason"]) for record in records}


def test_a_process_that_dies_costs_what_it_ran_and_is_started_again() -> None:
    ended = run(Impostors(), jobs("a", "dies", "b"))
    assert ended["a"] == ended["b"] == ("error", "done")
    status, reason = ended["dies"]
    assert status == "killed"
    assert reason.endswith("ended with exit code 3")


def test_nonsense_costs_the_cell_that_it_is_told_of() -> None:
    ended = run(Impostors(workers=2), jobs("babbles", "a", "b"))
    assert ended["a"] == ended["b"] == ("error", "done")
    assert "what its process told cannot be used" in ended["babbles"][1]


def test_one_that_nothing_is_heard_of_any_more_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nogd.bench.work_process._GRACE", 0.5)
    ended = run(Impostors(), jobs("hangs", timeout=0.1))
    assert "nothing more is heard of it" in ended["hangs"][1]


def test_a_line_without_an_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nogd.bench.work_process.LONGEST", 50_000)
    ended = run(Impostors(), [*jobs("silly", "a")])
    assert "a line of more than 50,000 characters" in ended["silly"][1]
    assert ended["a"] == ("error", "done")


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("raise SystemExit(4)", "ended with exit code 4 before it could run a cell"),
        ("print('no nogd here')", "ended with exit code 0 before it could run a cell"),
    ],
)
def test_a_command_that_is_no_nogd_work_is_one_sentence(program: str, said: str) -> None:
    with pytest.raises(ProcessError, match=said):
        Impostors(program=program).run(iter(jobs("a")), lambda _event: None)


def test_a_command_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ProcessError, match=r"/python -m nogd work.*cannot be started: No such file"):
        Elsewhere(python=str(tmp_path / "python")).run(iter(jobs("a")), lambda _event: None)


def test_no_command_is_one_sentence() -> None:
    with pytest.raises(InvalidSetting, match="'impostors,several=0' names no command"):
        Impostors(several=0).run(iter(jobs("a")), lambda _event: None)


def test_what_cannot_be_written_down_costs_its_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = jobs("a", "b")
    ended = run(Impostors(), [replace(a, checkpoint=object()), b])  # type: ignore[arg-type]
    assert "it cannot be sent to where cells run: TypeError" in ended["a"][1]
    assert ended["b"] == ("error", "done")


@pytest.mark.parametrize(
    ("workers", "several", "shares"), [(1, 3, [1]), (5, 2, [3, 2]), (2, 2, [1, 1]), (3, 1, [3])]
)
def test_all_commands_together_run_as_many_cells_as_are_asked_for(
    workers: int, several: int, shares: list[int]
) -> None:
    processes = Impostors(workers=workers, several=several, threads=2)._made()
    assert [process.room for process in processes] == shares
    assert [process._command[-4:] for process in processes] == [
        ["--jobs", str(share), "--threads", "2"] for share in shares
    ]
