"""results.plot: one figure on axes of the caller's."""

from __future__ import annotations

import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure as Canvas
from report_data import make_results

from nogd.bench.results import Results
from nogd.errors import UserError
from nogd.report.figure import choice


@pytest.fixture(scope="module")
def results():
    made = make_results(repetitions=3)
    return Results(made.runs, made.curves, made.meta)


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_a_figure_is_drawn_into_the_axes_given_and_nowhere_else(results):
    axes = Canvas().add_subplot()
    assert results.plot("scores", ax=axes) is axes
    assert axes.has_data()
    assert plt.get_fignums() == []


def test_without_axes_new_ones_are_made_that_a_notebook_shows(results):
    axes = results.plot("scores")
    assert axes.has_data()
    assert plt.get_fignums() == [axes.figure.number]


def test_settings_of_matplotlib_stay_as_they_were(results):
    before = dict(plt.rcParams)
    results.plot("scores")
    assert dict(plt.rcParams) == before


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("score", {}, "no figure is called 'score'; did you mean 'scores'?"),
        ("scores", {"taks": "iris"}, "the figure 'scores' has no option 'taks'. It takes none."),
        ("task-table", {}, "the figure 'task-table' cannot be drawn on axes"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_a_sentence(results, name, options, said):
    with pytest.raises(UserError, match="^" + said.replace("?", r"\?").replace("(", r"\(")):
        results.plot(name, **options)
    assert plt.get_fignums() == []


def test_nothing_to_draw_is_said_and_leaves_no_empty_figure():
    made = make_results(["adam"], [], 1)
    with pytest.raises(UserError, match="no runs to draw"):
        Results(made.runs, made.curves, made.meta).plot("scores")
    assert plt.get_fignums() == []


def test_a_choice_is_checked_and_may_be_left_out_where_there_is_only_one():
    assert choice("task", None, ["iris"]) == "iris"
    with pytest.raises(UserError, match="did you mean 'iris'"):
        choice("task", "irs", ["iris", "wine"])
    with pytest.raises(UserError, match=r"give task=\.\.\., one of: iris, wine"):
        choice("task", None, ["iris", "wine"])
