"""A store on a network drive, where SQLite's log ahead does not work: told by the table of mounts."""

from __future__ import annotations

import sqlite3
import warnings
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from bench_help import command

from nogd.bench import file_system
from nogd.bench.columns import CURVE_COLUMNS
from nogd.bench.file_system import network_drive
from nogd.bench.record import Record
from nogd.bench.store import Store
from nogd.errors import NogdWarning

EMPTY = np.zeros((0, len(CURVE_COLUMNS)))


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The table of mounts: a file to be written."""
    monkeypatch.setattr(file_system, "_MOUNTS", tmp_path / "mounts")
    return tmp_path / "mounts"


def mode(folder: Path) -> str:
    with closing(sqlite3.connect(folder / "runs.sqlite")) as connection:
        return str(connection.execute("pragma journal_mode").fetchone()[0])


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["/dev/sda / ext4 rw 0 0", "server:/home {folder} nfs4 rw 0 0"], "nfs4"),
        (["/dev/sda / ext4 rw 0 0", "server:/home {parent} fuse.sshfs rw 0 0"], "fuse.sshfs"),
        (["server:/home {parent} nfs rw 0 0", "/dev/sda {folder} xfs rw 0 0"], None),
        (["server:/home {folder} nfs rw 0 0", "/dev/sda {folder} xfs rw 0 0"], None),
        (["/dev/sda {folder} xfs rw 0 0", "server:/home {folder} lustre rw 0 0"], "lustre"),
        (["server:/home {folder}er nfs rw 0 0", "/dev/sda / ext4 rw 0 0"], None),
        (["server:/other /elsewhere nfs rw 0 0"], None),
        (["", "nonsense", "a b"], None),
    ],
)
def test_the_innermost_mount_says_what_a_folder_lies_on(
    table: Path, tmp_path: Path, lines: list[str], expected: str | None
) -> None:
    folder = tmp_path / "on a drive"
    folder.mkdir()
    names = {"folder": str(folder).replace(" ", "\\040"), "parent": str(tmp_path)}
    table.write_text("".join(f"{line.format(**names)}\n" for line in lines))
    assert network_drive(folder) == expected


def test_without_a_table_nothing_is_a_network_drive(table: Path, tmp_path: Path) -> None:
    assert network_drive(tmp_path) is None


def test_a_store_on_a_network_drive_has_a_rollback_journal_and_says_so(table: Path, tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    table.write_text(f"server:/home {tmp_path} nfs4 rw 0 0\n")
    with pytest.warns(NogdWarning, match="lies on a network drive .nfs4.*one machine at a time"):
        first = Store(folder, create=True)
    with pytest.warns(NogdWarning):
        second = Store(folder, create=True)
    with closing(first), closing(second):
        for name, store in (("a", first), ("b", second)):
            store.add(Record(name, {"id": name, "learner": "adam", "task": "iris", "status": "ok"}, EMPTY))
        assert first.claim("c", 60)
        first.save_checkpoint("c", b"half-way")
        assert second.checkpoint("c") == b"half-way"
    assert mode(folder) == "delete"
    assert [file.name for file in folder.iterdir()] == ["runs.sqlite"]


def test_a_store_that_is_moved_between_disk_and_network_drive_changes_its_journal(
    table: Path, tmp_path: Path
) -> None:
    for kind, expected in (("ext4", "wal"), ("cifs", "delete"), ("ext4", "wal")):
        table.write_text(f"server:/home {tmp_path} {kind} rw 0 0\n")
        with warnings.catch_warnings(action="ignore"):
            Store(tmp_path / "runs", create=True).close()
        assert mode(tmp_path / "runs") == expected


def test_reading_from_a_network_drive_warns_of_nothing(table: Path, tmp_path: Path) -> None:
    Store(tmp_path, create=True).close()
    table.write_text(f"server:/home {tmp_path} nfs4 rw 0 0\n")
    listed = command("runs", "--out", tmp_path)
    assert listed.exit_code == 0
    assert "network" not in listed.stderr
