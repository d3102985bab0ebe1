"""The script of experiments/validation, at a small size, so that it goes on working."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[3] / "experiments" / "validation"))
import peers
import validate


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """With SNES in place of a package that is not installed here, beside itself."""
    monkeypatch.setitem(peers.ALGORITHMS, "evotorch SNES", peers.ALGORITHMS["snes"])
    return tmp_path


def run(folder, monkeypatch, *options):
    arguments = ["--dimensions", "2", "--only", "snes", "evotorch SNES", "--out", str(folder), *options]
    monkeypatch.setattr(sys, "argv", ["validate.py", *arguments])
    validate.main()
    with (folder / "runs.csv").open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_runs_are_made_once_counted_and_compared(folder, monkeypatch, capsys):
    rows = run(folder, monkeypatch, "--seeds", "2", "--functions", "sphere", "rotated ellipsoid")
    assert [row["solved"] for row in rows if row["function"] == "sphere"] == ["1"] * 4
    assert {row["evaluations"] for row in rows if row["function"] == "rotated ellipsoid"} == {"6000"}
    assert "snes" in capsys.readouterr().out
    again = run(folder, monkeypatch, "--seeds", "3", "--functions", "sphere")
    assert again[: len(rows)] == rows
    assert len(again) == len(rows) + 2
    with (folder / "pairs.csv").open(encoding="utf-8") as stream:
        sphere, turned = csv.DictReader(stream)
    assert (sphere["solved"], sphere["ratio"]) == ("3 of 3", "1.0")
    assert (turned["solved"], turned["ratio"]) == ("0 of 2", "")
    assert (folder / "pairs.svg").stat().st_size > 1_000


def test_what_fails_each_time_is_not_asked_again(folder, monkeypatch):
    monkeypatch.setattr(validate, "FAILURES", 1)
    rows = run(folder, monkeypatch, "--seeds", "3", "--functions", "rotated ellipsoid", "--only", "snes")
    assert len(rows) == 1


def test_the_packages_losses_are_counted_by_the_generation():
    def generations(score, start, seed):
        for _ in range(3):
            yield score([start, 0 * start])

    search = peers.peer(generations)
    assert search(validate.landscape_of("sphere", 2), (1.0, 1.0), 100, 0) == (True, 2)
    assert search(validate.landscape_of("rosenbrock", 2), (0.0, 0.0), 4, 0) == (False, 4)
