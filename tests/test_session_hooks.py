"""Observers of a session: told in the harness's process, before its first cell and after its last one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bench_help import Watcher

from nogd import hookimpl
from nogd.bench.experiment import make_experiment
from nogd.bench.run import Summary, execute
from nogd.errors import PluginWarning
from nogd.plugins.manager import Plugins, plugins
from nogd.testing.cast import Fails

GIVEN: dict[str, Any] = {
    "learners": ["random-search", "adam"],
    "tasks": "iris",
    "repetitions": 1,
    "budget": 5,
}


class Observer:
    """Keeps what it is told, in order."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.sessions: list[Any] = []
        self.processes: set[int] = set()

    @hookimpl
    def nogd_session_started(self, session: Any) -> None:
        self.processes.add(os.getpid())
        self.sessions.append(session)
        self.told.append(f"session {session.number}: {len(session.pending)} of {len(session.cells)}")

    @hookimpl
    def nogd_run_started(self, cell: Any) -> None:
        self.told.append(f"{cell.label} started")

    @hookimpl
    def nogd_run_finished(self, cell: Any) -> None:
        self.told.append(f"{cell.label} finished")

    @hookimpl
    def nogd_session_finished(self, session: Any, outcome: Any) -> None:
        assert session is self.sessions[-1]
        self.told.append((outcome.ran, outcome.failed, outcome.completed))


class Interrupting(Observer):
    @hookimpl
    def nogd_run_finished(self, cell: Any) -> None:
        raise KeyboardInterrupt


class Fragile(Observer):
    @hookimpl
    def nogd_session_started(self) -> None:
        raise OSError("disk full")


@pytest.fixture
def observe(monkeypatch: pytest.MonkeyPatch) -> Callable[[Observer], Observer]:
    """Has this process's plugins notify an observer."""

    def watched_by(observer: Observer) -> Observer:
        monkeypatch.setattr(plugins(), "notify", Plugins.of(observer).notify)
        return observer

    return watched_by


def run(folder: Path, **changes: Any) -> Summary:
    made = make_experiment({**GIVEN, "executor": "inline", "keep_thetas": False, **changes})
    return execute(made, folder, jobs=None, fresh=False, progress=Watcher())


def test_a_session_is_told_of_around_its_runs(tmp_path: Path, observe: Any) -> None:
    observer = observe(Observer())
    run(tmp_path)
    assert observer.told == [
        "session 1: 2 of 2",
        "random-search started",
        "random-search finished",
        "adam started",
        "adam finished",
        (2, 0, True),
    ]
    (session,) = observer.sessions
    assert (session.folder, session.executor) == (tmp_path, "inline")
    assert [cell.label for cell in session.cells] == ["random-search", "adam"]
    assert observer.processes == {os.getpid()}


def test_a_session_with_nothing_to_do_is_one_too(tmp_path: Path, observe: Any) -> None:
    run(tmp_path, learners="adam")
    observer = observe(Observer())
    run(tmp_path)
    run(tmp_path)
    assert observer.told[0] == "session 2: 1 of 2"
    assert observer.told[-2:] == ["session 3: 0 of 2", (0, 0, True)]


def test_failures_are_counted(tmp_path: Path, observe: Any) -> None:
    observer = observe(Observer())
    run(tmp_path, learners=["adam", Fails()], budget=30)
    assert observer.told[-1] == (2, 1, True)


def test_an_interrupted_session_is_not_completed(tmp_path: Path, observe: Any) -> None:
    observer = observe(Interrupting())
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    assert observer.told[-1] == (1, 0, False)


def test_an_observer_that_raises_stops_nothing(tmp_path: Path, observe: Any) -> None:
    observer = observe(Fragile())
    with pytest.warns(PluginWarning, match="nogd_session_started: OSError: disk full"):
        assert run(tmp_path).ran == 2
    assert observer.told == []
