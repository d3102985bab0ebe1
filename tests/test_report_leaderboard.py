from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from report_data import NO_GRADIENT, SETTINGS, TASKS, Results, make_results

from nogd.report.figure import Comparison
from nogd.report.forms.board_text import text_leaderboard
from nogd.report.names import clean, short_name, short_names
from nogd.report.numbers.finals import final_values
from nogd.report.numbers.groups import groups, unequal_budgets
from nogd.report.numbers.leaderboard import COLUMNS, leaderboard, main_board, other_boards


def two_tasks(values: dict[str, list[tuple[float, float]]], status: dict[str, str] | None = None) -> Results:
    """Learners with given (accuracy, r2) a repetition; 0 to 1 is the score on either task."""
    learners = list(values)
    repetitions = len(values[learners[0]])
    made = make_results(learners, ["a", "b"], repetitions, meta={"settings": {"baselines": ["dice"]}})
    runs = made.runs.assign(constant=0.0, reference=1.0, metric_greater=1, has_split=1)
    for (place, row), task in zip(made.runs.iterrows(), made.runs["task"], strict=True):
        runs.loc[place, "test_metric"] = values[row["learner"]][row["repetition"]]["ab".index(task)]
        runs.loc[place, "status"] = (status or {}).get(row["learner"], "ok")
    return Results(runs, made.curves, made.meta)


def test_the_board_by_hand():
    results = two_tasks(
        {"dice": [(0.1, 0.1), (0.1, 0.1)], "good": [(0.9, 0.7), (0.7, 0.5)], "even": [(0.8, 0.8), (0.6, 0.6)]}
    )
    table = main_board(Comparison.of(results)).table.set_index("learner")
    assert list(table.index) == ["even", "good", "dice"] or list(table.index) == ["good", "even", "dice"]
    assert table["score"]["good"] == pytest.approx(0.7)  # the middle two of 0.5, 0.7, 0.7, 0.9
    assert (table["score_low"]["good"], table["score_high"]["good"]) == pytest.approx((0.6, 0.8))
    # good is first, first on task a and second, second on task b
    assert table["mean_rank"].to_dict() == pytest.approx({"good": 1.5, "even": 1.5, "dice": 3.0})
    assert table["runs"].to_dict() == {"good": 4, "even": 4, "dice": 4}
    assert list(leaderboard(results.runs, results.curves).columns) == COLUMNS


def test_one_task_without_a_reference_shows_its_metric_in_place_of_scores():
    one = make_results(["adam", "dice"], ["a"], 3)
    reached = [0.5 if row.learner == "dice" else 0.7 + 0.1 * row.repetition for row in one.runs.itertuples()]
    facts = {"metric_name": "accuracy", "metric_greater": 1, "has_split": 1, "status": "ok"}
    runs = one.runs.assign(constant=0.5, reference=np.nan, test_metric=reached, **facts)
    board = main_board(Comparison.of(Results(runs, one.curves, one.meta)))
    row = board.table.set_index("learner").loc["adam"]
    assert board.measures
    assert [row["metric"], row["metric_low"], row["metric_high"]] == pytest.approx([0.8, 0.7, 0.9])
    text = text_leaderboard(Results(runs, one.curves, one.meta))
    assert "0.800  0.700 to 0.900" in text
    assert "Metric: accuracy on test data (0.500 = best constant predictor)" in text
    assert "Range: 95 % stratified bootstrap interval, too narrow with 3 repetitions." in " ".join(
        text.split()
    )
    scaled = main_board(Comparison.of(Results(runs.assign(reference=0.9), one.curves, one.meta)))
    assert not scaled.measures
    assert scaled.table["metric"].isna().all()


def test_costs_by_hand():
    results = make_results(["x"], ["iris"], 2)
    runs = results.runs.assign(forwards=[100.0, 300.0], seconds=[1.0, 3.0], overhead_seconds=[0.5, 0.5])
    row = leaderboard(runs, results.curves).iloc[0]
    assert (row["forwards"], row["seconds"], row["overhead"]) == (200.0, 2.0, 0.25)


def test_a_failure_takes_the_last_place_even_with_a_good_value():
    values = {"dice": [(0.1, 0.1)], "good": [(0.9, 0.9)]}
    ranked = main_board(Comparison.of(two_tasks(values, {"good": "diverged"}))).table.set_index("learner")
    assert ranked["mean_rank"].to_dict() == {"dice": 1.0, "good": 2.0}
    assert ranked["failures"].to_dict() == {"dice": 0, "good": 2}
    fine = main_board(Comparison.of(two_tasks(values))).table.set_index("learner")
    assert fine["mean_rank"].to_dict() == {"dice": 2.0, "good": 1.0}


