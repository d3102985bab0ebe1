"""The script of experiments/validation, at a small size, so that it goes on working."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

sys.path.append(str(Path(__file__).parents[3] / "experiments" / "validation"))
import baselines
import bbob
import peers
import running_times
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


def test_targets_of_bbob_are_noted_by_the_generation():
    watched = bbob.Watched(lambda point: float(point.sum()), floor=2.0)
    assert watched(torch.tensor([[13.0], [30.0]])).tolist() == [11.0, 28.0]
    assert watched(torch.tensor([[2.5], [9.0], [8.0]])).tolist() == [0.5, 7.0, 6.0]
    watched(torch.tensor([[2.0]]))
    assert watched.count == 6
    assert watched.reached == {10.0: 5, 1.0: 5, 0.1: 6, 0.001: 6, 1e-8: 6}


def bbob_runs(ours, theirs):
    """Runs of one function that reach the target 10 after so many evaluations, or have spent 100 in vain."""
    return pd.DataFrame(
        [
            {"algorithm": name, "function": 1, "evaluations": 100}
            | {f"{target:g}": reached if target == 10 else None for target in running_times.TARGETS}
            for name, all_reached in (("cma-es", ours), ("pycma", theirs))
            for reached in all_reached
        ]
    )


def test_failed_runs_count_in_an_expected_running_time():
    times = running_times.expected(bbob_runs([10] * 5 + [None], [20] * 6))
    ten = times[times["target"] == 10].iloc[0]
    assert (ten["reached cma-es"], ten["time cma-es"], ten["time pycma"]) == (5, 30.0, 20.0)
    assert ten["ratio"] == 1.5
    assert list(running_times.certain(times)["target"]) == [10]
    assert list(running_times.overall(times)["functions"]) == [1, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("reached", [[10] * 4, [10] * 5 + [None] * 6], ids=["too few", "less than half"])
def test_a_ratio_that_chance_decides_does_not_count(reached):
    times = running_times.expected(bbob_runs(reached, [20] * len(reached)))
    assert not len(running_times.certain(times))


def test_learners_are_compared_with_polysteps_baselines():
    """With nogd's own in their place, as the package is not installed here."""
    table = baselines.measured(baselines.PAIRS[:1], 2, other=baselines.ours)
    found = baselines.compared(table)
    assert found[["nogd", "polystep"]].to_numpy().tolist() == [[2, 2]]
    assert found["ratio"].tolist() == [1.0]
