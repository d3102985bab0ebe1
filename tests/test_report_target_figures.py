"""Figures on targets, differences, over-fitting and settings: what they show, and when they say that they cannot."""

from __future__ import annotations

import json

import numpy as np
import pytest
from matplotlib.figure import Figure as MplFigure
from report_data import NO_GRADIENT, SKILL, TASKS, Results, make_results
from target_data import frozen_of, make_measured

from nogd.errors import UserError
from nogd.report.figure import Comparison
from nogd.report.figures import (
    critical_differences,
    data_profile,
    improvement,
    performance_profile,
    sensitivity,
    train_test,
)
from nogd.report.forms.board_text import text_leaderboard
from nogd.report.forms.sections import draw_sections
from nogd.report.numbers.comparing import critical_difference, friedman
from nogd.report.numbers.formats import time_text
from nogd.report.numbers.pairs import NO_TARGETS, pairs_of
from nogd.report.numbers.ranking import task_ranks

pytestmark = pytest.mark.met_in("test_report_states.py")

UNEQUAL = {"settings": {"unequal_cost": True}}
CROWD = [*SKILL, *(f"learner-{number:02}" for number in range(24))]
FIVE = ["iris", "wine", "diabetes", "parity", "digits"]


@pytest.fixture(scope="module")
def comparison():
    return Comparison.of(make_measured(failures={("sgd", "wine", 1): "error"}))


def test_why_there_is_no_figure_is_said_on_the_page(comparison):
    class Plain:
        name = "sensitivity"
        source = None

        def load(self):
            return sensitivity.FIGURE

    (section,) = draw_sections(comparison, [Plain()])
    assert section.why_none == sensitivity.NOT_VARIED
    assert section.drawings == ()


# Targets


def test_pairs_are_the_tasks_targets_and_their_times_are_the_slow_ones(comparison):
    tasks = ("iris", "wine")
    pairs = pairs_of(comparison, tasks, comparison.learners)
    assert set(zip(pairs.tasks, pairs.targets, strict=True)) == {
        (task, target["name"]) for task in tasks for target in frozen_of(task)["targets"]
    }
    runs = comparison.runs.set_index("id")
    for place, (task, target) in enumerate(zip(pairs.tasks, pairs.targets, strict=True)):
        for column, learner in enumerate(pairs.learners):
            table = comparison.reached
            rows = table[
                (table["task"] == task) & (table["target"] == target) & (table["learner"] == learner)
            ]
            spent = [
                row.forwards if row.forwards > 0 else runs["forwards"][row.id] for row in rows.itertuples()
            ]
            successes = rows["forwards"].notna().sum()
            slow = sum(spent) / successes if successes else np.inf
            assert pairs.times[place, column] == pytest.approx(slow)
    assert set(pairs.caps) == {30_000.0}


def test_the_curve_ends_at_the_leaderboards_share(comparison):
    drawn = {each.title: each for each in data_profile.draw(comparison)}
    assert list(drawn)[:3] == ["forwards", "seconds", "flops"]
    assert "breast-cancer-sign" in list(drawn)[3]
    board = comparison.board.table.set_index("learner")["targets_hit"]
    for ledger in ("forwards", "seconds", "flops"):
        ends = drawn[ledger].data.groupby("learner")["share_reached"].max()
        assert ends.to_dict() == pytest.approx(board.to_dict())
    unsolved = int((pairs_of(comparison, *_common(comparison)).times == np.inf).all(axis=1).sum())
    assert ("reached by no learner" in drawn["forwards"].alt) == (unsolved > 0)


def _common(comparison):
    tasks = [task for task in comparison.tasks if task not in NO_GRADIENT]
    return tasks, comparison.learners


def test_each_task_has_a_drawing_of_its_own(comparison):
    drawn = {each.title: each for each in data_profile.draw(comparison)}
    assert set(comparison.tasks) - set(NO_GRADIENT) < set(drawn)
    rows = comparison.reached[comparison.reached["task"] == "wine"]
    share = np.isfinite(rows["forwards"].astype(float)).groupby(rows["learner"]).mean()
    ends = drawn["wine"].data.groupby("learner")["share_reached"].max()
    assert ends.to_dict() == pytest.approx(share.to_dict())


def test_a_task_that_is_alone_is_not_drawn_twice():
    drawn = data_profile.draw(Comparison.of(make_measured(["adam", "sgd"], ["iris"], 2)))
    assert [each.title for each in drawn] == ["forwards", "seconds", "flops"]


