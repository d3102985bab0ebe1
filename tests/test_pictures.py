"""What runs leave for pictures: portraits, paths; never a change of what is measured, nor a lost run."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from bench_help import HERE, Watcher, deeds, rows
from torch import nn

from nogd.bench.database import FILE
from nogd.bench.decision_grid import PLACES
from nogd.bench.experiment import make_experiment
from nogd.bench.record import Record
from nogd.bench.run import execute
from nogd.bench.schema import VERSION
from nogd.bench.store import Store
from nogd.bench.trajectory import LONGEST, MOST_NUMBERS, Trajectory
from nogd.problem.task import Dataset, SupervisedTask
from nogd.report.results import load_results
from nogd.tasks.networks import stack

Shown = dict[str, dict[str, np.ndarray]]


def run(folder: Path, **changes: object) -> None:
    execute(make_experiment(None, **changes), folder, jobs=0, fresh=False, progress=Watcher())


def kept(folder: Path, kind: str) -> Shown:
    with closing(Store(folder)) as store:
        return store.pictures(kind)


class _Corners(Dataset):
    """Three corners of a square, each a class."""

    name: ClassVar[str] = "corners"

    def load(self) -> tuple[torch.Tensor, torch.Tensor]:
        classes = torch.arange(90) % 3
        return torch.stack([classes == 1, classes == 2], dim=1).float() + torch.arange(90)[
            :, None
        ] / 1e3, classes


class Corners(SupervisedTask):
    """Which corner."""

    name: ClassVar[str] = "corners"
    dataset: ClassVar[type[Dataset]] = _Corners
    loss: ClassVar[str] = "cross-entropy"
    metric: ClassVar[str] = "accuracy"

    def network(self) -> nn.Module:
        return stack(2, 3)


class _Picky(nn.Module):
    """Works on the task's own inputs alone."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 3)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if len(inputs) == PLACES**2:
            raise RuntimeError("so many rows I cannot do")
        return self.linear(inputs)


class PickyCorners(Corners):
    """Which corner, by a network that dislikes grids."""

    name: ClassVar[str] = "picky-corners"

    def network(self) -> nn.Module:
        return _Picky()


def test_thetas_and_portraits_change_no_bit_of_a_run_and_not_its_id(tmp_path: Path) -> None:
    asked = {
        "learners": ["adam", "grid-search+adam"],
        "tasks": ["two-spirals"],
        "repetitions": 2,
        "budget": 60,
    }
    run(tmp_path / "with", **asked)
    run(tmp_path / "without", **asked, keep_thetas=False)
    assert deeds(tmp_path / "with") == deeds(tmp_path / "without")
    assert len(kept(tmp_path / "with", "path")) == 4
    assert kept(tmp_path / "without", "path") == {}


def test_a_path_begins_at_the_start_and_ends_at_the_solution(tmp_path: Path) -> None:
    run(tmp_path, learners=["adam"], tasks=["iris"], repetitions=1, budget=200)
    [row] = rows(tmp_path)
    path = kept(tmp_path, "path")[row["id"]]
    with closing(Store(tmp_path)) as store:
        np.testing.assert_array_equal(path["thetas"][-1], store.theta(row["id"]))
    assert len(path["thetas"]) == len(path["forwards"]) == len(path["losses"]) <= LONGEST
    assert (path["losses"][0], path["losses"][-1]) == (row["start_loss"], row["loss"])
    assert (np.diff(path["forwards"]) > 0).all()
    assert path["forwards"][0] == 0


def test_a_long_path_is_thinned_and_keeps_both_ends_and_what_stands_still_is_told_once() -> None:
    cost = iter(range(10_000))
    path = Trajectory(lambda theta: {"loss": float(theta)}, lambda: float(next(cost)))
    for place in range(1_000):
        path(torch.tensor(float(place)))
    path(torch.tensor(999.0))
    arrays = path.arrays()
    assert arrays["losses"].shape == (LONGEST,)
    assert (arrays["losses"][0], arrays["losses"][-1]) == (0, 999)
    again = Trajectory(lambda theta: {"loss": float(theta)}, lambda: 0.0)
    again.restore(path.save())
    for name, array in again.arrays().items():
        np.testing.assert_array_equal(array, arrays[name])


