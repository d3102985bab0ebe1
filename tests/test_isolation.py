"""Whatever a learner does costs its own cell only, ends as one row, and leaves no process behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from bench_help import WICKED, Watcher, deeds, marked, rows

from nogd.bench import local
from nogd.bench.events import Finished, Started, Warned
from nogd.bench.experiment import make_experiment
from nogd.bench.run import Summary, execute
from nogd.plugins.manager import PluginSettings, configured

pytestmark = pytest.mark.any_version

MARK = "NOGD_TEST_MARK"
TIMEOUT = 6
# learner: how it ends, the reason (a pattern), and what its traceback or last words hold.
ENDS = {
    "good": ("budget", "the budget is spent", ""),
    "raises": ("error", "ValueError: bad luck", 'raise ValueError\\("bad luck"\\)'),
    "exits": ("error", "SystemExit: enough", "sys.exit"),
    "vanishes": ("killed", "ended by itself, with exit code 7", "farewell"),
    "crashes": ("killed", "ended by SIGSEGV", "wicked.py"),
    "terminates": ("killed", "ended by SIGTERM", ""),
    "gluttonous": ("killed", "used more than 1 GiB of memory", ""),
    "delegates": ("killed", "used more than 1 GiB of memory", ""),
    "greedy": ("error", "MemoryError", "np.ones"),
    "parent": ("budget", "the budget is spent", ""),
    "haunted": ("budget", "the budget is spent", ""),
    "ghost": ("killed", "ended by itself, with exit code 3", ""),
    "twin": ("budget", "the budget is spent", ""),
    "not-a-number": ("diverged", "the final loss is nan", ""),
    "chatty": ("budget", "the budget is spent", ""),
    "warns": ("budget", "the budget is spent", ""),
    "meddles": ("budget", "the budget is spent", ""),
    "careless": ("budget", "the budget is spent", ""),
    "undecided": ("error", r"undecided set state.finished to tensor\(False\)", "LearnerError"),
    "half-a-letter": ("error", r"ValueError: half a letter: \\ud800, and \\x1b\[2J", "misbehave"),
    "long-winded": ("error", "ValueError: begin x+ .*characters more.* x+ end$", "misbehave"),
    "interrupts": ("error", "^KeyboardInterrupt: as if$", "raise KeyboardInterrupt"),
    "closes": ("error", "^GeneratorExit$", "raise GeneratorExit"),
    "speechless": ("error", "SpeechlessError: .*its __str__ raises RuntimeError", "raise SpeechlessError"),
    "scribbles": ("budget", "the budget is spent", ""),
    "stops-parent": ("budget", "the budget is spent", ""),
    "garbles": ("error", "something else than nogd wrote to its line", ""),
}


# Those that never end by themselves, and where their tracebacks say that they stood.
HANG = {"hangs": "in misbehave", "hangs-in-c": "in misbehave", "freezes": "", "stalls": "in misbehave"}


@dataclass
class Parade:
    """What is left of an experiment with all learners, two repetitions of each."""

    folder: Path
    watcher: Watcher
    summary: Summary
    left_over: list[psutil.Process]
    rows: list[dict[str, Any]]

    def of(self, learner: str) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["learner_name"] == learner]


def ran(folder: Path, learners: Iterable[str], jobs: int, **settings: Any) -> Parade:
    """Run these learners on one small task, and look for processes that stayed."""
    mark, watcher = uuid.uuid4().hex, Watcher()
    given = {"learners": list(learners), "tasks": ["iris"], "budget": {"forwards": 60}}
    os.environ[MARK] = mark
    try:
        with configured(PluginSettings((str(WICKED),))):
            summary = execute(
                make_experiment(given | settings), folder, jobs=jobs, fresh=False, progress=watcher
            )
    finally:
        del os.environ[MARK]
        stayed = marked(MARK, mark)
        for process in stayed:  # what a broken bench leaves must not outlive the tests
            process.kill()
    return Parade(folder, watcher, summary, stayed, rows(folder))


@pytest.fixture(scope="module")
def parade(tmp_path_factory: pytest.TempPathFactory) -> Parade:
    return ran(tmp_path_factory.mktemp("parade"), ENDS, jobs=4, repetitions=2, memory=1)


@pytest.mark.parametrize("learner", ENDS)
def test_it_ends_as_one_row_that_says_how_and_why(parade: Parade, learner: str) -> None:
    status, reason, words = ENDS[learner]
    found = parade.of(learner)
    assert [row["repetition"] for row in found] == [0, 1]
    for row in found:
        assert row["status"] == status, row
        assert re.search(reason, row["reason"]), row
        assert re.search(words, row["traceback"] or ""), row


def test_what_was_reached_before_is_kept(parade: Parade) -> None:
    for row in parade.of("raises") + parade.of("vanishes") + parade.of("crashes"):
        assert row["start_loss"] > 0
        assert row["loss"] <= row["start_loss"]
        assert 0 < row["forwards"] <= 8
    curves = deeds(parade.folder)
    assert all(len(curves[row["id"]][-2]) > 0 for row in parade.rows)


def test_each_cell_starts_once_and_finishes_once(parade: Parade) -> None:
    starts = [event.cell.id for event in parade.watcher.of(Started)]
    ends = [event.cell.id for event in parade.watcher.of(Finished)]
    assert (
        sorted(starts)
        == sorted(ends)
        == sorted(parade.summary.planned)
        == sorted(row["id"] for row in parade.rows)
    )
    assert all(event.record.id == event.cell.id for event in parade.watcher.of(Finished))
    failed = [row for row in parade.rows if row["status"] in ("error", "timeout", "killed")]
    assert (parade.summary.ran, parade.summary.failed) == (2 * len(ENDS), len(failed))


def test_no_process_is_left_over(parade: Parade) -> None:
    assert parade.left_over == []


def test_whoever_takes_memory_faster_than_it_is_looked_at_is_told_so_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "takes_more", lambda _pid, _most: False)
    (row,) = ran(tmp_path, ["gluttonous"], jobs=1, repetitions=1, memory=0.1).rows
    assert (row["status"], row["reason"]) == ("killed", "used more than 0.1 GiB of memory")
    assert "MemoryError" in row["traceback"]


def test_whoever_hangs_is_killed_in_time(tmp_path: Path) -> None:
    found = ran(tmp_path, HANG, jobs=3, repetitions=1, timeout=TIMEOUT)
    assert {row["learner"]: row["status"] for row in found.rows} == dict.fromkeys(HANG, "timeout")
    for row in found.rows:
        assert row["reason"] == f"not finished after {TIMEOUT} s"
        assert HANG[row["learner"]] in (row["traceback"] or "")
        assert row["loss"] <= row["start_loss"]
    assert found.left_over == []


def test_in_one_process_too_whatever_is_raised_costs_its_own_cell(tmp_path: Path) -> None:
    raisers = ["raises", "exits", "undecided", "half-a-letter", "long-winded", "closes", "speechless", "good"]
    found = ran(tmp_path, raisers, jobs=0, repetitions=1)
    for row in found.rows:
        status, reason, words = ENDS[row["learner"]]
        assert row["status"] == status
        assert re.search(reason, row["reason"])
        assert re.search(words, row["traceback"] or "")
    assert len(found.rows) == len(raisers)


def test_ctrl_c_passes_through_where_a_person_may_have_pressed_it(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        ran(tmp_path, ["interrupts"], jobs=0, repetitions=1)


@pytest.mark.slow
def test_killing_where_workers_come_from_costs_only_what_runs(tmp_path: Path) -> None:
    found = ran(tmp_path, ["orphan", "good"], jobs=1, repetitions=2)
    ends = {(row["learner"], row["repetition"]): row["status"] for row in found.rows}
    assert ends == {
        ("orphan", 0): "killed",
        ("good", 0): "budget",
        ("orphan", 1): "killed",
        ("good", 1): "budget",
    }
    assert found.left_over == []


def test_the_search_for_processes_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MARK, "here")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert process.pid in [found.pid for found in marked(MARK, "here")]


def test_a_warning_is_told_once_a_run_and_stops_nothing(parade: Parade) -> None:
    warned = [(event.cell.learner["name"], event.text) for event in parade.watcher.of(Warned)]
    assert set(warned) == {("warns", "careful")}
    assert len(warned) == 2


def test_the_good_are_not_affected_by_the_wicked(parade: Parade, tmp_path: Path) -> None:
    alone = ran(tmp_path, ["good", "meddles", "careless"], jobs=1, repetitions=2)
    among, by_themselves = deeds(parade.folder), deeds(alone.folder)
    assert len(by_themselves) == 6
    for id_, deed in by_themselves.items():
        assert deed == among[id_]
