"""The store: durable, shared, refusing what it does not know, and readable by others."""

from __future__ import annotations

import gc
import json
import os
import resource
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from bench_help import PATIENCE, environment, python, started

from nogd.bench.claims import born_at
from nogd.bench.columns import CURVE_COLUMNS, RUN_COLUMNS, TRACE_COLUMNS
from nogd.bench.database import FILE
from nogd.bench.record import Record
from nogd.bench.schema import VERSION
from nogd.bench.store import Store
from nogd.bench.tables import load_traces
from nogd.errors import StoreError
from nogd.report.results import load_results


def record(id_: str = "a", *, points: int = 2, **row: object) -> Record:
    base = {
        "id": id_, "learner": "adam", "task": "iris", "repetition": 0, "status": "ok", "hyper": "{}", "budget": "{}",
        "loss": 0.5, "evaluations": 3, "finished": "2026-01-01T00:00:00",
    }  # fmt: skip
    curve = np.arange(points * len(CURVE_COLUMNS), dtype=np.float64).reshape(points, -1)
    trace = np.arange(len(TRACE_COLUMNS), dtype=np.float64)[None]
    return Record(id_, base | row, curve, trace, np.array([1.5, -2.0], dtype=np.float32))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "runs", create=True)
    yield made
    made.close()


@contextmanager
def reopened(store: Store) -> Iterator[Store]:
    store.close()
    with closing(Store(store.folder)) as again:
        yield again


def test_a_run_comes_back_as_it_was(store: Store) -> None:
    kept = record(reason="it was so", repetition=3, forwards=2.5)
    store.add(kept)
    with reopened(store) as again:
        columns, [row] = again.runs()
        curves, traces, theta, none = again.curves(), again.traces(), again.theta("a"), again.theta("b")
    found = dict(zip(columns, row, strict=True))
    assert {name: found[name] for name in kept.row} == kept.row
    assert found["test_loss"] is None
    np.testing.assert_array_equal(curves["a"], kept.curve)
    np.testing.assert_array_equal(traces["a"], kept.trace)
    assert theta is not None
    assert theta.dtype == np.float32
    np.testing.assert_array_equal(theta, kept.theta)
    assert none is None


def test_words_of_a_foreign_store_have_an_end_and_are_only_text(store: Store) -> None:
    store.add(record())
    with closing(sqlite3.connect(store.path)) as other, other:
        wild = "\x1b[31m" + 10**6 * "x" + "the end"
        other.execute("update runs set reason = ?, traceback = ?", (wild, wild))
    [row] = load_results(store.folder).runs.to_dict("records")
    assert (len(row["reason"]), len(row["traceback"])) == (1_000, 16_000)
    for words in (row["reason"], row["traceback"]):
        assert words.startswith("\\x1b[31mxxx")
        assert words.endswith("the end")


def test_what_is_not_finite_becomes_null_and_nan(store: Store) -> None:
    curve = np.full((1, len(CURVE_COLUMNS)), np.nan)
    curve[
        :,
        [
            CURVE_COLUMNS.index(name)
            for name in ("evaluations", "gradients", "examples", "iteration", "phase")
        ],
    ] = 1
    row = record(loss=np.nan, test_loss=np.float64("inf"), metric=-np.inf).row
    store.add(Record("a", row, curve))
    with closing(sqlite3.connect(store.path)) as other:
        assert other.execute("select loss, test_loss, metric, theta from runs").fetchall() == [(None,) * 4]
    results = load_results(store.folder)
    assert results.runs[["loss", "test_loss", "metric"]].isna().all(axis=None)
    assert results.curves["loss"].isna().all()


def test_one_line_of_pandas_reads_it(store: Store) -> None:
    store.add(record())
    with closing(sqlite3.connect(store.path)) as connection:
        table = pd.read_sql("select * from runs", connection)
    assert list(table["learner"]) == ["adam"]
    assert {"id", "task", "status", "loss", "test_metric", "forwards"} <= set(table)


