"""results.plot: one figure on axes of the caller's."""

from __future__ import annotations

import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure as MplFigure
from report_data import make_results

from nogd.errors import UserError
from nogd.plugins.manager import Plugins, PluginSettings
from nogd.report.figure import choice
from nogd.report.results import Results

BUILT_IN = Plugins(PluginSettings(thirdparty=False))


@pytest.fixture(scope="module")
def results():
    made = make_results(repetitions=3)
    return Results(made.runs, made.curves, made.meta)


@pytest.fixture(autouse=True)
def opened():
    """Gives the new figures of pyplot's, whatever other tests left open; closes them afterwards."""
    before = set(plt.get_fignums())
    yield lambda: sorted(set(plt.get_fignums()) - before)
    for number in set(plt.get_fignums()) - before:
        plt.close(number)


def test_a_figure_is_drawn_into_the_axes_given_and_nowhere_else(results, opened):
    axes = MplFigure().add_subplot()
    assert results.plot("scores", ax=axes) is axes
    assert axes.has_data()
    assert opened() == []


def test_without_axes_new_ones_are_made_that_a_notebook_shows(results, opened):
    axes = results.plot("scores")
    assert axes.has_data()
    assert opened() == [axes.figure.number]


OPTIONS: dict[str, dict[str, str]] = {
    "learning-curves": {"task": "iris"},
    "final-losses": {"task": "iris"},
    "train-test": {"task": "iris"},
}
TABLES = {"task-table", "pairwise", "failures"}
NOT_HERE = {  # what these results have nothing for, and how that is said
    "data-profile": "target",
    "performance-profile": "target",
    "sensitivity": "several values",
    "histories": "counts iterations",
    "decision-boundaries": "portrait",
    "paths": "keep-thetas",
}


@pytest.mark.met_in("test_report_states.py")
@pytest.mark.parametrize("name", sorted(entry.name for entry in BUILT_IN.figures))
def test_every_figure_goes_onto_one_of_several_axes_or_says_why_not(results, name):
    canvas = MplFigure(figsize=(12, 4), layout="constrained")
    left, right = canvas.subplots(1, 2)
    if name in TABLES or name in NOT_HERE:
        with pytest.raises(
            UserError, match=NOT_HERE.get(name, "cannot be drawn on axes; its numbers are in")
        ):
            results.plot(name, ax=right, **OPTIONS.get(name, {}))
        return
    results.plot(name, ax=right, **OPTIONS.get(name, {}))
    assert right.has_data() or right.patches
    assert right.get_title("left") or right.get_title() or right.xaxis.get_ticks_position() == "top"
    canvas.draw_without_rendering()
    assert right.get_tightbbox().x0 >= left.get_window_extent().x1 - 1, "its heading lies on its neighbour"


def test_a_legend_on_new_axes_tells_those_in_grey_together():
    made = make_results([f"learner-{number:02}" for number in range(30)], ["iris"], 1)
    axes = Results(made.runs, made.curves, made.meta).plot("learning-curves")
    told = [text.get_text() for text in axes.get_legend().texts]
    assert (len(told), told[-1]) == (9, "22 more, in grey")


def test_curves_by_loss_are_other_curves(results):
    axes = MplFigure().subplots(1, 2)
    for each, by in zip(axes, ("metric", "loss"), strict=True):
        results.plot("learning-curves", ax=each, task="iris", by=by)
    assert axes[0].get_title("left") != axes[1].get_title("left")
    assert axes[1].get_title("left").startswith("training loss")
    assert "adam" in axes[0].get_legend_handles_labels()[1]


def test_curves_go_against_seconds_as_against_forwards(results):
    axes = MplFigure().subplots(1, 3)
    for each, against in zip(axes, ("forwards", "seconds", "flops"), strict=True):
        results.plot("learning-curves", ax=each, task="iris", against=against)
    assert [each.get_xlabel() for each in axes] == ["forwards", "seconds", "FLOPs"]
    forwards, seconds, flops = (
        next(line for line in each.lines if line.get_label() == "sgd").get_xydata() for each in axes
    )
    assert list(seconds[:, 1]) == list(forwards[:, 1])
    assert seconds[-1, 0] == pytest.approx(0.1 / 0.85, rel=0.01)
    assert flops[-1, 0] == 1e9


def test_a_currency_that_nobody_wrote_down_is_no_axis():
    made = make_results(["adam"], ["iris"], 2)
    unknown = Results(made.runs, made.curves.assign(seconds=float("nan")), made.meta)
    with pytest.raises(UserError, match="no run on iris wrote down its seconds"):
        unknown.plot("learning-curves", against="seconds")
    with pytest.raises(UserError, match="no against here is called 'memory'"):
        unknown.plot("learning-curves", against="memory")
    table = unknown.tables()["learning-curves-iris"]
    assert "seconds" not in table
    assert table["flops"].iloc[-1] == 1e9


def test_settings_of_matplotlib_stay_as_they_were(results):
    before = dict(plt.rcParams)
    results.plot("scores")
    assert dict(plt.rcParams) == before


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("score", {}, "no figure is named 'score'; did you mean 'scores'?"),
        ("scores", {"taks": "iris"}, "the figure 'scores' has no option 'taks'. It takes none."),
        ("task-table", {}, "the figure 'task-table' cannot be drawn on axes"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_a_sentence(results, opened, name, options, said):
    with pytest.raises(UserError, match="^" + said.replace("?", r"\?").replace("(", r"\(")):
        results.plot(name, **options)
    assert opened() == []


def test_nothing_to_draw_is_said_and_leaves_no_empty_figure(opened):
    made = make_results(["adam"], [], 1)
    with pytest.raises(UserError, match="no runs to draw"):
        Results(made.runs, made.curves, made.meta).plot("scores")
    assert opened() == []


def test_a_choice_is_checked_and_may_be_left_out_where_there_is_only_one():
    assert choice("task", None, ["iris"]) == "iris"
    with pytest.raises(UserError, match="did you mean 'iris'"):
        choice("task", "irs", ["iris", "wine"])
    with pytest.raises(UserError, match=r"give task=\.\.\., one of: iris, wine"):
        choice("task", None, ["iris", "wine"])
