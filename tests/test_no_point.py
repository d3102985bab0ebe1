"""Runs that ended before their first point: every command that reads or repeats runs takes them."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from textwrap import dedent

import pytest
from bench_help import command, rows

from nogd.bench.inline import InlineExecutor
from nogd.bench.store import Store

pytestmark = pytest.mark.any_version

PLUGIN = '''
    from typing import ClassVar

    from torch import nn

    from nogd import Dataset, SupervisedTask, hookimpl


    class Gone(Dataset):
        """A file that is not there any more."""

        name: ClassVar[str] = "gone"

        def load(self):
            raise RuntimeError("the file is gone")


    class GoneTask(SupervisedTask):
        """A task without data."""

        name: ClassVar[str] = "gone-task"
        dataset: ClassVar[type[Dataset]] = Gone
        loss: ClassVar[str] = "mse"
        metric: ClassVar[str] = "r2"
        budget: ClassVar[float] = 10

        def network(self):
            return nn.Linear(1, 1)


    @hookimpl
    def nogd_tasks():
        return [GoneTask]
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run that failed before its first point, and one on breast-cancer-sign that is not applicable."""
    out = tmp_path_factory.mktemp("gone")
    (out / "gone_task.py").write_text(dedent(PLUGIN))
    plugin = ("--plugin", out / "gone_task.py")
    done = command(
        *("run", *plugin, "-l", "adam", "-t", "gone-task", "-t", "breast-cancer-sign", "--repetitions", 1),
        *("--jobs", 0, "--out", out),
    )
    assert done.exit_code == 1, done.output
    with closing(Store(out)) as store:
        assert all(len(curve) == 0 for curve in store.curves().values())
    return out


@pytest.fixture
def _repeated_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process: no worker needs to start."""
    monkeypatch.setattr("nogd.bench.rerun.LocalExecutor", InlineExecutor)


def of(folder: Path, status: str) -> str:
    [id_] = [row["id"] for row in rows(folder) if row["status"] == status]
    return str(id_)


def test_it_is_listed_with_nothing_where_nothing_is_known(folder: Path) -> None:
    listed = command("runs", "--out", folder)
    assert (listed.exit_code, listed.stderr) == (0, "")
    [line] = [line for line in listed.stdout.splitlines() if "error" in line]
    assert line.split()[-5:] == ["error", "-", "-", "-", "-"]
    [found] = [
        row
        for row in json.loads(command("runs", "--json", "--out", folder).stdout)
        if row["status"] == "error"
    ]
    assert found["loss"] is None
    assert found["reason"] == "RuntimeError: the file is gone"


@pytest.mark.parametrize(
    "words", [("report", "--format", "md"), ("report", "--format", "csv"), ("export", "--format", "parquet")]
)
def test_it_is_reported_and_exported(folder: Path, words: tuple[str, ...]) -> None:
    where = ("--out", folder) if words[0] == "export" else (folder,)
    done = command(*words, *where)
    assert (done.exit_code, done.stderr) == (0, "")


def test_it_is_compared_with_another(folder: Path, tmp_path: Path) -> None:
    with closing(Store(tmp_path, create=True)):
        pass
    for pair in ((folder, tmp_path), (tmp_path, folder)):
        done = command("report", *pair, "--format", "md")
        assert (done.exit_code, done.stderr) == (0, "")


@pytest.mark.usefixtures("_repeated_here")
def test_it_is_repeated(folder: Path) -> None:
    done = command("rerun", of(folder, "error"), "--out", folder, "--plugin", folder / "gone_task.py")
    assert (done.exit_code, done.stderr) == (1, "")
    assert done.stdout == "adam on gone-task, repetition 0: error: RuntimeError: the file is gone\n"


@pytest.mark.usefixtures("_repeated_here")
def test_one_that_is_not_applicable_is_repeated(folder: Path) -> None:
    done = command("rerun", of(folder, "not-applicable"), "--out", folder)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "adam on breast-cancer-sign, repetition 0: not-applicable: the same curve" in done.stdout
