"""`nogd runs` reads the runs that are asked for, and what decides whether they count, but no curves."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from bench_help import command

from nogd.bench import store as stores
from nogd.bench.columns import CURVE_COLUMNS
from nogd.bench.conditions import conditions
from nogd.bench.record import Record
from nogd.bench.store import Store
from nogd.report.results import load_results


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of two learners on two tasks, those of session 1 made again with another budget in session 2."""
    folder = tmp_path_factory.mktemp("runs")
    with closing(Store(folder, create=True)) as store:
        for session in (1, 2):
            assert store.begin_session(f"2026-01-0{session}", {}, {}) == session
            for number, (learner, task) in enumerate(
                (a, b) for a in ("adam", "grid") for b in ("iris", "wine")
            ):
                id_ = f"{number}{session}"
                row = {"id": id_, "learner": learner, "task": task, "repetition": 0, "session": session}
                status = "error" if number == 3 else "ok"
                store.plan([(id_, learner, task, 0)], session)
                store.add(Record(id_, row | {"status": status}, np.zeros((2, len(CURVE_COLUMNS)))))
    return folder


def listed(folder: Path, *options: object) -> dict[str, bool]:
    found = json.loads(command("runs", "--json", "--out", folder, *options).stdout)
    return {row["id"]: row["counts"] for row in found}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), ["01", "02", "11", "12", "21", "22", "31", "32"]),
        (("-l", "adam"), ["01", "02", "11", "12"]),
        (("-l", "adam", "-l", "grid", "-t", "wine"), ["11", "12", "31", "32"]),
        (("--status", "error"), ["31", "32"]),
        (("--id", "0"), ["01", "02"]),
        (("--id", "02", "--id", "3"), ["02", "31", "32"]),
        (("--id", "02", "-t", "wine"), []),
        (("--id", "%"), []),
    ],
)
def test_what_is_asked_for_is_listed_and_whether_it_counts(
    folder: Path, options: tuple[str, ...], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "sound_table", None)  # no curve is read
    assert listed(folder, *options) == {id_: id_[1] == "2" for id_ in sorted(expected)}


def test_counting_is_that_of_the_report(folder: Path) -> None:
    counting = [id_ for id_, counts in listed(folder).items() if counts]
    assert sorted(load_results(folder).runs["id"]) == sorted(counting)


@pytest.mark.parametrize(
    "options", [("-l", "adm"), ("-t", "iris", "-l", "adm"), ("--status", "fine", "--id", "0")]
)
def test_a_value_that_no_run_has_is_refused_with_those_there_are(
    folder: Path, options: tuple[str, ...]
) -> None:
    refused = command("runs", "--out", folder, *options)
    assert refused.exit_code == 2
    assert "There are: " in refused.stderr


def test_values_never_become_sql(folder: Path) -> None:
    assert command("runs", "--out", folder, "-l", "x') or ('1' = '1").exit_code == 2
    assert listed(folder, "--id", "0' or '1' = '1") == {}
    assert conditions({}, ()) == conditions({"task": ()}, ()) == ("", [])


def test_a_damaged_row_does_not_stop_the_others(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "runs.sqlite"
    copy.write_bytes((folder / "runs.sqlite").read_bytes())
    with closing(sqlite3.connect(copy)) as connection, connection:
        connection.execute("update runs set session = 'x', learner = x'ff' where id = '12'")
        connection.execute("update cells set session = 'x' where id = '02'")
    assert listed(tmp_path, "--status", "ok").keys() == {"01", "02", "11", "21", "22"}


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("loss from runs where status in ('error')", "INDEX runs_by_status"),
        ("loss from runs where task in ('iris')", "INDEX runs_by_task"),
        ("loss from runs where learner in ('adam')", "INDEX runs_by_learner"),
        (
            "id, learner, task, repetition, session, finished from runs where learner in ('a')",
            "COVERING INDEX",
        ),
    ],
)
def test_runs_are_found_without_reading_all(folder, query, index):
    with closing(sqlite3.connect(folder / "runs.sqlite")) as connection:
        plan = connection.execute(f"explain query plan select {query}").fetchall()
    assert index in plan[0][-1]
