"""Histories: the loss after each of a learner's own iterations, with the change of phase."""

from __future__ import annotations

import json

import numpy as np
import pytest
from matplotlib.figure import Figure as MplFigure

import nogd
from nogd.errors import UserError
from nogd.report.figure import Comparison
from nogd.report.figures.histories import FIGURE, NO_HISTORY, histories

LEARNERS = [
    {"use": "grid-search", "label": "search", "points": 5, "budget": {"iterations": 2}},
    {"use": "grid-search,points=5+adam", "label": "both", "budget": {"iterations": 4}},
    {"use": "adam", "budget": {"forwards": 20}},
]


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    return nogd.run(learners=LEARNERS, tasks="original", repetitions=2, out=folder, jobs=0, progress=False)


def test_only_learners_that_count_iterations_have_a_history(results):
    assert [each.learner for each in histories(Comparison.of(results))] == ["both", "search"]


def test_every_iteration_has_its_loss_and_the_start_comes_first(results):
    search = histories(Comparison.of(results))[1]
    assert search.losses.shape == (2, 3)
    starts = results.runs.set_index(["learner", "repetition"])["start_loss"]["search"]
    ends = results.runs.set_index(["learner", "repetition"])["loss"]["search"]
    np.testing.assert_array_equal(search.losses[:, 0], starts)
    np.testing.assert_array_equal(search.losses[:, -1], ends)


def test_a_sweep_of_the_hybrid_is_one_of_the_search(results):
    both, search = histories(Comparison.of(results))
    np.testing.assert_array_equal(both.losses[:, :3], search.losses)


def test_the_change_of_phase_is_found_and_named(results):
    both, search = histories(Comparison.of(results))
    assert both.changes == (2,)
    assert both.phases == ("grid-search", "adam")
    assert search.changes == ()
    drawn = FIGURE.draw(Comparison.of(results))
    assert "adam begins after iteration 2" in drawn[0].alt
    assert [text.get_text() for text in drawn[0].figure.axes[0].texts][-1] == "adam begins"


def test_one_history_is_drawn_on_axes_of_the_callers(results):
    axes = MplFigure().add_subplot()
    assert results.plot("histories", ax=axes, learner="search") is axes
    assert len(axes.lines) == 3
    with pytest.raises(UserError, match="no learner here is called 'adam'"):
        results.plot("histories", ax=axes, learner="adam")


def test_the_data_are_what_is_drawn(results):
    drawn = FIGURE.draw(Comparison.of(results))[1]
    assert list(drawn.data["iteration"]) == [0, 1, 2, 0, 1, 2]
    first = drawn.figure.axes[0].lines[0]
    np.testing.assert_array_equal(first.get_ydata(), drawn.data["loss"][:3])


def test_budgets_of_forwards_alone_have_no_histories(results):
    runs = results.runs.assign(budget=json.dumps({"forwards": 20}))
    assert FIGURE.draw(Comparison(runs, results.curves, results.meta)) == NO_HISTORY


def test_an_unknown_budget_or_hyper_parameters_do_no_harm(results):
    runs = results.runs.assign(hyper="null")
    assert [each.phases for each in histories(Comparison(runs, results.curves, results.meta))] == [(), ()]
    runs = results.runs.assign(budget="?")
    assert histories(Comparison(runs, results.curves, results.meta)) == []
