"""A store that is damaged, strange or gone: what is wrong is named, and the rest is shown."""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
import warnings
import zlib
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from bench_help import Watcher, command

from nogd.bench.columns import CURVE_COLUMNS
from nogd.bench.database import FILE
from nogd.bench.events import Event, Finished
from nogd.bench.experiment import make_experiment
from nogd.bench.inline import InlineExecutor
from nogd.bench.packing import Damaged, loaded, packed, unpacked
from nogd.bench.run import Summary, execute
from nogd.bench.sqlite_errors import sentence
from nogd.bench.store import Store
from nogd.errors import NogdWarning, StoreError
from nogd.report.results import load_results


def run(folder: Path, progress: Watcher | None = None) -> Summary:
    asked = {"learners": ["adam", "random-search"], "tasks": ["iris"], "repetitions": 2, "budget": 20}
    return execute(make_experiment(asked), folder, jobs=0, fresh=False, progress=progress or Watcher())


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    run(folder)
    return folder


@pytest.fixture
def folder(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "runs"))


def spoil(folder: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(folder / FILE)) as connection, connection:
        assert connection.execute(statement, values).rowcount


def ids(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / FILE)) as connection:
        return [id_ for (id_,) in connection.execute("select id from runs order by id")]


def bomb() -> bytes:
    """1 GiB of zeros in a megabyte: a block that stands for itself, again and again."""
    packer, zeros = zlib.compressobj(), bytes(2**20)
    first, again = (packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + again * 1023


def pickled() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{}], dtype=object), allow_pickle=True)
    return zlib.compress(buffer.getvalue())


def promising() -> bytes:
    """A header that promises an exabyte."""
    buffer = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**9)}
    np.lib.format.write_array_header_1_0(buffer, header)
    return zlib.compress(buffer.getvalue())


