"""The page of a run under way: what it says, that it is cheap, and that it never harms the run."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from threading import Semaphore
from types import SimpleNamespace

import pytest
from bench_help import PATIENCE, Watcher, command, started
from report_data import make_results

from nogd.bench import watch as watch_module
from nogd.bench.events import Finished, Started
from nogd.bench.run_progress import RunProgress
from nogd.bench.watch import Watch
from nogd.report.figure import Comparison
from nogd.report.forms.interim import coverage
from nogd.report.forms.watch import PAGE, WatchPage, duration, headline, outlook, render

pytestmark = pytest.mark.any_version

SMALL = ("--repetitions", 2, "--forwards", 30, "--jobs", 0)


def run_progress(**changes):
    plain = {
        "total": 10,
        "done": 4,
        "done_before": 2,
        "failed": 0,
        "running": (("adam on iris, repetition 1", 12.0),),
        "complaints": (),
        "spent": 100.0,
        "written": datetime(2026, 1, 2, 23, 50, tzinfo=UTC),
        "ended": False,
    }
    return RunProgress(**plain | changes)


def event(kind, name="adam", status="budget", task="iris"):
    cell = SimpleNamespace(id=name, name=f"{name} on {task}", label=name, task=task)
    return (
        kind(cell) if kind is Started else kind(cell, SimpleNamespace(status=status, row={"reason": "why"}))
    )


def test_the_end_is_expected_from_what_finished_here():
    assert run_progress().left == pytest.approx(100 / 2 * 6)
    assert "about 5 min left, so it should end around 23:55 UTC" in outlook(run_progress())
    assert "03 January at 00:05" in outlook(run_progress(spent=300))
    assert run_progress(done=2).left is None
    assert "cannot be estimated" in outlook(run_progress(done=2))


def test_a_run_that_is_over_says_how():
    assert headline(run_progress(ended=True, done=10)) == "Finished: 10 of 10 runs done"
    assert headline(run_progress(ended=True)) == "Stopped: 4 of 10 runs done, 6 missing"
    assert "refresh" not in render(run_progress(ended=True), "")
    assert '<meta http-equiv="refresh" content="5">' in render(run_progress(), "")


def test_a_page_that_stands_still_says_when_it_was_written():
    page = render(run_progress(), "")
    assert "Last updated 02 January 2026, 23:50:00 UTC" in page
    assert 'data-written="2026-01-02T23:50:00+00:00"' in page
    assert "the run was killed" in page


def test_names_cannot_break_the_page():
    page = render(run_progress(running=(("<script>alert(1)</script>", 1.0),), complaints=("error: <b>",)), "")
    assert "<script>alert" not in page
    assert "&lt;b&gt;" in page


@pytest.mark.parametrize(
    ("seconds", "told"), [(4, "4 s"), (99, "99 s"), (720, "12 min"), (12_000, "3 h 20 min")]
)
def test_a_length_of_time_is_told_in_the_unit_that_fits(seconds, told):
    assert duration(seconds) == told


def test_missing_and_failed_runs_are_marked():
    made = make_results(
        ["adam", "sgd"], ["iris", "diabetes-ternary"], 2, failures={("sgd", "iris", 1): "error"}
    )
    planned = {(learner, task): 3 for learner in ("adam", "sgd") for task in ("iris", "diabetes-ternary")}
    cells = coverage(Comparison.of(made), planned)
    told = {learner: [cell.text for cell in row] for learner, row in cells.items()}
    assert told == {"adam": ["n/a", "2 of 3"], "sgd": ["n/a", "2 of 3, 1 failed"]}
    assert all(row[1].missing for row in cells.values())


@pytest.mark.usefixtures("unreported")
def test_a_run_leaves_a_page_with_all_its_results(tmp_path):
    words = ["-l", "adam", "-l", "random-search", "-t", "iris", "-t", "diabetes-ternary"]
    result = command("run", *words, *SMALL, "--watch", "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert str(tmp_path / PAGE) in result.stderr
    page = (tmp_path / PAGE).read_text()
    assert "Finished: 8 of 8 runs done" in page
    assert "2 of 2" in page
    assert "Provisional" not in page
    assert "n/a" in page
    assert 'href="report.html"' in page
    assert [path.name for path in tmp_path.glob(".watch*")] == []


@pytest.mark.usefixtures("unreported")
def test_without_being_asked_for_there_is_no_page(tmp_path):
    command("run", "-l", "random-search", "-t", "iris", *SMALL, "--out", tmp_path)
    assert not (tmp_path / PAGE).exists()


def test_everything_is_passed_on(tmp_path):
    shown = Watcher()
    watch = Watch(shown, WatchPage(tmp_path))
    watch.begin(3, 1)
    watch.tell(event(Started))
    watch.tell(event(Finished))
    watch.done_elsewhere()
    watch.end()
    assert shown.began == (3, 1)
    assert len(shown.events) == 2
    assert shown.elsewhere == 1


def test_a_page_that_cannot_be_written_stops_nothing(tmp_path, capsys):
    watch = Watch(Watcher(), WatchPage(tmp_path / "not there"))
    watch.begin(1, 0)
    watch.tell(event(Finished, status="error"))
    watch.end()
    assert capsys.readouterr().err.count("is no longer written") == 1


@pytest.fixture
def readings(monkeypatch):
    """Counts how often results are read, while the page is written a hundred times a second."""
    monkeypatch.setattr(watch_module, "PERIOD", 0.01)
    monkeypatch.setattr(watch_module, "_SHORT", 0.0)
    counted = Semaphore(0)
    monkeypatch.setattr("nogd.report.forms.interim.interim", lambda folder: counted.release() or "")
    return counted


def test_results_are_read_as_soon_as_two_learners_can_be_compared_and_then_only_while_cheap(
    tmp_path, readings
):
    watch = Watch(Watcher(), WatchPage(tmp_path))
    watch.begin(9, 0)
    for finished in (event(Finished), event(Finished), event(Finished, "sgd", task="wine")):
        watch.tell(finished)
    assert not readings.acquire(timeout=0.2)
    watch.tell(event(Finished, "sgd"))
    assert readings.acquire(timeout=PATIENCE)
    watch._reading = 100.0  # so dear that the next one would have to wait for hours
    assert not readings.acquire(timeout=0.2)
    watch.end()
    assert readings.acquire(timeout=0)  # the last page has them in any case


def test_a_run_that_goes_on_shows_what_was_there(tmp_path, readings):
    watch = Watch(Watcher(), WatchPage(tmp_path))
    watch.begin(9, 4)
    assert readings.acquire(timeout=PATIENCE)
    watch.end()


def test_a_short_run_is_read_once_at_its_end(tmp_path, readings, monkeypatch):
    monkeypatch.setattr(watch_module, "_SHORT", 1e9)
    watch = Watch(Watcher(), WatchPage(tmp_path))
    watch.begin(9, 4)
    assert not readings.acquire(timeout=0.2)
    watch.end()
    assert readings.acquire(timeout=0)


def test_a_killed_run_leaves_a_page_that_is_still_refreshed(tmp_path):
    with started(
        *("-m", "nogd", "run", "-l", "adam", "-t", "iris", "--forwards", 10**9, "--jobs", 0, "--watch"),
        *("--out", tmp_path),
    ) as process:
        deadline = time.monotonic() + 100
        while not (tmp_path / PAGE).exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    page = (tmp_path / PAGE).read_text()
    assert "0 of 5 runs done" in page
    assert 'id="dead"' in page
    assert "refresh" in page


AT_WORK = """
import sys
from nogd import hookimpl

@hookimpl
def nogd_point(cell, point):
    print("a point", file=sys.stderr, flush=True)
"""


def test_ctrl_c_ends_the_page_and_the_run_goes_on_later(tmp_path):
    (tmp_path / "at_work.py").write_text(AT_WORK)
    words = ["-l", "adam", "-t", "iris", "--repetitions", 1, "--jobs", 0, "--watch", "--out", tmp_path]
    words += ["--plugin", tmp_path / "at_work.py", "--forwards", 10**9]
    with started("-m", "nogd", "run", *words) as process:
        while (line := process.stderr.readline()) != "a point\n":
            assert line, "it ended by itself"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Stopped: 0 of 1 run done, 1 missing" in (tmp_path / PAGE).read_text()
    with closing(sqlite3.connect(tmp_path / "runs.sqlite")) as connection:
        assert connection.execute("select count(*) from claims").fetchone() == (0,)