def test_no_path_of_a_large_network(tmp_path: Path) -> None:
    run(tmp_path, learners=["adam"], tasks=["digits"], repetitions=1, budget=3)
    assert LONGEST * 2_410 > MOST_NUMBERS
    assert kept(tmp_path, "path") == {}


@pytest.mark.parametrize("task", ["two-spirals", Corners])
def test_any_classification_in_the_plane_has_portraits(tmp_path: Path, task: object) -> None:
    run(tmp_path, learners=["adam,lr=0.1"], tasks=[task], repetitions=1, budget=100)
    [row] = rows(tmp_path)
    portrait, points = kept(tmp_path, "portrait")[row["id"]], kept(tmp_path, "points")[row["task"]]
    shares, (left, right, low, high) = portrait["shares"], portrait["box"]
    assert shares.shape == (1 if task == "two-spirals" else 3, PLACES, PLACES)
    assert shares.dtype == np.uint8
    x, y = points["inputs"].T
    assert left < x.min() < x.max() < right
    assert low < y.min() < y.max() < high
    column, line = (
        ((x - left) / (right - left) * PLACES).astype(int),
        ((y - low) / (high - low) * PLACES).astype(int),
    )
    said = shares[:, line, column]
    classes = said.argmax(axis=0) if len(said) > 1 else said[0] > 127
    assert abs((classes == points["classes"]).mean() - row["metric"]) < 0.1  # rows go up, columns right


def test_a_module_that_cannot_be_asked_for_a_grid_loses_its_portrait_and_nothing_else(tmp_path: Path) -> None:
    run(tmp_path, learners=["adam"], tasks=[PickyCorners], repetitions=1, budget=5)
    assert [row["status"] for row in rows(tmp_path)] == ["budget"]
    assert kept(tmp_path, "portrait") == {}


def test_no_portraits_where_the_inputs_are_more_than_two(tmp_path: Path) -> None:
    run(tmp_path, learners=["adam"], tasks=["iris"], repetitions=1, budget=5)
    assert kept(tmp_path, "portrait") == kept(tmp_path, "points") == {}


def test_pictures_go_with_their_run(tmp_path: Path) -> None:
    arrays = {"thetas": np.ones((2, 3), dtype=np.float32)}
    row = {"learner": "adam", "task": "iris", "repetition": 0, "status": "ok"}
    curve = np.empty((0, 14))
    with closing(Store(tmp_path, create=True)) as store:
        store.add(Record("a", row | {"id": "a"}, curve, pictures={"path": arrays, "points": arrays}))
        assert list(store.pictures("path")) == ["a"]
        np.testing.assert_array_equal(store.pictures("path")["a"]["thetas"], arrays["thetas"])
        store.add(Record("a", row | {"id": "a"}, curve))
        assert store.pictures("path") == {}
        store.add(Record("a", row | {"id": "a"}, curve, pictures={"path": arrays}))
        store.delete(["a"])
        assert store.pictures("path") == {}
        assert list(store.pictures("points")) == ["iris"]


def old_store(folder: Path) -> list[str]:
    """A store as it was before there were pictures; the ids of the runs that count in it."""
    shutil.copy(HERE / "data" / "store-0.1.0" / FILE, folder)
    with closing(sqlite3.connect(folder / FILE)) as connection, connection:
        connection.execute("drop table pictures")
        connection.execute("pragma user_version = 1")
    return json.loads((HERE / "data" / "store-0.1.0" / "comparison.json").read_text())["ids"]


def test_an_older_store_is_read_as_it_is_and_grows_when_it_is_written(tmp_path: Path) -> None:
    ids = old_store(tmp_path)
    assert sorted(load_results(tmp_path).runs["id"]) == ids
    with closing(Store(tmp_path)) as store:
        assert store.pictures("path") == {}
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        assert connection.execute("pragma user_version").fetchone() == (1,)
    with closing(Store(tmp_path, create=True)) as store:
        store.add_picture("plane", "iris", {"losses": np.zeros(1)})
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        assert connection.execute("pragma user_version").fetchone() == (VERSION,)
    assert sorted(load_results(tmp_path).runs["id"]) == ids
    assert list(kept(tmp_path, "plane")) == ["iris"]