GAPS = np.full((1, len(CURVE_COLUMNS)), np.nan)
# Of one run: a column, what is in it, and what is said of the run.
SPOILT: Mapping[str, tuple[str, object, str]] = {
    "text for a number": ("loss", "abc", "its loss is 'abc'"),
    "no name": ("learner", None, "its learner is missing"),
    "a blob for a name": ("task", b"\x00", "its task is b'\\x00'"),
    "another status": ("status", "wonderful", "its status is 'wonderful'"),
    "half a number": ("repetition", 1.5, "its repetition is 1.5"),
    "settings cut short": ("hyper", '{"lr', "its hyper is no JSON object: '{\"lr'"),
    "settings of another kind": ("budget", "[]", "its budget is no JSON object: '[]'"),
    "settings too deep": ("budget", "[" * 100_000, "its budget is no JSON object: '["),
    "no zlib": ("curve", b"abc", "its curve is no zlib data"),
    "text for a curve": ("curve", "abc", "its curve is no compressed array"),
    "cut short": ("curve", packed(np.zeros((9, 9)))[:-5], "its curve is cut short"),
    "no array": ("trace", zlib.compress(b"abc"), "its trace is no array"),
    "too few columns": (
        "trace",
        packed(np.zeros((2, 3))),
        "its trace is float64 of shape [2, 3], not numbers in 5 columns",
    ),
    "gaps": (
        "curve",
        packed(GAPS),
        "its curve has gaps in evaluations, gradients, examples, iteration, phase",
    ),
    "a bomb": ("curve", bomb(), "its curve has more than 512 MiB"),
    "a pickle": ("curve", pickled(), "its curve holds Python objects, which are code"),
    "a promise": ("curve", promising(), "its curve has not as many numbers as it says"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_bad_row_is_named_and_the_rest_is_read(folder: Path, case: str) -> None:
    column, value, said = SPOILT[case]
    bad, *good = ids(folder)
    spoil(folder, f"update runs set {column} = ? where id = ?", value, bad)
    with pytest.warns(NogdWarning) as caught:
        results = load_results(folder)
    [text] = [str(warning.message) for warning in caught]
    assert text.startswith(f"{folder / FILE} holds what cannot be read and is left out: run '{bad}' ({said}")
    assert text.endswith(
        "the same 'nogd run' makes such runs anew, 'nogd runs --id ID --delete' deletes them."
    )
    assert len(text) < 400 + len(str(folder))
    assert sorted(results.runs["id"]) == good
    assert set(results.curves["id"]) == set(good)
    assert list(results.meta["damaged"]) == [bad]
    assert results.meta["missing"] == 1


def test_the_same_run_makes_it_anew(folder: Path) -> None:
    for id_, case in zip(ids(folder), ("text for a number", "no zlib"), strict=False):
        column, value, _ = SPOILT[case]
        spoil(folder, f"update runs set {column} = ? where id = ?", value, id_)
    assert run(folder).ran == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(load_results(folder).runs) == 4


def test_a_bad_row_can_be_deleted_by_its_id(folder: Path) -> None:
    bad, *good = ids(folder)
    spoil(folder, "update runs set loss = 'abc' where id = ?", bad)
    done = command("runs", "--out", folder, "--id", bad, "--delete", "--yes")
    assert done.exit_code == 0
    assert done.stderr.endswith("Deleted 1 runs.\n")
    assert ids(folder) == good


STRANGE = {
    "sessions": (
        "update sessions set environment = 'none'",
        "session 1 (its environment is no JSON object: 'none')",
    ),
    "settings": ("update sessions set settings = '[]'", "session 1 (its settings is no JSON object: '[]')"),
    "cells": ("update cells set learner = null where repetition = 0", "cells (2 have no name or number)"),
    "frozen": (
        "update frozen set entry = '{'",
        "what is frozen for 'iris' (its entry is no JSON object: '{')",
    ),
    "targets": (
        """update frozen set entry = '{"targets": [3]}'""",
        "what is frozen for 'iris' (its targets are none)",
    ),
    "pictures": (
        "update pictures set arrays = x'00' where kind = 'plane'",
        "the plane of 'iris' (is no archive of arrays)",
    ),
}


@pytest.mark.parametrize("case", STRANGE)
def test_what_else_cannot_be_read_is_named_too(folder: Path, case: str) -> None:
    statement, said = STRANGE[case]
    spoil(folder, statement)
    with pytest.warns(NogdWarning) as caught:
        results = load_results(folder)
    [text] = [str(warning.message) for warning in caught]
    assert text == f"{folder / FILE} holds what cannot be read and is left out: {said}."
    assert len(results.runs) == 4


def test_pictures_are_read_without_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nogd.bench.packing.MOST", 2**20)

    def archive(**arrays: object) -> bytes:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
        return buffer.getvalue()

    assert loaded(archive(a=np.arange(3)))["a"].tolist() == [0, 1, 2]
    for blob, said in (
        (archive(a=np.array([{}], dtype=object)), "holds Python objects"),
        (archive(a=np.zeros(2**18)), "has more than 1 MiB"),
        (b"PK", "is no archive"),
        (None, "is no archive"),
    ):
        with pytest.raises(Damaged, match=said):
            loaded(blob)
    with pytest.raises(Damaged, match="has more than 1 MiB"):
        unpacked(packed(np.zeros(2**18)), 2**20)


@pytest.mark.any_version
def test_every_command_says_it_once_and_shows_the_rest(
    folder: Path, sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nogd.bench.rerun.LocalExecutor", InlineExecutor)  # no worker needs to start
    bad, strange, *_, good = ids(folder)
    spoil(folder, "update runs set loss = 'abc' where id = ?", bad)
    spoil(folder, "update sessions set environment = '[', settings = 'null'")
    name = "\x1b[31mred\x07\u202e" + "x" * 5_000
    for table in ("runs", "cells"):
        spoil(folder, f"update {table} set learner = ? where id = ?", name, strange)
    spoil(folder, "update runs set reason = cast(x'ff1b5b' as text) where id = ?", strange)
    said = (
        f"Warning: {folder / FILE} holds what cannot be read and is left out: run '{bad}' (its loss is 'abc')"
    )
    for words in (
        ("runs", "--out", folder),
        ("runs", "--json", "--out", folder),
        ("export", "--out", folder),
        ("report", folder),
        ("report", folder, "--format", "md"),
        ("report", sound, folder, "--format", "md"),
        ("rerun", good, "--out", folder),
    ):
        done = command(*words)
        assert done.exit_code == 0, (words, done.output, done.exception)
        assert done.stderr.count(said) == 1, words
        assert done.stderr.count("\n") == 1, words
        for sign in "\x1b\x07\u202e":
            assert sign not in done.output, words
    listed = command("runs", "--out", folder).stdout
    assert bad not in listed
    assert good in listed
    assert json.loads(command("runs", "--json", "--out", folder, "--id", good).stdout)[0]["id"] == good
    for file in ("report.html", "report.md", "export/runs.csv"):
        text = (folder / file).read_text(encoding="utf-8")
        assert "\x1b" not in text
        assert "random-search" in text


# The file itself


def error(code: int, name: str) -> sqlite3.Error:
    made = sqlite3.OperationalError("in SQLite's words")
    made.sqlite_errorcode, made.sqlite_errorname = code, name
    return made


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (sqlite3.SQLITE_FULL, "no space left for a/b. What was finished before is kept; make room"),
        (
            sqlite3.SQLITE_IOERR_FSYNC,
            "could not read or write a/b (NAME): its disk is full, over a quota or failing.",
        ),
        (sqlite3.SQLITE_CORRUPT_INDEX, "a/b is damaged (in SQLite's words): put a copy of it back"),
        (sqlite3.SQLITE_NOTADB, "a/b is not a store of nogd (in SQLite's words)"),
        (
            sqlite3.SQLITE_READONLY_DIRECTORY,
            "a/b cannot be used: in SQLite's words; check that its folder is writable",
        ),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "a/b is in use by another process"),
        (sqlite3.SQLITE_PROTOCOL, "a/b cannot be locked (in SQLite's words), as on some network drives"),
        (sqlite3.SQLITE_NOMEM, "not enough memory to read a/b"),
        (sqlite3.SQLITE_TOOBIG, "a/b cannot be used: in SQLite's words (NAME)."),
    ],
)
def test_each_error_is_told_as_what_it_is(code: int, said: str) -> None:
    told = sentence("a/b", error(code, "NAME"))
    assert told is not None
    assert said in told
    assert ("writable" in told) == (code & 0xFF == sqlite3.SQLITE_READONLY)
    assert ("no space" in told) == (code == sqlite3.SQLITE_FULL)


