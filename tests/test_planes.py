"""Planes through the paths of runs: principal directions, the loss on them, and the picture."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from bench_help import Watcher, rows
from matplotlib.figure import Figure as MplFigure
from report_data import make_results
from torch.nn.functional import cross_entropy

from nogd.bench.experiment import make_experiment
from nogd.bench.loss_slice import slice_through
from nogd.bench.run import execute
from nogd.bench.store import Store
from nogd.errors import UserError
from nogd.plugins.manager import plugins
from nogd.report.figure import Comparison
from nogd.report.figures import paths
from nogd.report.results import load_results
from nogd.seeds import derive


def path(*thetas: list[float]) -> dict[str, np.ndarray]:
    steps = np.arange(len(thetas), dtype=float)
    return {"thetas": np.array(thetas, dtype=np.float32), "forwards": steps, "losses": 9 - steps}


def test_paths_in_one_plane_are_wholly_in_it_and_keep_their_distances() -> None:
    start = [1.0, 2.0, 3.0, 4.0]
    walks = {"a": path(start, [2, 2, 3, 4], [3, 2, 3, 4]), "b": path(start, [1, 2, 3, 40])}
    arrays, loss_slice = slice_through(walks, 1e6) or pytest.fail("no plane")
    assert arrays["explained"] == pytest.approx(1)
    lengths = np.linalg.norm(arrays["coordinates"], axis=1)
    np.testing.assert_allclose(lengths, [0, 1, 2, 0, 36], atol=1e-6)
    assert loss_slice is not None
    np.testing.assert_allclose(loss_slice.axes @ loss_slice.axes.T, np.eye(2), atol=1e-9)
    there = loss_slice.thetas.reshape(len(loss_slice.y), len(loss_slice.x), 4)
    np.testing.assert_allclose(
        (there - loss_slice.origin) @ loss_slice.axes[0], np.tile(loss_slice.x, (len(loss_slice.y), 1))
    )
    np.testing.assert_allclose(there[:, :, 1:3], np.broadcast_to([2.0, 3.0], (*there.shape[:2], 2)))


def test_every_path_counts_alike_and_the_share_of_each_is_told() -> None:
    start = [0.0, 0, 0]
    walks = {"far": path(start, [1e18, 0, 0]), "near": path(start, [0, 3, 0]), "still": path(start)}
    arrays, _ = slice_through(walks, 0) or pytest.fail("no plane")
    np.testing.assert_allclose(arrays["shares"], [1, 1, np.nan])
    assert abs(arrays["x"][-1] - arrays["x"][0]) > 1e18


def test_a_path_ends_where_it_stops_being_numbers_and_a_rare_far_one_leaves_the_picture() -> None:
    start = [0.0, 0, 0]
    walks = {
        "a": path(start, [1, 0, 0]),
        "b": path(start, [0, 1, 0]),
        "c": path(start, [0, 1e9, 0], [np.nan, 0, 0]),
    }
    arrays, _ = slice_through(walks, 0) or pytest.fail("no plane")
    assert list(arrays["lengths"]) == [2, 2, 2]
    assert abs(arrays["y"][-1] - arrays["y"][0]) < 10


@pytest.mark.parametrize(
    "walks",
    [
        {"a": path([1, 2])},
        {"a": path([0], [1])},
        {"a": path([0, 0], [1, 1])},
        {"a": path([np.nan, 0], [1, 1], [1, 2])},
    ],
)
def test_what_does_not_move_in_two_directions_has_no_plane(walks: dict) -> None:
    assert slice_through(walks, 1e6) is None


def test_the_loss_is_looked_at_only_where_that_is_cheap() -> None:
    walks = {"a": path([0, 0], [1, 0], [1, 1])}
    assert [
        (slice_through(walks, spent) or pytest.fail("no plane"))[1] is None for spent in (0, 1_000, 2_000)
    ] == [
        True,
        True,
        False,
    ]


def run(folder: Path, **changes: object) -> None:
    asked = {"learners": ["adam,lr=0.1", "random-search"], "tasks": ["iris"], "repetitions": 2, "budget": 600}
    execute(make_experiment(None, **asked | changes), folder, jobs=0, fresh=False, progress=Watcher())


def plane(folder: Path) -> dict[str, np.ndarray] | None:
    with closing(Store(folder)) as store:
        return store.picture("plane", "iris")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("runs")
    run(made)
    return made


def test_the_loss_on_the_plane_is_that_of_the_tasks_network(folder: Path) -> None:
    made = plane(folder) or pytest.fail("no plane")
    [first] = [row for row in rows(folder) if row["id"] == made["ids"][0]]
    with closing(Store(folder)) as store:
        found = {str(id_): store.picture("path", str(id_)) for id_ in made["ids"]}
    _, loss_slice = slice_through(found, 2_400) or pytest.fail("no plane")
    assert loss_slice is not None
    problem = plugins().tasks.find("iris").load()().problem(derive("initial", "iris", first["repetition"]))
    places = [0, 17, len(loss_slice.thetas) - 1]
    for place in places:
        theta = torch.from_numpy(loss_slice.thetas[place]).float()
        torch.nn.utils.vector_to_parameters(theta, problem.module.parameters())
        loss = cross_entropy(problem.module(problem.train.inputs), problem.train.targets)
        assert made["grid"].ravel()[place] == pytest.approx(float(loss.detach()), rel=1e-4)


def test_a_plane_is_made_anew_only_where_other_runs_count(folder: Path) -> None:
    with closing(Store(folder)) as store:
        store.add_picture("plane", "iris", {**(plane(folder) or {}), "mark": np.ones(1)})
    run(folder)
    assert "mark" in (plane(folder) or {})
    run(folder, learners=["sgd"])
    made = plane(folder) or {}
    assert "mark" not in made
    assert len(made["ids"]) == 3


def test_a_path_that_goes_on_beyond_the_picture_ends_at_its_edge() -> None:
    side = np.array([-1.0, 1.0])
    walk = paths.LearnerPath(
        "a", "a", 1.0, np.array([[0, 0], [0.5, 0], [4.5, 2]]), np.arange(3.0), np.zeros(3)
    )
    chart = paths.Chart("iris", 0, 1.0, [walk], side, side, None)
    assert chart.leaves(walk)
    np.testing.assert_allclose(chart.end_of(walk), [1.0, 0.25])
    back = replace(walk, at=np.array([[0, 0], [9, 0], [0.5, 0.5]]))
    assert chart.leaves(back)
    np.testing.assert_array_equal(chart.end_of(back), [0.5, 0.5])


def test_without_paths_there_is_no_plane(tmp_path: Path) -> None:
    run(tmp_path, keep_thetas=False, repetitions=1, budget=60)
    assert plane(tmp_path) is None
    assert paths.draw(Comparison.of(load_results(tmp_path))) == paths.NO_PATHS


def test_the_picture_tells_shares_and_holds_its_data(folder: Path) -> None:
    found = Comparison.of(load_results(folder))
    [drawn] = paths.draw(found)
    assert drawn.title == "iris"
    assert "The plane holds" in drawn.alt
    ends = drawn.data[drawn.data["learner"] != "(plane)"].groupby("learner")["loss"].last()
    kept = found.runs[found.runs["repetition"] == 0].set_index("learner")["loss"]
    np.testing.assert_allclose(ends, kept[ends.index])
    entries = [text.get_text() for text in drawn.figure.legends[0].texts]
    assert all(entry.endswith("%") for entry in entries)


def test_a_plane_of_runs_that_are_gone_is_not_shown(folder: Path) -> None:
    results = load_results(folder)
    fewer = replace(results, runs=results.runs[results.runs["learner"] != "random-search"])
    assert paths.draw(Comparison.of(fewer)) == paths.NO_PATHS


def test_a_plane_without_its_loss_says_so(folder: Path) -> None:
    results = load_results(folder)
    bare = {name: array for name, array in results.pictures["plane"]["iris"].items() if name != "grid"}
    [drawn] = paths.draw(Comparison.of(replace(results, pictures={"plane": {"iris": bare}})))
    assert "The loss on the plane was not computed" in drawn.alt
    assert "(plane)" not in set(drawn.data["learner"])


def test_on_axes_of_the_callers(folder: Path) -> None:
    axes = MplFigure().add_subplot()
    paths.draw_on(axes, Comparison.of(load_results(folder)))
    assert axes.get_legend_handles_labels()[1]
    with pytest.raises(UserError, match="No run here has kept its path"):
        paths.draw_on(axes, Comparison.of(make_results(["adam"], ["iris"], 1)))
