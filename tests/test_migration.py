"""A store that nogd 0.1.0 made: it opens, shows the comparison that it showed, and goes on; nothing in it is lost.

tests/data/store-0.1.0 is what 0.1.0 left after four calls of `nogd run`: adam, random-search and hybrid on iris, twice
each, at 20 forwards, at 60, and at 20 again, when there was nothing to run and no session was noted; then adam and
random-search on diabetes-ternary at 20. comparison.json is what 0.1.0 made of it.
"""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from bench_help import HERE, command, rows

from nogd.bench.database import FILE
from nogd.bench.schema import VERSION
from nogd.bench.store import Store
from nogd.errors import StoreError
from nogd.report.results import load_results

pytestmark = pytest.mark.any_version

OLD = HERE / "data" / "store-0.1.0"
THEN: dict[str, Any] = json.loads((OLD / "comparison.json").read_text())
SMALL = ("--repetitions", 2, "--jobs", 0, "--no-keep-thetas", "--no-plugins")
LEARNERS = ("-l", "adam", "-l", "random-search", "-l", "hybrid", "-t", "iris")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    shutil.copy(OLD / FILE, tmp_path)
    return tmp_path


def sql(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / FILE)) as connection:
        return connection.execute(query).fetchall()


def migrated(folder: Path) -> Path:
    Store(folder, create=True).close()
    return folder


def assert_as_then(folder: Path) -> None:
    results = load_results(folder)
    assert sorted(results.runs["id"]) == THEN["ids"]
    expected = pd.DataFrame(THEN["leaderboard"])
    pd.testing.assert_frame_equal(results.leaderboard[list(expected)], expected, check_dtype=False, rtol=1e-9)
    assert results.meta["missing"] == 0


def test_of_old_runs_it_is_not_known_where_they_ran_of_new_ones_it_is(old: Path) -> None:
    made = command("run", "-l", "adam", "-t", "iris", "--forwards", 10, *SMALL, "--out", migrated(old))
    assert made.exit_code == 0, made.output
    hosts = sql(old, "select session, host from runs")
    newest = max(session for session, _ in hosts)
    assert {host for session, host in hosts if session < newest} == {None}
    assert {host for session, host in hosts if session == newest} == {socket.gethostname()}


def test_reading_shows_the_same_comparison_and_leaves_the_file_alone(old: Path) -> None:
    before = (old / FILE).read_bytes()
    assert_as_then(old)
    assert (old / FILE).read_bytes() == before


def test_writing_brings_it_to_todays_schema_and_shows_the_same_comparison(old: Path) -> None:
    migrated(old)
    assert sql(old, "pragma user_version") == [(VERSION,)]
    assert_as_then(old)


def test_nothing_is_lost(old: Path) -> None:
    runs = sql(old, "select id, learner, loss, curve, trace, theta, finished from runs order by id")
    cells = sql(old, "select id, learner, task, repetition from cells order by id")
    sessions = sql(old, "select started, environment from sessions order by id")
    frozen = json.loads(sql(old, "select settings from sessions order by id desc")[0][0])["frozen"]
    migrated(old)
    assert sql(old, "select id, learner, loss, curve, trace, theta, finished from runs order by id") == runs
    assert sql(old, "select id, learner, task, repetition from cells order by id") == cells
    assert [
        row for row in sql(old, "select started, environment from sessions order by id") if row[1] != "{}"
    ] == (sessions)
    with closing(Store(old)) as store:
        assert {task: entry for task, *_, entry, _ in store.frozen()}["diabetes-ternary"] == (
            frozen["diabetes-ternary"]
        )


def test_a_call_that_ran_nothing_gets_a_session_between_its_neighbours(old: Path) -> None:
    made_then = dict(sql(old, "select id, session from runs"))
    asked = dict(sql(old, "select id, asked from cells"))
    migrated(old)
    made, last = (
        dict(sql(old, "select id, session from runs")),
        dict(sql(old, "select id, session from cells")),
    )
    budgets = dict(sql(old, "select id, json_extract(budget, '$.forwards') from runs where task = 'iris'"))
    assert [id_ for (id_,) in sql(old, "select id from sessions order by id")] == [1, 2, 3, 4]
    assert {made[id_] for id_ in made if made_then[id_] == 3} == {4}  # the last call's runs moved with it
    assert {last[id_] for id_, budget in budgets.items() if budget == 20} == {3}
    assert {last[id_] for id_, budget in budgets.items() if budget == 60} == {2}
    assert sorted(asked, key=lambda id_: (asked[id_], id_)) == sorted(last, key=lambda id_: (last[id_], id_))


def test_it_goes_on(old: Path) -> None:
    """The code is another now, so all cells are run anew; what was there stays, and counts no more."""
    ids = {row["id"] for row in rows(old)}
    ran = command("run", *LEARNERS, "--forwards", 60, *SMALL, "--out", old)
    assert ran.exit_code == 0, ran.output
    assert {row["id"] for row in rows(old)} > ids
    results = load_results(old)
    on_iris = results.runs[results.runs["task"] == "iris"]
    assert set(on_iris["session"]) == {5}
    assert set(on_iris["budget"]) == {'{"forwards": 60.0}'}
    assert set(results.runs.loc[results.runs["task"] == "diabetes-ternary", "session"]) == {4}


def test_a_clock_that_was_set_back_between_two_calls_has_no_say(old: Path) -> None:
    """The first call at 20 forwards, a day ahead of the second at 60: 0.1.0 went by the clock and showed the first."""
    with closing(sqlite3.connect(old / FILE)) as connection, connection:
        [(started,)] = connection.execute("select started from sessions where id = 1")
        ahead = datetime.fromisoformat(started) + timedelta(days=1)
        connection.execute("update sessions set started = ? where id = 1", (ahead.isoformat(),))
        connection.execute(
            "update cells set asked = ? where id in (select id from runs where session = 1)",
            (ahead.timestamp(),),
        )
    on_iris = load_results(old).runs.query("task == 'iris'")
    assert set(on_iris["budget"]) == {'{"forwards": 60.0}'}


def test_a_session_that_is_no_json_costs_nothing_else(old: Path) -> None:
    with closing(sqlite3.connect(old / FILE)) as connection, connection:
        connection.execute("update sessions set settings = 'nonsense', started = 'a while ago' where id = 1")
    with closing(Store(migrated(old))) as store:
        assert sorted(store.endings()) == sorted(id_ for (id_,) in sql(OLD, "select id from runs"))
        assert len(store.frozen()) == 2


def test_a_copy_that_is_looked_at_takes_nothing_in(old: Path) -> None:
    with closing(Store(old)) as store, pytest.raises(StoreError, match="readonly"):
        store.delete(THEN["ids"])
    assert command("runs", "--out", old, "-t", "diabetes-ternary", "--delete", "--yes").exit_code == 0
    assert {row["task"] for row in rows(old)} == {"iris"}