def test_a_failed_run_counts_with_its_last_finite_value():
    results = make_results(["adam"], ["iris"], 2, failures={("adam", "iris", 1): "error"})
    assert np.isnan(results.runs["test_metric"][1])
    left = results.curves[results.curves["repetition"] == 1]["test_metric"].iloc[-1]
    assert final_values(results.runs, results.curves)["value"].iloc[1] == left


def test_a_run_that_left_nothing_counts_with_its_start_then_with_the_constant():
    results = make_results(["adam", "sgd"], ["iris"], 1, failures={("adam", "iris", 0): "error"})
    curves = results.curves[results.curves["learner"] == "sgd"]
    start = curves["test_metric"].iloc[0]
    assert final_values(results.runs, curves)["value"].iloc[0] == start
    assert final_values(results.runs, curves.iloc[:0])["value"].iloc[0] == TASKS["iris"][3]
    assert final_values(results.runs, curves.iloc[:0])["score"].iloc[0] == 0.0


def test_a_loss_that_is_not_finite_ranks_last_though_nothing_was_raised():
    values = {"dice": [(0.1, 0.1)], "good": [(np.nan, np.nan)]}
    table = main_board(Comparison.of(two_tasks(values))).table.set_index("learner")
    assert table["mean_rank"].to_dict() == {"dice": 1.0, "good": 2.0}


def test_a_task_without_a_split_is_scored_on_training_data():
    results = make_results(["adam"], ["original"], 1)
    final = final_values(results.runs, results.curves).iloc[0]
    assert not final["split"]
    assert final["value"] == results.runs["metric"][0]
    assert final["ranked"] == final["value"]  # mse: lower is better


def test_ranks_are_over_tasks_that_all_can_do():
    comparison = Comparison.of(make_results())
    board = main_board(comparison)
    assert set(board.tasks) == set(TASKS) - NO_GRADIENT
    assert board.common
    (rest,) = other_boards(comparison)
    assert set(rest.tasks) == NO_GRADIENT
    assert set(rest.table["learner"]) == {"grid-search", "pattern-search", "random-search"}
    assert rest.table["not_applicable"].sum() == 0


def test_of_many_learners_a_part_of_the_tasks_shows_the_first_rows_and_names_who_is_missing():
    results = make_results([*(f"searcher-{k}" for k in range(30)), "adam"], ["iris", *NO_GRADIENT], 1)
    (rest,) = other_boards(Comparison.of(results))
    assert rest.learners_told == "30 learners, all but adam"
    text = text_leaderboard(results)
    assert text.count("searcher-") >= 30 + 12
    assert text.splitlines()[-1] == "    ... and 18 more, in the report"
    few = make_results([*(f"searcher-{k}" for k in range(20)), "adam"], ["iris", *NO_GRADIENT], 1)
    (rest,) = other_boards(Comparison.of(few))
    assert "more, in the report" not in text_leaderboard(few)
    assert rest.learners_told.startswith("searcher-0, searcher-1, searcher-10")


def test_a_learner_that_can_do_nothing_takes_no_tasks_from_the_others():
    results = make_results(["adam", "grid-search"], sorted(NO_GRADIENT), 2)
    board = main_board(Comparison.of(results))
    assert board.tasks == tuple(sorted(NO_GRADIENT))
    row = board.table.set_index("learner").loc["adam"]
    assert np.isnan(row["mean_rank"])
    assert (row["not_applicable"], row["runs"]) == (4, 0)


def test_no_common_task_no_ranks():
    first = make_results(["adam"], ["iris"], 2)
    second = make_results(["sgd"], ["wine"], 2)
    runs = pd.concat([first.runs, second.runs], ignore_index=True)
    board = main_board(Comparison(runs, pd.concat([first.curves, second.curves])))
    assert not board.common
    assert board.table["mean_rank"].isna().all()
    assert board.table["score"].notna().all()
    assert len(groups(runs)) == 2


def test_unequal_budgets_are_flagged_and_not_ranked():
    results = make_results(["adam", "sgd"], ["iris"], 2)
    assert not unequal_budgets(results.runs, {})
    assert unequal_budgets(results.runs, {"unequal_cost": True})
    more = results.runs.assign(
        budget=np.where(results.runs["learner"] == "sgd", '{"forwards": 9}', results.runs["budget"])
    )
    assert unequal_budgets(more, {})
    unequal = Results(more, results.curves, results.meta)
    assert main_board(Comparison.of(unequal)).table["mean_rank"].isna().all()
    assert "UNEQUAL COST" in text_leaderboard(unequal)