def test_shares_never_fall(comparison):
    for each in data_profile.draw(comparison):
        for _, rows in each.data.groupby("learner"):
            assert (rows["share_reached"].dropna().diff().dropna() >= 0).all()


def test_a_learner_that_never_succeeds_is_marked_and_counts_with_ten_budgets():
    made = make_measured(["adam", "random-search"], ["iris"], 2)
    made.reached.loc[made.reached["learner"] == "random-search", ["forwards", "flops", "seconds"]] = np.nan
    comparison = Comparison.of(made)
    row = comparison.board.table.set_index("learner").loc["random-search"]
    expected = [target["forwards"] for target in frozen_of("iris")["targets"]]
    assert row["relative_time"] == pytest.approx(np.exp(np.mean(np.log(30_000 / np.array(expected)))))
    assert (row["targets_hit"], row["unsolved"], row["profile"]) == (0.0, 4.0, 0.0)
    assert "counts as 10 budgets" in " ".join(text_leaderboard(comparison).split())
    assert time_text(row["relative_time"], row["unsolved"]).startswith(">")
    assert time_text(0.5, 0) == "0.50"
    assert time_text(np.nan, np.nan) == "-"


def test_where_budgets_differ_nothing_is_ranked():
    comparison = Comparison.of(make_measured(repetitions=2, meta=UNEQUAL))
    assert (
        comparison.board.table[["targets_hit", "relative_time", "profile", "mean_rank"]].isna().all(axis=None)
    )
    assert "Budgets differ" in performance_profile.draw(comparison)
    assert "Budgets differ" in critical_differences.draw(comparison)
    assert "Budgets differ" in improvement.draw(comparison)
    heading = [text.get_text() for text in data_profile.draw(comparison)[0].figure.axes[0].texts]
    assert any("unequal cost" in text for text in heading)


def test_without_targets_a_sentence_says_how_to_get_them():
    comparison = Comparison.of(make_results(repetitions=2))
    assert data_profile.draw(comparison) == performance_profile.draw(comparison) == NO_TARGETS
    for figure in (data_profile, performance_profile):
        with pytest.raises(UserError, match="nogd targets freeze"):
            figure.draw_on(MplFigure().add_subplot(), comparison)


def test_the_fastest_is_at_the_left_edge(comparison):
    drawn = performance_profile.draw(comparison)[0]
    fastest = drawn.data["times_the_fastest"].eq(1).groupby(drawn.data["learner"]).sum()
    solved = drawn.data.groupby(["task", "target"])["times_the_fastest"].min()
    assert fastest.sum() >= np.isfinite(solved).sum()
    assert solved[np.isfinite(solved)].eq(1).all()


# Differences


def test_the_diagram_has_friedmans_p_and_the_difference_of_its_tasks(comparison):
    diagram = critical_differences.diagram_of(comparison)
    ranks = task_ranks(comparison)
    table = ranks[~ranks["task"].isin(NO_GRADIENT)].pivot(index="task", columns="learner", values="rank")
    assert diagram.tasks == 8
    assert diagram.test == friedman(table.to_numpy())
    assert diagram.difference == pytest.approx(critical_difference(6, 8))
    assert list(diagram.ranks) == sorted(diagram.ranks)
    assert diagram.ranks.mean() == pytest.approx(3.5)


def test_four_tasks_are_too_few_for_a_diagram():
    few = Comparison.of(make_results(tasks=["iris", "wine", "parity", "digits"], repetitions=20))
    assert critical_differences.draw(few) == (
        "Tests of rank differences need at least 5 tasks that all compared learners have runs on; there are 4."
    )
    with pytest.raises(UserError, match="at least 5 tasks"):
        critical_differences.draw_on(MplFigure().add_subplot(), few)


def test_where_friedman_finds_nothing_one_bar_spans_all():
    twins = ["twin-a", "twin-b", "twin-c", "twin-d"]
    tasks = [task for task in TASKS if task not in NO_GRADIENT]
    diagram = critical_differences.diagram_of(Comparison.of(make_results(twins, tasks, 3)))
    assert diagram.test.p > 0.05
    assert diagram.bars == [(0, 3)]
    drawn = critical_differences.draw(Comparison.of(make_results(twins, tasks, 3)))
    assert "It shows no difference between the 4 learners." in drawn.alt


