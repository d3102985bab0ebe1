"""Ranks, critical differences and probabilities of improvement as the report draws them."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure as MplFigure
from report_data import NO_GRADIENT, make_results

from nogd.errors import UserError
from nogd.report.figure import Comparison
from nogd.report.figures import rank_heat_map
from nogd.report.numbers.ranking import complete_blocks, task_ranks

UNEQUAL = {"settings": {"unequal_cost": True}}


@pytest.fixture(scope="module")
def comparison():
    return Comparison.of(make_results(failures={("sgd", "wine", 1): "error"}))


def texts(canvas):
    return [text.get_text() for axes in canvas.axes for text in axes.texts]


def test_ranks_of_a_task_are_among_those_that_can_do_it(comparison):
    found = task_ranks(comparison)
    for task, rows in found.groupby("task"):
        able = 3 if task in NO_GRADIENT else 6
        assert len(rows) == able
        assert rows["of"].eq(able).all()
        assert rows["rank"].sum() == pytest.approx(able * (able + 1) / 2)


def test_a_failed_run_takes_the_last_rank_in_its_block(comparison):
    blocks = complete_blocks(comparison.finals, [*set(comparison.learners)]).loc["wine"]
    assert np.isinf(blocks["sgd"].loc[1])
    assert np.isfinite(blocks.drop(index=1).to_numpy()).all()


def test_a_block_in_which_a_run_is_missing_is_left_out(comparison):
    finals = comparison.finals
    gone = (finals["learner"] == "adam") & (finals["task"] == "iris") & (finals["repetition"] == 2)
    assert list(complete_blocks(finals[~gone], comparison.learners).loc["iris"].index) == [0, 1, 3, 4]


def test_the_heat_map_has_every_number_and_marks_what_cannot_be_done(comparison):
    drawn = rank_heat_map.draw(comparison)
    written = texts(drawn.figure)
    assert len(written) == 6 * 10
    assert written.count("n/a") == 3 * len(NO_GRADIENT)
    assert len(drawn.data) == 60 - 6
    assert "6 of 60 cells have no rank" in drawn.alt


def test_a_long_name_of_a_column_has_room_wherever_it_stands():
    learners = ["a-learner-of-a-long-name", "another-learner-like-it"]
    made = make_results(learners, ["a", "b", "c", "d-has-a-long-name-too", "e"], 1)
    canvas = rank_heat_map.draw(Comparison.of(made)).figure
    canvas.draw_without_rendering()
    [axes] = canvas.axes
    ends = [label.get_window_extent().x1 for label in axes.get_xticklabels()]
    assert max(ends) <= canvas.bbox.x1
    assert ends.index(max(ends)) == 3


def test_unequal_budgets_give_no_ranks():
    comparison = Comparison.of(make_results(repetitions=1, meta=UNEQUAL))
    assert task_ranks(comparison).empty
    assert rank_heat_map.draw(comparison) == rank_heat_map.UNEQUAL
    with pytest.raises(UserError, match="Budgets differ"):
        rank_heat_map.draw_on(MplFigure().add_subplot(), comparison)
