"""`nogd run` and its neighbours: exit codes, what goes where, and `nogd.run` from scripts."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pandas as pd
import pytest
from bench_help import WICKED, command, python, rows, statuses
from click.testing import Result

import nogd
from nogd.bench.columns import CURVE_COLUMNS, TRACE_COLUMNS
from nogd.bench.store import RUN_COLUMNS
from nogd.bench.targets import REACHED_COLUMNS
from nogd.errors import StoreError, UserError
from nogd.plugins.manager import plugins

SMALL = ("--repetitions", 1, "--forwards", 30, "--jobs", 0)


def run(folder: Path, *words: object) -> Result:
    return command("run", *words, *SMALL, "--out", folder)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """Two learners on a task with a gradient and one without."""
    folder = tmp_path_factory.mktemp("done") / "runs"
    words = ["-l", "adam", "-l", "random-search", "-t", "iris", "-t", "diabetes-ternary"]
    return folder, run(folder, *words)


def test_results_go_to_stdout_progress_to_stderr(done: tuple[Path, Result]) -> None:
    folder, result = done
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == str(folder / "report.html")
    assert (folder / "report.html").stat().st_size > 10_000
    assert "adam" in result.stdout
    assert "random-search" in result.stdout
    assert "runs done" not in result.stdout
    assert "4/4 runs done" in result.stderr


def test_every_cell_has_a_row(done: tuple[Path, Result]) -> None:
    found = {(row["learner"], row["task"]): row for row in rows(done[0])}
    assert {key: row["status"] for key, row in found.items()} == {
        ("adam", "iris"): "budget",
        ("random-search", "iris"): "budget",
        ("adam", "diabetes-ternary"): "not-applicable",
        ("random-search", "diabetes-ternary"): "budget",
    }
    assert "gradient" in found["adam", "diabetes-ternary"]["reason"]
    # A gradient that does not fit any more is left out; nobody overruns.
    assert all(row["forwards"] <= 30 for row in found.values() if row["forwards"] is not None)


def test_a_second_run_skips_what_is_done(done: tuple[Path, Result]) -> None:
    folder, first = done
    before = (folder / "report.html").stat().st_mtime_ns
    again = run(folder, "-l", "adam", "-l", "random-search", "-t", "iris", "-t", "diabetes-ternary")
    assert again.exit_code == 0
    assert again.stdout == first.stdout
    assert "runs done" not in again.stderr
    assert (folder / "report.html").stat().st_mtime_ns == before


@pytest.mark.usefixtures("unreported")
@pytest.mark.any_version
def test_fresh_runs_again(tmp_path: Path) -> None:
    run(tmp_path, "-l", "adam", "-t", "iris")
    [before] = rows(tmp_path)
    run(tmp_path, "-l", "adam", "-t", "iris", "--fresh")
    [after] = rows(tmp_path)
    assert after["id"] == before["id"]
    assert after["session"] > before["session"]


@pytest.mark.usefixtures("unreported")
@pytest.mark.any_version
def test_one_that_was_asked_for_alone_meets_all_of_the_others(tmp_path: Path) -> None:
    assert run(tmp_path / "a", "-l", "random-search").exit_code == 0
    found = rows(tmp_path / "a")
    assert {row["learner"] for row in found} == {"random-search"}
    listed = json.loads(command("list", "tasks", "--json", "--no-plugins").stdout)
    defaults = {task["name"] for task in listed if plugins().tasks.find(task["name"]).load().default}
    assert {row["task"] for row in found} == defaults
    assert len(defaults) == len(listed) - 1  # cart-pole is for whoever asks for it
    assert run(tmp_path / "b", "-t", "iris", "--no-plugins").exit_code == 0
    learners = json.loads(command("list", "learners", "--json", "--no-plugins").stdout)
    assert {row["learner"] for row in rows(tmp_path / "b")} == {learner["name"] for learner in learners}


@pytest.mark.usefixtures("unreported")
@pytest.mark.any_version
def test_settings_reach_the_learner(tmp_path: Path) -> None:
    run(
        tmp_path,
        "-l",
        "adam",
        "-l",
        "grid-search",
        "-t",
        "iris",
        "--set",
        "adam.lr=0.5",
        "--set",
        "grid-search.points=3",
    )
    found = {row["learner_name"]: row for row in rows(tmp_path)}
    assert json.loads(found["adam"]["hyper"])["lr"] == 0.5
    assert found["grid-search"]["learner"] == "grid-search,points=3"


@pytest.mark.any_version
@pytest.mark.parametrize(
    ("learner", "status"), [("raises", "error"), ("vanishes", "killed"), ("not-a-number", "diverged")]
)
def test_a_failure_is_said_as_it_happens_and_in_the_exit_code(
    tmp_path: Path, learner: str, status: str
) -> None:
    jobs = ("--jobs", 1) if status == "killed" else ()
    result = command(
        "run", "--plugin", WICKED, "-l", learner, "-l", "good", "-t", "iris", *SMALL, *jobs, "--out", tmp_path
    )
    assert result.exit_code == (0 if status == "diverged" else 1)
    assert statuses(tmp_path) == {learner: status, "good": "budget"}
    assert f"{status}: {learner} on iris, repetition 0" in result.stderr
    assert ", 1 failed" in result.stderr
    assert result.stdout.splitlines()[-1] == str(tmp_path / "report.html")


@pytest.mark.usefixtures("unreported")
@pytest.mark.any_version
def test_failed_cells_are_tried_again_and_others_are_not(tmp_path: Path) -> None:
    words = ["run", "--plugin", WICKED, "-l", "raises", "-l", "good", "-t", "iris", *SMALL, "--out", tmp_path]
    command(*words)
    before = {row["learner"]: row["session"] for row in rows(tmp_path)}
    assert command(*words).exit_code == 1
    after = {row["learner"]: row["session"] for row in rows(tmp_path)}
    assert after["raises"] > before["raises"]
    assert after["good"] == before["good"]


@pytest.mark.usefixtures("unreported")
@pytest.mark.any_version
def test_a_learner_that_cannot_be_imported_is_left_out_of_all(tmp_path: Path) -> None:
    hook = "@hookimpl\ndef nogd_learners():\n    return [Lazy('gone', 'no_such:X', '')]\n"
    (tmp_path / "gone.py").write_text("from nogd import Lazy, hookimpl\n" + hook)
    for more in ((), ("--set", "adam.lr=0.1")):
        folder = tmp_path / f"runs{len(more)}"
        result = run(folder, "--plugin", tmp_path / "gone.py", "-t", "iris", *more)
        assert result.exit_code == 0, result.output
        assert "Warning: The learner 'gone'" in result.stderr
        assert {row["learner_name"] for row in rows(folder)} > {"adam"}


# runs


def test_runs_as_json(done: tuple[Path, Result]) -> None:
    result = command("runs", "--json", "--out", done[0])
    found = json.loads(result.stdout)
    assert (result.exit_code, result.stderr, len(found)) == (0, "", 4)
    adam = next(run for run in found if run["learner"] == "adam" and run["task"] == "iris")
    assert set(RUN_COLUMNS) <= set(adam)
    assert adam["meter"]["forwards"] == adam["forwards"] <= 30
    assert adam["budget"] == {"forwards": 30.0}
    assert adam["hyper"]["lr"] > 0
    refused = next(run for run in found if run["status"] == "not-applicable")
    assert refused["loss"] is None
    assert refused["meter"]["evaluations"] is None


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ([], 4),
        (["-l", "adam"], 2),
        (["-l", "adam", "-l", "random-search", "-t", "iris"], 2),
        (["--status", "not-applicable"], 1),
        (["--status", "not-applicable", "-t", "iris"], 0),
    ],
    ids=str,
)
def test_filters(done: tuple[Path, Result], options: list[str], count: int) -> None:
    assert len(json.loads(command("runs", "--json", "--out", done[0], *options).stdout)) == count
    table = command("runs", "--out", done[0], *options)
    assert table.exit_code == 0
    assert len(table.stdout.splitlines()) == (count + 1 if count else 0)


def test_a_filter_that_fits_nothing_stored_names_what_there_is(done: tuple[Path, Result]) -> None:
    result = command("runs", "--out", done[0], "-l", "adm")
    assert result.exit_code == 2
    assert "did you mean 'adam'?" in result.stderr


def test_an_id_is_found_by_its_beginning(done: tuple[Path, Result]) -> None:
    id_ = rows(done[0])[0]["id"]
    assert [
        run["id"] for run in json.loads(command("runs", "--json", "--out", done[0], "--id", id_[:9]).stdout)
    ] == [id_]


@pytest.mark.usefixtures("unreported")
def test_deleting(tmp_path: Path) -> None:
    run(tmp_path, "-l", "adam", "-l", "sgd", "-t", "iris")
    refused = command("runs", "--out", tmp_path, "-l", "adam", "--delete")  # nobody answers
    assert refused.exit_code == 1
    assert len(rows(tmp_path)) == 2
    assert command("runs", "--out", tmp_path, "-l", "adam", "--delete", "--yes").exit_code == 0
    assert [row["learner"] for row in rows(tmp_path)] == ["sgd"]
    assert command("runs", "--out", tmp_path, "--delete", "--yes").exit_code == 0
    empty = command("runs", "--json", "--out", tmp_path)
    assert (empty.exit_code, json.loads(empty.stdout)) == (0, [])


# export, rerun


EXPORTED = ("runs", "curves", "targets", "traces")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_export(done: tuple[Path, Result], kind: str) -> None:
    result = command("export", "--out", done[0], "--format", kind)
    paths = [done[0] / "export" / f"{name}.{kind}" for name in EXPORTED]
    assert (result.exit_code, result.stdout.splitlines()) == (0, list(map(str, paths)))
    read = pd.read_csv if kind == "csv" else pd.read_parquet
    runs, curves, targets, traces = map(read, paths)
    assert list(runs) == list(RUN_COLUMNS)
    assert list(curves) == ["id", "learner", "task", "repetition", *CURVE_COLUMNS]
    assert len(runs) == 4
    assert set(curves["id"]) == set(runs["id"][runs["status"] == "budget"])
    assert curves["evaluations"].dtype.kind == "i"
    assert list(targets) == list(REACHED_COLUMNS)
    assert list(traces) == ["id", *TRACE_COLUMNS]
    assert set(traces["id"]) == set(curves["id"])


def test_export_leaves_out_the_traces_of_runs_that_no_longer_count(tmp_path: Path) -> None:
    for budget in ("20", "30"):
        words = ("-l", "random-search", "-t", "iris", "--repetitions", "1", "--jobs", "0")
        assert command("run", *words, "--forwards", budget, "--out", tmp_path).exit_code == 0
    for options, runs in (((), 1), (("--all",), 2)):
        assert command("export", *options, "--out", tmp_path).exit_code == 0
        assert pd.read_csv(tmp_path / "export" / "traces.csv")["id"].nunique() == runs


def test_export_where_it_cannot_be_written(done: tuple[Path, Result], tmp_path: Path) -> None:
    results = nogd.run(
        learners="adam", tasks="iris", repetitions=1, budget=5, out=tmp_path, jobs=0, progress=False
    )
    assert len(results.runs) == 1
    (tmp_path / "export").touch()
    result = command("export", "--out", tmp_path)
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr


def test_rerun(done: tuple[Path, Result]) -> None:
    found = {(row["learner"], row["task"]): row["id"] for row in rows(done[0])}
    result = command("rerun", found["adam", "iris"][:12], "--out", done[0])
    assert (result.exit_code, result.stderr) == (0, "")
    assert "the same curve, bit for bit" in result.stdout


def test_rerun_of_what_cannot_be_found_or_is_not_unique(done: tuple[Path, Result]) -> None:
    for beginning, sentence in (("xyz", "no stored run has an id"), ("", "4 stored runs have ids")):
        result = command("rerun", beginning, "--out", done[0])
        assert result.exit_code == 2
        assert sentence in result.stderr


@pytest.mark.any_version
def test_rerun_says_when_the_curve_is_another(tmp_path: Path) -> None:
    plugin = tmp_path / "moody.py"
    plugin.write_text(
        dedent("""
        import os
        from typing import ClassVar
        from nogd import hookimpl
        from nogd.learners.random_search import RandomSearch

        class Moody(RandomSearch):
            '''Depends on what it should not.'''
            name: ClassVar[str] = "moody"
            def init(self, objective, theta, rng):
                rng.manual_seed(int(os.environ.get("MOOD", "0")))
                return super().init(objective, theta, rng)

        @hookimpl
        def nogd_learners():
            return [Moody]
        """)
    )
    words = ["--plugin", plugin, "--out", tmp_path / "runs"]
    command("run", "-l", "moody", "-t", "iris", *SMALL, *words)
    [row] = rows(tmp_path / "runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOOD", "1")
        other = command("rerun", row["id"], *words)
    assert other.exit_code == 1
    assert "another curve than the stored one" in other.stdout
    plugin.write_text(plugin.read_text() + "\n# changed\n")
    changed = python("-m", "nogd", "rerun", row["id"], *words)
    assert changed.returncode == 2
    assert "cannot be repeated exactly: its code has changed" in changed.stderr


# From Python


def test_a_run_in_python_gives_its_own_results_only(tmp_path: Path) -> None:
    given: dict[str, Any] = {"tasks": "iris", "repetitions": 1, "budget": 20, "out": tmp_path, "jobs": 0}
    nogd.run(learners="sgd", **given, progress=False)
    results = nogd.run(learners=["adam"], **given, progress=False)
    assert list(results.runs["learner"]) == ["adam"]
    assert set(results.curves["learner"]) == {"adam"}
    assert "adam" in repr(results)
    assert list(results.leaderboard["learner"]) == ["adam"]


def test_python_raises_what_the_command_line_says(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="is not a folder"):
        nogd.run(learners="adam", tasks="iris", out=tmp_path / "file")
    with pytest.raises(UserError, match="did you mean 'adam'"):
        nogd.run(learners="addam", tasks="iris", out=tmp_path / "runs")
    with pytest.raises(UserError, match="jobs must be 0"):
        nogd.run(learners="adam", tasks="iris", out=tmp_path / "runs", jobs=-2)
    assert not (tmp_path / "runs").exists()


SCRIPT = """
from typing import ClassVar
import threading
import torch
from dataclasses import dataclass
import nogd