def test_each_pair_is_there_in_both_directions(comparison):
    table = improvement.improvement_table(comparison)
    assert len(table) == 6 * 5
    both = table.merge(table, left_on=["learner", "against"], right_on=["against", "learner"])
    assert (both["probability_x"] + both["probability_y"]).to_numpy() == pytest.approx(1.0)
    assert (table["p_all"] >= table["p"]).all()
    assert (table["low"] <= table["probability"] + 1e-9).all()
    assert (table["probability"] <= table["high"] + 1e-9).all()


def test_of_many_learners_columns_are_those_in_colour():
    drawn = improvement.draw(Comparison.of(make_results(CROWD, FIVE, repetitions=2)))
    assert len(drawn.figure.axes[0].get_xticks()) == 8
    assert len(drawn.figure.axes[0].get_yticks()) == 30
    assert len(drawn.data) == 30 * 29


# Over-fitting and settings


def test_the_gap_is_training_minus_test_in_the_direction_of_the_metric():
    made = make_results(["adam", "sgd"], ["diabetes", "parity"], 4)
    better = made.runs.assign(metric=made.runs["test_metric"] + 0.25)
    table = train_test.gaps(Comparison.of(Results(better, made.curves, made.meta)))
    assert set(table["task"]) == {"diabetes"}  # parity has no split
    assert table["gap"].to_numpy() == pytest.approx(0.25)
    (drawn,) = train_test.draw(Comparison.of(Results(better, made.curves, made.meta)))
    assert drawn.alt.endswith("has the widest gap, 0.25 better on training data.")
    errors = better.assign(metric_greater=0)
    table = train_test.gaps(Comparison.of(Results(errors, made.curves, made.meta)))
    assert table["gap"].to_numpy() == pytest.approx(-0.25)
    (drawn,) = train_test.draw(Comparison.of(Results(errors, made.curves, made.meta)))
    assert drawn.alt.endswith("No learner does better on training data than on test data.")


def test_a_learner_far_below_the_constant_predictor_does_not_flatten_the_others():
    made = make_results(["adam", "sgd", "random-search"], ["diabetes"], 3)
    wild = made.runs["learner"] == "random-search"
    runs = made.runs.assign(test_metric=made.runs["test_metric"].where(~wild, -4e5))
    (drawn,) = train_test.draw(Comparison.of(Results(runs, made.curves, made.meta)))
    low, high = drawn.figure.axes[0].get_xlim()
    assert high - low < 5
    assert drawn.data["test"].min() == -4e5


def varied():
    names = [f"adam,lr={lr}" for lr in (0.001, 0.01, 0.1)]
    made = make_results([*names, "sgd"], ["iris", "wine"], 3)
    hyper = {name: json.dumps({"lr": float(name.partition("=")[2]), "rows": None}) for name in names}
    return Results(
        made.runs.assign(hyper=made.runs["learner"].map(hyper).fillna("{}")), made.curves, made.meta
    )


def test_a_hyper_parameter_that_was_varied_is_found():
    comparison = Comparison.of(varied())
    (sweep,) = sensitivity.sweeps(comparison)
    assert (sweep.title, list(sweep.values), sweep.tasks) == ("adam, lr", [0.001, 0.01, 0.1], 2)
    board = comparison.board.table.set_index("learner")["score"]
    assert list(sweep.score) == pytest.approx([board[label] for label in sweep.labels])
    (drawn,) = sensitivity.draw(comparison)
    assert drawn.figure.axes[0].get_xscale() == "log"
    axes = MplFigure().add_subplot()
    sensitivity.draw_on(axes, comparison, sweep="adam, lr")
    with pytest.raises(UserError, match="'adam, lr'"):
        sensitivity.draw_on(axes, comparison, sweep="adam, lrr")


def test_settings_are_compared_only_where_all_others_are_equal():
    settings = {
        "a": {"x": 1, "y": 1},
        "b": {"x": 2, "y": 1},
        "c": {"x": 3, "y": 2},
        "d": {"x": 1, "y": "one"},
    }
    assert sensitivity.varied(settings) == [("x", {"a": 1.0, "b": 2.0})]
    assert sensitivity.varied({"a": {"x": True}, "b": {"x": False}}) == []


@pytest.mark.parametrize("ledger", ["forwards", "seconds", "flops"])
def test_a_ledgers_panel_can_be_drawn_on_axes_of_ones_own(comparison, ledger):
    axes = MplFigure().add_subplot()
    data_profile.draw_on(axes, comparison, ledger=ledger)
    assert len(axes.lines) == 6
    with pytest.raises(UserError, match="ledger"):
        data_profile.draw_on(axes, comparison, ledger="second")
