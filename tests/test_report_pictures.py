"""Pictures of what runs left beside their numbers: decision boundaries."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure as MplFigure
from picture_data import with_pictures
from report_data import make_results

from nogd.errors import UserError
from nogd.report.drawing.canvas import house_style
from nogd.report.drawing.regions import CLASS_COLOURS, regions
from nogd.report.drawing.svg import inline_svg
from nogd.report.figure import Comparison
from nogd.report.figures import decision_boundaries, paths


def comparison(*names: str, failures=None, repetitions=5, classes=2) -> Comparison:
    made = make_results(names, ["iris", "two-spirals"], repetitions, failures)
    return Comparison.of(with_pictures(made, classes=classes))


def texts(canvas):
    return [text.get_text() for axes in canvas.axes for text in axes.texts]


def test_a_region_has_its_likeliest_classes_colour_and_is_fuller_the_surer():
    two = regions(np.array([[[0, 100, 155, 255]]], dtype=np.uint8))[0]
    of = [tuple(int(colour[place : place + 2], 16) for place in (1, 3, 5)) for colour in CLASS_COLOURS]
    assert [tuple(cell[:3]) for cell in two] == [of[0], of[0], of[1], of[1]]
    assert two[0, 3] == two[3, 3] > two[1, 3] == two[2, 3] > 0
    three = regions(np.array([[[85, 0]], [[85, 0]], [[85, 255]]], dtype=np.uint8))[0]
    assert tuple(three[1, :3]) == of[2]
    assert three[0, 3] < three[1, 3]


def test_every_learner_has_its_panel_with_its_median_run_and_score():
    found = comparison("adam", "sgd", "grid-search")
    [drawn] = decision_boundaries.draw(found)
    values = found.finals[found.finals["task"] == "two-spirals"]
    for learner, rows in values.groupby("learner"):
        shown = drawn.data[drawn.data["learner"] == learner].iloc[0]
        assert shown["value"] == rows["value"].median()
        assert (shown["lowest"], shown["highest"]) == (rows["value"].min(), rows["value"].max())
    assert drawn.title == "two-spirals"
    assert "adam" in drawn.alt
    assert "accuracy on test data" in drawn.alt


def test_the_data_are_the_picture_line_by_line():
    found = comparison("adam")
    [drawn] = decision_boundaries.draw(found)
    portrait = found.pictures["portrait"][drawn.data["run"].iloc[0]]
    cells = drawn.data.filter(like="x=").to_numpy(dtype=float)
    np.testing.assert_allclose(cells[::-1], portrait["shares"][0] / 2.55, atol=0.5)
    assert drawn.data["y"].is_monotonic_decreasing
    assert set(drawn.data["percent_of_class"]) == {1}


def test_more_than_two_classes():
    [drawn] = decision_boundaries.draw(comparison("adam", "sgd", classes=3))
    assert sorted(drawn.data["percent_of_class"].unique()) == [0, 1, 2]
    assert [text.get_text() for text in drawn.figure.legends[0].texts] == ["class 0", "class 1", "class 2"]


def test_thirty_learners_are_three_drawings_best_first():
    names = [f"learner-{number:02}" for number in range(30)]
    found = comparison(*names, repetitions=2)
    drawn = decision_boundaries.draw(found)
    assert [len(each.figure.axes) for each in drawn] == [12, 12, 6]
    assert [each.title for each in drawn][1] == "two-spirals, places 13 to 24"
    values = found.finals[found.finals["task"] == "two-spirals"]
    middles = values.groupby("learner")["value"].mean()  # which is the interquartile mean of two
    order = [name for each in drawn for name in each.data["learner"].unique()]
    assert order == list(middles.sort_values(ascending=False, kind="stable").index)


def test_where_most_runs_failed_the_panel_says_so():
    failures = {("sgd", "two-spirals", repetition): "diverged" for repetition in range(3)}
    [drawn] = decision_boundaries.draw(comparison("adam", "sgd", failures=failures))
    assert any("left no picture\n(diverged)" in text for text in texts(drawn.figure))
    assert "No picture of: sgd." in drawn.alt


def test_without_portraits_there_is_nothing_to_show():
    assert (
        decision_boundaries.draw(Comparison.of(make_results(["adam"], ["iris"], 1)))
        == decision_boundaries.NO_PORTRAIT
    )
    failures = {("adam", "two-spirals", 0): "error"}
    alone = comparison("adam", failures=failures, repetitions=1)
    assert decision_boundaries.draw(alone) == decision_boundaries.NO_PORTRAIT


@pytest.mark.parametrize("figure", [decision_boundaries, paths])
def test_a_page_that_is_drawn_again_from_published_tables_says_so(figure):
    comparison = Comparison.of(make_results(["adam"], ["two-spirals"], 1, meta={"published": True}))
    assert "drawn again from published tables" in figure.draw(comparison)


def test_equal_pictures_are_equal_bytes_and_their_images_are_inside():
    def drawn() -> str:
        with house_style():
            [each] = decision_boundaries.draw(comparison("adam", "sgd"))
            assert each.figure is not None
            return inline_svg(each.figure, "f", each.alt)

    assert drawn() == drawn()
    assert drawn().count('href="data:image/png;base64,') == 2


def test_one_panel_on_axes_of_the_callers():
    axes = MplFigure().add_subplot()
    decision_boundaries.draw_on(axes, comparison("adam", "sgd"), learner="sgd")
    assert axes.get_title().startswith("sgd: ")
    with pytest.raises(UserError, match="No run here has left a portrait"):
        decision_boundaries.draw_on(axes, Comparison.of(make_results(["adam"], ["iris"], 1)))
    with pytest.raises(UserError, match="did you mean 'adam'"):
        decision_boundaries.draw_on(axes, comparison("adam", "sgd"), learner="adm")