def test_the_schema_says_what_it_is(store: Store) -> None:
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("pragma user_version").fetchone() == (VERSION,)
        assert connection.execute("pragma journal_mode").fetchone() == ("wal",)
        columns = [name for _, name, *_ in connection.execute("pragma table_info(runs)")]
    assert columns == [*RUN_COLUMNS, "curve", "trace", "theta"]


def test_a_later_run_of_a_cell_takes_the_place_of_the_earlier(store: Store) -> None:
    store.add(record(status="error"))
    assert store.endings() == {"a": ("error", "2026-01-01T00:00:00")}
    store.add(record(status="ok", finished="2026-01-02T00:00:00"))
    assert store.endings() == {"a": ("ok", "2026-01-02T00:00:00")}
    assert (store.ending("a"), store.ending("b")) == (("ok", "2026-01-02T00:00:00"), None)


def test_a_finished_run_has_no_checkpoint_and_no_claim(store: Store) -> None:
    store.save_checkpoint("a", b"half-way")
    assert store.checkpoint("a") == b"half-way"
    assert store.claim("a", 60)
    store.add(record())
    assert store.checkpoint("a") is None
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("select count(*) from claims").fetchone() == (0,)


@pytest.mark.parametrize("damage", [b"half-wax", b"half", b"", "half-way", None])
def test_a_checkpoint_that_was_damaged_is_not_gone_on_from(store: Store, damage: object) -> None:
    store.save_checkpoint("a", b"half-way")
    with closing(sqlite3.connect(store.path)) as connection, connection:
        [(kept,)] = connection.execute("select state from checkpoints")
        spoilt = kept[:4] + damage if isinstance(damage, bytes) else damage
        connection.execute("update checkpoints set state = ?", (spoilt,))
    assert store.checkpoint("a") is None
    assert store.begun() == {"a"}


def test_deleting_forgets_everything_about_a_run(store: Store) -> None:
    store.plan([("a", "adam", "iris", 0), ("b", "sgd", "iris", 0)], 1)
    store.add(record("a"))
    store.add(record("b"))
    store.save_checkpoint("a", b"x")
    store.delete(["a", "unknown"])
    assert list(store.endings()) == ["b"]
    assert store.checkpoint("a") is None
    assert [id_ for id_, *_ in store.planned()] == ["b"]


def test_a_run_is_called_by_its_latest_label(store: Store) -> None:
    store.add(record(learner="adam"))
    store.plan([("a", "my favourite", "iris", 0)], 1)
    assert list(load_results(store.folder).runs["learner"]) == ["my favourite"]


def test_of_several_runs_of_one_cell_the_latest_counts_unless_all_are_asked_for(store: Store) -> None:
    store.add(record("new", finished="2026-03-01T00:00:00", version="2"))
    store.add(record("old", finished="2026-01-01T00:00:00", version="1"))
    assert list(load_results(store.folder).runs["id"]) == ["new"]
    assert set(load_results(store.folder).curves["id"]) == {"new"}
    assert set(load_results(store.folder, latest=False).runs["id"]) == {"new", "old"}


def test_the_latest_session_counts_whatever_the_clock_said(store: Store) -> None:
    for session, id_ in enumerate(("first", "second", "first"), start=1):
        store.plan([(id_, "adam", "iris", 0)], session)
    store.add(record("first", finished="2026-01-01T00:00:00", session=1))
    store.add(record("second", finished="2026-03-01T00:00:00", session=2))
    assert list(load_results(store.folder).runs["id"]) == ["first"]
    store.plan([("second", "adam", "iris", 0)], 4)
    store.plan(
        [("second", "adam", "iris", 0)], 2
    )  # two calls at once: the later one has planned before the earlier
    assert list(load_results(store.folder).runs["id"]) == ["second"]


def test_what_was_planned_and_has_no_run_is_counted(store: Store) -> None:
    store.plan([("a", "adam", "iris", 0), ("b", "adam", "iris", 1), ("c", "adam", "iris", 2)], 1)
    store.add(record("a"))
    assert load_results(store.folder).meta["missing"] == 2
    assert load_results(store.folder, ["a", "b"]).meta["missing"] == 1


