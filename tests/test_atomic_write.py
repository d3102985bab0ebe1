"""What takes the place of something older does so when it is whole: files, tables, runs done again."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from bench_help import Watcher, command, rows

from nogd.atomic_write import atomic_write
from nogd.bench.events import Event, Finished
from nogd.bench.experiment import make_experiment
from nogd.bench.run import Summary, execute
from nogd.bench.store import Store
from nogd.errors import StoreError


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_and_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    assert atomic_write(path, "old ü") == path
    path.chmod(0o640)
    atomic_write(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert names(tmp_path) == ["page.html"]


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link.csv").symlink_to(tmp_path / "elsewhere" / "table.csv")
    atomic_write(tmp_path / "link.csv", "1")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "elsewhere" / "table.csv").read_text() == "1"


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("old")
    with pytest.raises(StoreError, match=r"table\.csv cannot be written: No space left on device\."):
        atomic_write(tmp_path / "table.csv", "new")
    assert (tmp_path / "table.csv").read_text() == "old"
    assert names(tmp_path) == ["table.csv"]


def test_what_a_killed_writer_left_goes_and_what_another_is_writing_stays(tmp_path: Path) -> None:
    for name in (".a.csv.0.part", ".a.csv.1.part", ".b.csv.0.part"):
        (tmp_path / name).write_text("half")
        if "0" in name:
            os.utime(tmp_path / name, (1e9, 1e9))
    atomic_write(tmp_path / "a.csv", "")
    assert names(tmp_path) == [".a.csv.1.part", ".b.csv.0.part", "a.csv"]


# Runs done again


class Impatient(Watcher):
    """Ctrl-C as soon as some cells are done."""

    def __init__(self, cells: int) -> None:
        super().__init__()
        self.left = cells

    def tell(self, event: Event) -> None:
        super().tell(event)
        self.left -= isinstance(event, Finished)
        if not self.left:
            raise KeyboardInterrupt


def run(folder: Path, progress: Watcher, **settings: Any) -> Summary:
    made = make_experiment(None, learners=["adam"], tasks=["iris"], repetitions=4, budget=5)
    return execute(made, folder, jobs=0, progress=progress, **settings)


def sessions(folder: Path) -> list[int]:
    return [row["session"] for row in sorted(rows(folder), key=lambda row: int(row["repetition"]))]


def test_a_fresh_run_takes_the_old_ones_place_when_it_is_there(tmp_path: Path) -> None:
    run(tmp_path, Watcher(), fresh=False)
    assert sessions(tmp_path) == [1] * 4
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, Impatient(2), fresh=True)
    assert sessions(tmp_path) == [2, 2, 1, 1]
    assert run(tmp_path, Watcher(), fresh=False).ran == 2  # the same command without --fresh
    assert sessions(tmp_path) == [2, 2, 3, 3]
    assert run(tmp_path, Watcher(), fresh=False).ran == 0


def test_a_fresh_run_does_not_go_on_from_an_old_checkpoint(tmp_path: Path) -> None:
    summary = run(tmp_path, Watcher(), fresh=False)
    with closing(Store(tmp_path)) as store:
        store.save_checkpoint(summary.planned[0], b"half-way")
        store.ask_again(summary.planned)
        assert store.checkpoint(summary.planned[0]) is None
        assert store.begun() == set(summary.planned)


def test_export_leaves_the_old_tables_where_the_disk_is_full(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    run(tmp_path, Watcher(), fresh=False)
    for kind in ("csv", "parquet"):
        assert command("export", "--out", tmp_path, "--format", kind).exit_code == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "export").iterdir()}
    assert len(before) == 8
    request.getfixturevalue("full_disk")
    for kind in ("csv", "parquet"):
        done = command("export", "--out", tmp_path, "--format", kind)
        assert done.exit_code == 2
        assert "cannot be written: No space left on device." in done.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "export").iterdir()} == before