def test_an_error_of_pythons_module_is_no_fault_of_the_file() -> None:
    assert sentence("a/b", sqlite3.ProgrammingError("Cannot operate on a closed database.")) is None


@pytest.mark.parametrize(
    "words", [("runs",), ("export",), ("run", "-l", "adam", "-t", "iris", "--jobs", "0")]
)
def test_a_damaged_file_is_called_one(folder: Path, words: tuple[str, ...]) -> None:
    with (folder / FILE).open("r+b") as file:
        file.seek(100)
        file.write(b"\xaa" * 60_000)
    done = command(*words, "--out", folder)
    assert done.exit_code == 2
    assert done.stderr.startswith(
        f"Error: {folder / FILE} is damaged (database disk image is malformed): put a copy"
    )
    assert done.stderr.count("\n") == 1


def test_a_full_disk_is_called_one(folder: Path) -> None:
    with closing(Store(folder, create=True)) as store:
        store._connection.execute("pragma max_page_count = 1")  # as if there were no room for more
        with pytest.raises(StoreError, match="no space left for"):
            store.save_checkpoint("a", bytes(10**6))
        assert len(store.endings()) == 4


# A folder that goes away


class Hostile(Watcher):
    """Does something to the folder as soon as a cell is done."""

    def __init__(self, deed: Callable[[], object]) -> None:
        super().__init__()
        self.deed = deed

    def tell(self, event: Event) -> None:
        super().tell(event)
        if isinstance(event, Finished) and len(self.of(Finished)) == 1:
            self.deed()


def replaced(folder: Path) -> None:
    shutil.rmtree(folder)
    Store(folder, create=True).close()


@pytest.mark.parametrize(
    "deed",
    [shutil.rmtree, replaced, lambda folder: folder.rename(folder.with_name("moved"))],
    ids=["deleted", "replaced", "moved"],
)
def test_a_folder_that_goes_away_is_noticed_at_the_next_write(
    folder: Path, deed: Callable[[Path], object]
) -> None:
    with closing(Store(folder, create=True)) as store:
        store.delete(ids(folder))
    watcher = Hostile(lambda: deed(folder))
    with pytest.raises(StoreError, match="was deleted, moved or replaced while it was in use"):
        run(folder, watcher)
    assert len(watcher.of(Finished)) == 1