def test_sessions_are_kept_in_order(store: Store) -> None:
    first = store.begin_session("2026-01-01", {"cores": 2}, {"repetitions": 5})
    second = store.begin_session("2026-01-02", {"cores": 4}, {"repetitions": 6})
    found = store.sessions()
    assert [session["id"] for session in found] == [first, second]
    assert found[1] == {"id": second, "started": "2026-01-02", "cores": 4, "settings": {"repetitions": 6}}


def test_an_empty_store_is_an_empty_table_of_the_same_columns(store: Store) -> None:
    empty = load_results(store.folder)
    store.add(record())
    full = load_results(store.folder)
    assert list(empty.runs) == list(full.runs)
    assert list(empty.curves) == list(full.curves)
    assert (len(empty.runs), len(empty.curves)) == (0, 0)


def test_curves_and_traces_name_their_run(store: Store) -> None:
    store.add(record("a", points=2))
    store.add(record("b", points=3, repetition=1))
    store.add(Record("c", record("c", repetition=2).row, np.empty((0, len(CURVE_COLUMNS)))))
    curves = load_results(store.folder).curves
    assert list(curves["id"]) == ["a", "a", "b", "b", "b"]
    assert list(curves["repetition"]) == [0, 0, 1, 1, 1]
    assert list(curves["loss"][:2]) == [8.0, 22.0]
    assert list(load_traces(store.folder)["id"]) == ["a", "b"]


# Claims


def test_a_claim_keeps_others_away_as_long_as_its_owner_lives(store: Store) -> None:
    program = "import sys, pathlib; from nogd.bench.store import Store\n"
    program += (
        "s = Store(pathlib.Path(sys.argv[1]), create=True); print(s.claim('a', 1e9), flush=True); input()"
    )
    with started("-c", program, store.folder, stdin=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "True\n"
        assert not store.claim("a", 60)
        assert store.claim("b", 60)
        store.release(["a"])  # not this process's to release
        assert not store.claim("a", 60)
        owner.kill()
        owner.wait(PATIENCE)
        assert store.claim("a", 60)


def test_a_claim_ends_with_its_owner_though_nobody_asks_how_that_ended(store: Store) -> None:
    """As in a container without an init: the owner stays listed, as a zombie."""
    with started("-c", "input()", stdin=subprocess.PIPE) as owner:
        process = psutil.Process(owner.pid)
        claim_as(store, socket.gethostname(), owner.pid, born_at(owner.pid), until=time.time() + 1e6)
        assert not store.claim("a", 60)
        owner.kill()
        while process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        assert store.claim("a", 60)


def test_a_process_that_got_the_number_of_a_dead_one_does_not_inherit_its_claim(store: Store) -> None:
    claim_as(store, socket.gethostname(), os.getppid(), born=1.0, until=time.time() + 1e6)
    assert store.claim("a", 60)


def test_a_claim_holds_though_the_clock_is_set(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """When that happens, the moment at which a process was born moves for psutil, which adds it to the boot's."""
    claim_as(store, socket.gethostname(), os.getppid(), born_at(os.getppid()), until=time.time() + 60)
    born, right = psutil.Process.create_time, time.time
    monkeypatch.setattr(psutil.Process, "create_time", lambda process: born(process) + 86_400)
    monkeypatch.setattr(time, "time", lambda: right() + 86_400)
    assert not store.claim("a", 60)


def test_a_claim_from_another_machine_holds_for_its_time(store: Store) -> None:
    claim_as(store, "elsewhere", 1, born=1.0, until=time.time() + 1e6)
    assert not store.claim("a", 60)
    claim_as(store, "elsewhere", 1, born=1.0, until=time.time() - 1)
    assert store.claim("a", 60)


def test_a_claim_is_given_up(store: Store) -> None:
    assert store.claim("a", 60)
    store.release(["a"])
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("select count(*) from claims").fetchone() == (0,)


def claim_as(store: Store, host: str, pid: int, born: float, until: float) -> None:
    with closing(sqlite3.connect(store.path)) as connection, connection:
        connection.execute("insert or replace into claims values ('a', ?, ?, ?, ?)", (host, pid, born, until))


# Several at once, and sudden ends

# Arguments: folder, prefix of ids, number of runs. Prints each id once it is kept. Imports little, to start quickly.
WRITER = """
import sys
from pathlib import Path
import numpy as np
from nogd.bench.columns import CURVE_COLUMNS
from nogd.bench.record import Record
from nogd.bench.store import Store
store = Store(Path(sys.argv[1]), create=True)
curve = np.random.default_rng(0).normal(size=(2, len(CURVE_COLUMNS)))
for k in range(int(sys.argv[3])):
    id_ = f"{sys.argv[2]}-{k}"
    store.plan([(id_, "adam", "iris", k)], 1)
    store.add(Record(id_, {"id": id_, "learner": "adam", "task": "iris", "repetition": k, "status": "ok"}, curve))
    print(id_, flush=True)
"""


@pytest.mark.any_version
def test_many_make_and_fill_one_store_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "runs"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, folder, str(k), "25"], env=environment(), stdout=subprocess.PIPE
        )
        for k in range(4)
    ]
    for writer in writers:
        writer.communicate(timeout=PATIENCE)
    assert [writer.returncode for writer in writers] == [0] * 4
    with closing(Store(folder)) as store:
        assert sorted(store.endings()) == sorted(f"{k}-{n}" for k in range(4) for n in range(25))
        assert len(store.curves()) == 100


