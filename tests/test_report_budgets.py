"""Who leads at which budget, and where the time goes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure as MplFigure
from report_data import NO_GRADIENT, make_results

from nogd.errors import UserError
from nogd.report.figure import Comparison
from nogd.report.figures import budget_leaders, time_split
from nogd.report.numbers.curves import Curve
from nogd.report.numbers.leading import TIE, leads

GRID = np.array([1.0, 10.0, 100.0, 1000.0])


def curve(*middle: float, spread: float = 0.0, runs: int = 8) -> Curve:
    """Runs that lie about the middle, each learner's in another order."""
    values = np.array(middle, dtype=float)
    offsets = spread * np.resize([-1.0, 1.0], runs)
    return Curve(values, values - spread, values + spread, values + offsets[:, None], np.arange(runs))


def told(found):
    return [(lead.leader, lead.runner_up, lead.clear) for lead in found]


def test_a_clear_lead_changes_hands_half_way_between_two_points_of_a_log_axis():
    found = leads(GRID, {"a": curve(1, 1, 5, 5), "b": curve(2, 2, 2, 2)}, greater=True)
    assert told(found) == [("b", "a", True), ("a", "b", True)]
    assert [found[0].start, found[0].stop, found[1].stop] == [1, pytest.approx(1000**0.5), 1000]
    assert (found[1].value, found[1].rivals) == (5, 0)


def test_with_less_being_better_the_lowest_leads():
    found = leads(GRID, {"a": curve(1, 1, 1, 1), "b": curve(2, 2, 2, 2)}, greater=False)
    assert told(found) == [("a", "b", True)]


@pytest.mark.parametrize(("spread", "clear"), [(0.4, True), (2.5, False)])
def test_a_lead_is_clear_only_where_it_is_beyond_chance(spread, clear):
    unlike = curve(1, 1, 1, 1, spread=-spread)  # what is a good start for one is a bad one for the other
    [lead] = leads(GRID, {"a": unlike, "b": curve(2, 2, 2, 2, spread=spread)}, greater=True)
    assert (lead.clear, lead.shared, lead.rivals) == (clear, not clear, int(not clear))


def test_runs_are_compared_with_those_that_had_the_same_start():
    spread = {"a": curve(1, 1, 1, 1, spread=9), "b": curve(2, 2, 2, 2, spread=9)}
    assert leads(GRID, spread, greater=True)[0].clear
    shifted = replace(spread["a"], repetitions=np.arange(8) + 7)  # one in common
    assert not leads(GRID, {**spread, "a": shifted}, greater=True)[0].clear


def test_a_third_that_cannot_be_told_apart_makes_a_lead_unclear():
    curves = {"a": curve(3, 3, 3, 3), "b": curve(2, 2, 2, 2), "c": curve(1, 1, 1, 1, spread=9)}
    [lead] = leads(GRID, curves, greater=True)
    assert (lead.leader, lead.runner_up, lead.clear, lead.rivals) == ("a", "b", False, 1)


@pytest.mark.parametrize(("runs", "level", "clear"), [(5, 0.05, False), (6, 0.05, True), (6, 0.03, False)])
def test_few_repetitions_prove_no_lead(runs, level, clear):
    curves = {"a": curve(1, 1, 1, 1, runs=runs), "b": curve(2, 2, 2, 2, runs=runs)}
    [lead] = leads(GRID, curves, greater=True, level=level)
    assert (lead.leader, lead.clear) == ("b", clear)


def test_ties_and_unknown_values_have_no_leader():
    nan = np.nan
    curves = {"a": curve(nan, 1, 1, 2), "b": curve(nan, nan, 1, 1)}
    assert told(leads(GRID, curves, greater=True)) == [
        (TIE, TIE, False),
        ("a", TIE, True),
        (TIE, TIE, False),
        ("a", "b", True),
    ]


def test_there_is_a_strip_for_every_task_in_both_views():
    comparison = Comparison.of(make_results(repetitions=3))
    by_metric, by_loss = budget_leaders.draw(comparison)
    for drawn in (by_metric, by_loss):
        assert set(drawn.data["task"]) == set(comparison.tasks)
        assert (drawn.data["start"] < drawn.data["stop"]).all()
        assert "At that end the lead is clear on" in drawn.alt
        able = drawn.data[drawn.data["task"].isin(NO_GRADIENT)]
        assert not {"adam", "sgd", "hybrid"} & set(able["leader"])
    assert set(by_metric.data.loc[by_metric.data["task"] == "parity", "measured"]) == {
        "accuracy on training data"
    }


def test_nobody_leads_alone():
    assert budget_leaders.draw(Comparison.of(make_results(["adam"], ["iris"], 3))) == budget_leaders.NO_RIVALS
    with pytest.raises(UserError, match="No task here has curves of two learners"):
        budget_leaders.draw_on(MplFigure().add_subplot(), Comparison.of(make_results(["adam"], ["iris"], 3)))


def test_where_all_are_tied_all_strips_are_thin():
    made = make_results(["adam", "sgd"], ["iris"], 2)
    level = made.curves.assign(loss=1.0, metric=0.5, test_metric=0.5)
    drawn = budget_leaders.draw(Comparison.of(replace(made, curves=level)))
    assert [each.figure.legends for each in drawn] == [[], []]
    assert all(set(each.data["leader"]) == {TIE} for each in drawn)


def test_the_parts_of_a_bar_add_up_to_a_runs_time_with_measuring():
    comparison = Comparison.of(make_results(repetitions=3))
    table = time_split.split(comparison)
    runs = comparison.runs[comparison.runs["task"].isin(comparison.board.tasks)]
    whole = (runs["seconds"] + runs["measure_seconds"]).groupby(runs["learner"]).mean()
    np.testing.assert_allclose(table["total"], whole[table["learner"]])
    np.testing.assert_allclose(table["own_work"], 0.1)
    assert table["total"].is_monotonic_increasing


def test_a_run_that_was_lost_is_left_out_and_told():
    made = make_results(["adam", "sgd"], ["iris"], 3, {("sgd", "iris", 0): "killed"})
    lost = made.runs["status"] == "killed"
    runs = made.runs.assign(overhead_seconds=made.runs["overhead_seconds"].where(~lost))
    drawn = time_split.draw(Comparison.of(replace(made, runs=runs)))
    assert drawn.data.set_index("learner")["runs"].to_dict() == {"adam": 3, "sgd": 2}
    assert "1 lost run left out" in drawn.alt


def test_where_nobody_knows_the_time_there_is_nothing_to_show():
    made = make_results(["adam"], ["iris"], 1)
    comparison = Comparison.of(replace(made, runs=made.runs.assign(seconds=np.nan)))
    assert time_split.draw(comparison) == time_split.NO_TIMES
    with pytest.raises(UserError, match="No run here knows how long it took"):
        time_split.draw_on(MplFigure().add_subplot(), comparison)


def test_both_can_be_drawn_on_axes_of_the_callers():
    comparison = Comparison.of(make_results(["adam", "sgd"], ["iris", "wine"], 3))
    for figure in (budget_leaders, time_split):
        axes = MplFigure().add_subplot()
        figure.draw_on(axes, comparison)
        assert axes.has_data()
    with pytest.raises(UserError, match="no by here is called 'los'; did you mean 'loss'"):
        budget_leaders.draw_on(MplFigure().add_subplot(), comparison, by="los")