def test_the_order_of_a_budgets_keys_is_no_difference():
    results = make_results(["adam", "sgd"], ["iris"], 1)
    runs = results.runs.assign(budget=['{"forwards": 1, "seconds": 2}', '{"seconds": 2, "forwards": 1}'])
    assert not unequal_budgets(runs, {})


def test_who_does_not_beat_the_first_baseline_is_flagged():
    results = two_tasks({"dice": [(0.4, 0.4)], "good": [(0.9, 0.9)], "poor": [(0.4, 0.4)]})
    assert main_board(Comparison.of(results)).below_minimum == ("poor",)
    assert "Scores no higher than that of dice: poor." in text_leaderboard(results)
    unnamed = Results(results.runs, results.curves, {})
    assert main_board(Comparison.of(unnamed)).below_minimum == ()


def test_unfinished_repetitions_are_left_out_of_ranks_only():
    results = two_tasks({"dice": [(0.1, 0.1), (0.9, 0.9)], "good": [(0.5, 0.5), (0.5, 0.5)]})
    unfinished = results.runs[~((results.runs["learner"] == "dice") & (results.runs["repetition"] == 1))]
    table = leaderboard(unfinished, results.curves).set_index("learner")
    assert table["mean_rank"].to_dict() == {"good": 1.0, "dice": 2.0}


def test_the_text_fits_a_terminal_and_lines_up():
    names = ["adam", "x" * 200, "\x1b[31mred", "مرحبا\u202e"]
    text = text_leaderboard(make_results(names, ["iris", "wine"], 3, meta={"missing": 4}))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    assert len({len(line) for line in lines[:5]}) == 1
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "Unfinished: 4 planned runs still missing." in text


@pytest.mark.any_version
@pytest.mark.parametrize(
    ("width", "left"), [(100, "overhead"), (80, "overhead"), (60, "failed"), (44, "failed")]
)
def test_a_narrow_terminal_gets_fewer_columns(width, left):
    results = make_results(["adam", "a-learner-with-a-long-name", "grid-search"], repetitions=2)
    lines = text_leaderboard(results, width).splitlines()
    assert max(map(len, lines)) <= width
    assert lines[0].split()[-1] == left
    assert len({len(line) for line in lines[:4]}) == 1


def test_the_terminal_counts_only_where_the_text_goes_to_one(monkeypatch):
    results = make_results(["adam", "sgd"], ["iris"], 2)
    monkeypatch.setenv("COLUMNS", "50")
    monkeypatch.setattr("sys.stdout.isatty", lambda: False)
    assert "overhead" in text_leaderboard(results)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert "overhead" not in text_leaderboard(results)


def test_why_a_learner_is_missing_from_a_task_is_told():
    names = "breast-cancer-sign, diabetes-ternary"
    made = make_results(repetitions=2)
    (board,) = other_boards(Comparison.of(made))
    assert board.why == f"Tasks that only some learners can do: {names} (others need a gradient)"
    assert f"{board.why}." in " ".join(text_leaderboard(made).replace("diabetes-\n", "diabetes-").split())

    unknown = made.runs.assign(reason="it cannot")
    (board,) = other_boards(Comparison(unknown, made.curves))
    assert board.why == f"Tasks that only some learners can do: {names}"

    refused = made.runs["status"] == "not-applicable"
    (board,) = other_boards(Comparison(made.runs[~refused], made.curves))
    assert board.why == f"Tasks that only some learners have runs on yet: {names}"
    (board,) = other_boards(Comparison(made.runs[~(refused & (made.runs["learner"] == "sgd"))], made.curves))
    assert board.why == f"Tasks that only some learners can do, or have runs on yet: {names}"


def test_the_text_of_an_empty_store():
    empty = make_results(repetitions=0)
    assert text_leaderboard(empty) == "No runs yet."


@pytest.mark.any_version
def test_the_same_runs_in_another_order_give_the_same_board():
    results = make_results(repetitions=12, meta={"settings": SETTINGS})
    shuffled = Results(results.runs.sample(frac=1, random_state=1), results.curves, results.meta)
    assert text_leaderboard(shuffled) == text_leaderboard(results)


def test_names_as_shown():
    assert clean("a\nb\u202ec\x00") == "a b c"
    assert clean("") == "(no name)"
    assert len(short_name("x" * 200, 20)) == 20
    assert short_names(["x" * 30, "x" * 31, "y"], 20) == ["xxxxxxxxxxxxx…xxxxxx", "xxxxxxxxxx…xxxxx (2)", "y"]