@pytest.fixture
def making(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """Another process is in the midst of making the store."""
    with closing(sqlite3.connect(tmp_path / FILE, isolation_level=None)) as other:
        other.execute("begin immediate")
        yield other


def test_who_makes_a_store_waits_for_another_who_does(
    tmp_path: Path, making: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        making.rollback()

    monkeypatch.setattr("nogd.bench.database.time.sleep", wait)
    with closing(Store(tmp_path, create=True)) as store:
        store.add(record())
    assert len(waited) == 1


def test_who_makes_a_store_does_not_wait_for_ever(
    tmp_path: Path, making: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nogd.bench.database._PATIENCE", 0.02)
    with pytest.raises(StoreError, match="is in use by another process"):
        Store(tmp_path, create=True)


def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    with started("-c", WRITER, tmp_path, "x", "100000") as writer:
        assert writer.stdout is not None
        acknowledged = [writer.stdout.readline().strip() for _ in range(20)]
        writer.kill()
        acknowledged += writer.stdout.read().split()
        writer.wait(PATIENCE)
    with closing(Store(tmp_path)) as store:
        assert set(acknowledged) <= set(store.endings())
        assert all(curve.shape == (2, len(CURVE_COLUMNS)) for curve in store.curves().values())


# What a store cannot be


def complaint(folder: Path, *, create: bool = False) -> str:
    with pytest.raises(StoreError) as caught:
        Store(folder, create=create)
    text = str(caught.value)
    assert "\n" not in text
    assert text.endswith(".")
    return text


@pytest.mark.parametrize("create", [True, False])
def test_a_newer_schema_is_refused(store: Store, create: bool) -> None:
    store.close()
    with closing(sqlite3.connect(store.path)) as connection:
        connection.execute(f"pragma user_version = {VERSION + 1}")
    text = complaint(store.folder, create=create)
    assert "newer nogd" in text
    assert str(store.path) in text


def test_a_store_in_the_making_has_no_runs_yet(tmp_path):
    (tmp_path / "runs.sqlite").touch()
    assert "there are no runs in" in complaint(tmp_path, create=False)


@pytest.mark.parametrize("create", [True, False])
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, create: bool) -> None:
    (tmp_path / FILE).write_text("my diary " * 200)
    assert "is not a store of nogd" in complaint(tmp_path, create=create)
    assert (tmp_path / FILE).read_text() == "my diary " * 200


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize("table", ["diary", "runs"])
def test_a_database_of_somebody_else_is_refused_and_left_alone(
    tmp_path: Path, create: bool, table: str
) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as connection, connection:
        connection.execute(f"create table {table} (day text)")
    assert "is not a store of nogd" in complaint(tmp_path, create=create)
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        assert connection.execute("select name from sqlite_master").fetchall() == [(table,)]


def test_where_there_is_nothing_the_error_says_how_to_make_some(tmp_path: Path) -> None:
    assert f"nogd run --out {tmp_path / 'x'}" in complaint(tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        assert "is not a folder" in complaint(folder, create=True)


# Root may write anywhere, by its capabilities: without them it is a user like any other.
POWERLESS = """
import ctypes, os, sys
if os.geteuid() == 0:
    zero = (ctypes.c_uint32 * 6)()
    assert ctypes.CDLL(None).capset((ctypes.c_uint32 * 2)(0x20080522, 0), zero) == 0
"""


@pytest.mark.any_version
def test_a_folder_that_may_not_be_written_can_be_read(store: Store) -> None:
    store.add(record())
    store.close()
    store.folder.chmod(0o555)
    read = "from nogd.report.results import load_results; print(list(load_results(sys.argv[1]).runs['id']))"
    done = python("-c", POWERLESS + read, store.folder)
    assert (done.stdout, done.stderr) == ("['a']\n", "")
    write = "from nogd.cli import main; main(['runs', '--delete', '--yes', '--out', sys.argv[1]])"
    done = python("-c", POWERLESS + write, store.folder)
    store.folder.chmod(0o755)
    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: {store.path} cannot be used")
    assert "check that its folder is writable" in done.stderr
    with closing(Store(store.folder)) as again:
        assert list(again.endings()) == ["a"]


def test_a_folder_that_cannot_be_made_is_said_in_one_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    make = (
        "from pathlib import Path; from nogd.bench.store import Store; Store(Path(sys.argv[1]), create=True)"
    )
    done = python("-c", POWERLESS + make, tmp_path / "runs")
    tmp_path.chmod(0o755)
    last = done.stderr.splitlines()[-1]
    assert (
        last == f"nogd.errors.StoreError: the folder '{tmp_path / 'runs'}' cannot be used: Permission denied."
    )


def test_a_disk_that_takes_no_more_is_said_in_one_sentence_and_costs_nothing_that_was_kept(
    tmp_path: Path,
) -> None:
    program = WRITER.replace(
        "store = ", "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (400_000,) * 2)\nstore = "
    )
    done = python("-c", program, tmp_path, "x", "100000")
    acknowledged = done.stdout.split()
    assert acknowledged
    last = done.stderr.splitlines()[-1]
    assert last.startswith("nogd.errors.StoreError: the system could not read or write")
    assert "(SQLITE_IOERR_WRITE): its disk is full, over a quota or failing." in last
    assert "What was finished before is kept" in last
    with closing(Store(tmp_path)) as store:
        assert set(acknowledged) <= set(store.endings())
        store.add(record("room again"))


def test_the_limit_of_the_test_above_is_what_stops_it(tmp_path: Path) -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    assert soft == resource.RLIM_INFINITY or soft > 400_000
    assert python("-c", WRITER, tmp_path, "x", "3").stdout.split() == ["x-0", "x-1", "x-2"]


def test_hyper_parameters_are_json_in_the_database(store: Store) -> None:
    store.add(record(hyper=json.dumps({"lr": 0.1})))
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("select json_extract(hyper, '$.lr') from runs").fetchone() == (0.1,)


def test_the_copy_of_a_folder_that_cannot_be_written_to_goes_with_the_store(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(record())
    monkeypatch.setattr("nogd.bench.database.os.access", lambda *_: False)  # root may write anywhere
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "copies"))
    (tmp_path / "copies").mkdir()
    with closing(Store(store.folder)) as read:
        assert list((tmp_path / "copies").iterdir()) != []
        assert len(read.runs()[1]) == 1
    assert list((tmp_path / "copies").iterdir()) == []


def test_an_error_on_the_way_leaves_nothing_open(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.add(record())

    def fail(_connection: sqlite3.Connection) -> sqlite3.Connection:
        raise sqlite3.OperationalError("mine")

    monkeypatch.setattr("nogd.bench.database.os.access", lambda *_: False)
    monkeypatch.setattr("nogd.bench.database._read_only", fail)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "copies"))
    (tmp_path / "copies").mkdir()
    with pytest.raises(sqlite3.OperationalError, match="mine"):
        Store(store.folder)
    assert list((tmp_path / "copies").iterdir()) == []
    gc.collect()  # a connection that was left open would be told of here