LOCK = threading.Lock()


@dataclass(kw_only=True)
class Place(nogd.State):
    rng: torch.Generator


class Stroll(nogd.Learner):
    '''Walk at random.'''
    name: ClassVar[str] = "stroll"
    sigma: float = 0.1

    def init(self, objective, theta, rng):
        return Place(theta=theta, rng=rng)

    def step(self, objective, state):
        objective.losses(nogd.Population(state.theta[None]))
        state.theta = state.theta + self.sigma * torch.randn(len(state.theta), generator=state.rng)
        state.iteration += 1


class Unsendable(Stroll):
    '''Use what no other process can have.'''
    name: ClassVar[str] = "unsendable"

    def step(self, objective, state):
        with LOCK:
            super().step(objective, state)


results = nogd.run(learners=["random-search", Stroll(sigma=0.2), Unsendable], tasks="iris", repetitions=2, budget=20,
                   out=OUT, jobs=2, progress=False)
print(results.runs.groupby("learner")["status"].first().to_dict())
print(set(results.runs.loc[results.runs["learner"] == "unsendable", "reason"]))
"""
NOTEBOOK = """
import sys, types
main = types.ModuleType("__main__")
sys.modules["__main__"] = main
exec(compile({script!r}, "<cell 1>", "exec"), vars(main))
"""


@pytest.mark.any_version
@pytest.mark.parametrize("kind", ["script", "notebook"])
def test_a_script_without_a_guard_and_with_its_own_learner(tmp_path: Path, kind: str) -> None:
    script = SCRIPT.replace("OUT", repr(str(tmp_path / "runs")))
    (tmp_path / "script.py").write_text(script if kind == "script" else NOTEBOOK.format(script=script))
    done = python(tmp_path / "script.py")
    assert done.stderr == ""
    first, second = done.stdout.splitlines()
    assert first == "{'random-search': 'budget', 'stroll,sigma=0.2': 'budget', 'unsendable': 'error'}"
    assert "it cannot be sent to a worker process: TypeError: cannot pickle '_thread.lock' object" in second
    assert len(rows(tmp_path / "runs")) == 6


LIMITED = "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2); "


@pytest.mark.slow
@pytest.mark.any_version
@pytest.mark.parametrize("limit", [30_000, 90_000])
def test_no_space_left_is_one_sentence(tmp_path: Path, limit: int) -> None:
    """Full at the start, and in the middle."""
    words = [
        "run",
        "-l",
        "adam",
        "-t",
        "iris",
        "--repetitions",
        12,
        "--forwards",
        30,
        "--jobs",
        0,
        "--out",
        tmp_path,
    ]
    program = LIMITED + "from nogd.cli import main; main(prog_name='nogd')"
    done = python("-B", "-c", program, limit, *words)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Error: ")
    # A limit on a file's size is an I/O error to SQLite, not a full disk, and is told as what it may be.
    assert "File too large" in done.stderr or "disk is full, over a quota or failing" in done.stderr


def test_a_page_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    result = run(tmp_path, "-l", "adam", "-t", "iris")
    assert result.exit_code == 2
    assert "report.html" in result.stderr.splitlines()[-1]
    assert result.stderr.splitlines()[-1].startswith("Error: ")
    assert statuses(tmp_path) == {"adam": "budget"}
