"""What the report says of who won, where the truth is known: how often it is wrong, and how often it finds it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from report_data import make_results
from target_data import make_measured

from nogd.report.figure import Comparison
from nogd.report.figures import budget_leaders, improvement
from nogd.report.forms.answers import answers
from nogd.report.forms.board_text import text_leaderboard
from nogd.report.forms.markdown import markdown
from nogd.report.forms.verdict import headline
from nogd.report.numbers import pairwise, verdict
from nogd.report.numbers.statistics import bootstrap_interval, pooled_interquartile_mean
from nogd.report.numbers.verdict import DISPUTED, LEADS, NO_TEST, TIED
from nogd.report.numbers.versus import BETTER, WORSE, compare

pytestmark = pytest.mark.any_version

TASKS = ("iris", "wine", "digits", "two-spirals", "breast-cancer", "diabetes", "parity", "original", "x", "y")


def runs_of(values, names=None):
    """Runs whose test metric is given, shape (repetitions, tasks, learners): each task scaled from 0 to 1."""
    names = names or [f"learner-{place}" for place in range(values.shape[2])]
    place = np.indices(values.shape).reshape(3, -1)
    frame = TEMPLATE.loc[TEMPLATE.index.repeat(values.size)].reset_index(drop=True)
    return frame.assign(
        id=[f"{r}-{t}-{k}" for r, t, k in place.T],
        repetition=place[0],
        task=np.array(TASKS)[place[1]],
        learner=np.array(names)[place[2]],
        test_metric=values.ravel(),
        constant=0.0,
        reference=1.0,
    )


TEMPLATE = make_results(["adam"], ["iris"], 1).runs
CURVES = make_results(["adam"], ["iris"], 1).curves.iloc[:0]


def comparison_of(values):
    return Comparison(runs_of(values), CURVES, {"settings": {}})


def draw(rng, repetitions, tasks, learners, better=0.0):
    """Normal scores about a level of each task, with starts that all learners share; the first is better by so many
    standard deviations between starts.
    """
    level, spread = rng.uniform(0.2, 1.0, size=tasks), rng.uniform(0.02, 0.2, size=tasks)
    start = rng.normal(size=(repetitions, tasks, 1))
    own = rng.normal(size=(repetitions, tasks, learners))
    own[..., 0] += better * np.sqrt(2)
    return level[:, None] + spread[:, None] * (start + own) / np.sqrt(2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("learners", "tasks", "repetitions"), [(2, 3, 2), (3, 10, 2), (5, 2, 5), (4, 10, 10)]
)
def test_equal_learners_are_called_different_in_at_most_one_store_of_twenty(learners, tasks, repetitions):
    rng = np.random.default_rng([learners, tasks, repetitions])
    stores = 100
    led = differing = 0
    for _ in range(stores):
        found = comparison_of(draw(rng, repetitions, tasks, learners)).verdict
        led += found.kind == LEADS
        differing += found.kind == LEADS or len(found.rivals) < learners - 1
    assert led <= differing <= 0.05 * stores + 2 * np.sqrt(0.05 * 0.95 * stores)


@pytest.mark.parametrize(("tasks", "repetitions"), [(1, 7), (4, 8)])
def test_of_an_equal_pair_a_task_is_told_apart_in_at_most_one_store_of_twenty(
    tasks, repetitions, monkeypatch
):
    monkeypatch.setattr(pairwise, "_DRAWS", 4)  # intervals are not what is asked
    rng = np.random.default_rng([tasks, repetitions])
    pair = [("learner-0", "learner-1")]
    told = 0
    for _ in range(100):
        rows = pairwise.pairwise_table(comparison_of(draw(rng, repetitions, tasks, 2)), pair)
        said = map(pairwise.told_apart, rows["wins"], rows["p_holm"])
        told += any(each != pairwise.OPEN for each in said)
    assert told <= 0.05 * 100 + 2 * np.sqrt(0.05 * 0.95 * 100)


@pytest.mark.slow
def test_a_difference_of_half_a_deviation_is_called_in_four_stores_of_five():
    rng = np.random.default_rng(7)
    found = [comparison_of(draw(rng, 10, 10, 2, better=0.5)).verdict for _ in range(60)]
    called = [each.kind == LEADS and each.first == "learner-0" for each in found]
    assert np.mean(called) >= 0.8
    assert not [each for each in found if each.kind == LEADS and each.first == "learner-1"]


@pytest.mark.slow
@pytest.mark.parametrize(("repetitions", "least", "most"), [(5, 0.80, 1.0), (10, 0.90, 0.98)])
@pytest.mark.parametrize("tasks", [2, 10])
def test_intervals_hold_the_truth_as_often_as_they_say(repetitions, tasks, least, most):
    rng = np.random.default_rng([repetitions, tasks])
    held = []
    for _ in range(250):
        level, spread = rng.uniform(0.2, 1.0, size=tasks), rng.uniform(0.02, 0.2, size=tasks)
        truth = float(pooled_interquartile_mean(level + spread * rng.normal(size=(4000, tasks))))
        scores = level + spread * rng.normal(size=(repetitions, tasks))
        low, high = bootstrap_interval(scores, pooled_interquartile_mean, rng=rng, draws=500)
        held.append(low <= truth <= high)
    assert least - 0.03 <= np.mean(held) <= most + 0.015  # 250 stores know it to 0.02


@pytest.mark.slow
def test_two_stores_of_equal_learners_differ_in_one_of_twenty():
    rng = np.random.default_rng(8)
    wrong = 0
    stores = 40
    for _ in range(stores):
        values = draw(rng, 5, 3, 4)
        found = compare(comparison_of(values[..., :2]), comparison_of(values[..., 2:]))
        wrong += bool(set(found.learners["verdict"]) & {BETTER, WORSE})
        assert not set(found.cells["verdict"]) & {BETTER, WORSE}  # five repetitions cannot show it
        assert "no single pair of learner and task can show a difference" in found.remarks[0]
    assert wrong <= 0.05 * stores + 2 * np.sqrt(0.05 * 0.95 * stores)


def test_two_stores_find_by_pooling_what_no_pair_could():
    values = draw(np.random.default_rng(9), 5, 9, 2)
    after = values.copy()
    after[..., 0] += 0.05
    found = compare(comparison_of(values), comparison_of(after))
    assert found.learners.set_index("learner")["verdict"].to_dict() == {
        "learner-0": BETTER,
        "learner-1": "identical",
    }
    row = found.learners.iloc[0]
    assert (row["score_change"], row["change_low"], row["change_high"]) == pytest.approx((0.05, 0.05, 0.05))


def test_equal_curves_have_a_clear_leader_in_one_store_of_twenty():
    rng = np.random.default_rng(10)
    wrong = 0
    for _ in range(30):
        made = make_results(["a", "b"], ["iris", "wine", "digits"], 10)
        curves = made.curves.copy()
        noise = {name: rng.normal() for name in curves["id"].unique()}
        for column in ("test_metric", "metric", "loss"):
            curves[column] = curves["id"].map(noise) + 0.1 * rng.normal(size=len(curves))
        panels = budget_leaders.panels_of(Comparison(made.runs, curves, made.meta))
        strips = budget_leaders.strips_of(panels, "metric")
        wrong += any(lead.clear for strip in strips for lead in strip.leads)
    assert wrong <= 4


def test_the_sentence_is_quoted_everywhere():
    made = comparison_of(draw(np.random.default_rng(11), 10, 10, 3, better=2.0))
    said = headline(made)
    assert said.startswith("learner-0 leads: it scores highest (")
    assert "every other learner more often than chance explains." in answers(made)[0].behind
    assert said in " ".join(text_leaderboard(made).split())
    assert said in markdown(made).splitlines()[0].replace("\\", "")
    told = [each.answer for each in answers(made)]
    assert (told[0], told[-1]) == ("learner-0", "beyond chance")


def test_the_sentence_says_which_tasks_it_is_about_where_not_all_can_do_all():
    said = headline(Comparison.of(make_results(["adam", "random-search"], repetitions=6)))
    assert said.startswith("adam leads on 8 of 10 tasks: it scores highest (")


def test_a_tie_names_who_is_in_it_and_how_many_are_behind():
    values = draw(np.random.default_rng(12), 10, 5, 3)
    values[..., 2] -= 1.0
    made = comparison_of(values)
    assert made.verdict.kind == TIED
    assert made.verdict.behind == 1
    assert headline(made).startswith(f"Tied: {made.verdict.first}, {made.verdict.rivals[0]}. ")
    assert headline(made).endswith("; 1 behind.")
    assert answers(made)[0].answer == f"tied: {made.verdict.first} and 1 other"


def test_so_few_runs_that_no_test_could_tell():
    values = np.zeros((2, 2, 2))
    values[..., 0] = 1.0
    made = comparison_of(values)
    assert made.verdict.kind == NO_TEST
    assert headline(made).endswith("but 2 repetitions of 2 tasks cannot show a difference.")
    one = comparison_of(np.concatenate([values, values, values], axis=1)[:1])
    assert headline(one).endswith("but 1 repetition cannot show a difference.")


def test_who_failed_a_whole_task_does_not_lead():
    failures = {("adam", "parity", k): "diverged" for k in range(10)}
    made = Comparison.of(make_results(["adam", "random-search"], repetitions=10, failures=failures))
    assert made.board.table["learner"].iloc[0] == "adam"
    assert made.board.lost == {"adam": ("parity",)}
    assert made.verdict.kind == DISPUTED
    assert headline(made).endswith("but all its runs on parity failed.")
    shown = text_leaderboard(made)
    assert "! All runs on a task failed: adam (parity)." in shown
    assert f"{made.board.table['score'].iloc[0]:.2f}! " in shown


def test_who_wins_more_often_disputes_the_first_place():
    """The first is far ahead on three tasks of ten, which decide its score, and a little behind on seven."""
    values = 0.001 * np.random.default_rng(13).normal(size=(10, 10, 2)) + 0.5
    values[:, :3, 0] += 0.4
    values[:, 3:, 0] -= 0.01
    made = comparison_of(values)
    assert (made.verdict.first, made.verdict.kind) == ("learner-0", DISPUTED)
    assert headline(made).endswith("but learner-1 wins 70% of the runs between them.")


def test_who_reaches_targets_sooner_disputes_the_first_place():
    made = make_measured(["adam", "random-search"], ["iris", "wine"], 6)
    reached = made.reached
    soon = reached["learner"] == "random-search"
    ledgers = [name for name in ("forwards", "seconds", "flops") if name in reached]
    sooner = reached.assign(**{name: np.where(soon, 1.0, 100.0) for name in ledgers})
    found = Comparison.of(replace(made, reached=sooner))
    assert found.verdict.first == "adam"
    assert found.verdict.kind == DISPUTED
    assert "random-search reaches targets sooner" in headline(found)


def test_the_gap_leaves_no_run_out():
    values = np.ones((4, 4, 1))
    values[:, 0] = -5.0
    table = comparison_of(np.concatenate([values, values], axis=2)).board.table
    assert table["score"].iloc[0] == 1.0
    assert table["gap"].iloc[0] == pytest.approx(0.25)


def test_the_best_validation_point_is_looked_up_on_the_curve():
    made = make_results(["adam"], ["iris"], 2)
    curves = made.curves.copy()
    for _, rows in curves.groupby("id"):
        middle = rows.index[len(rows) // 2]
        curves.loc[rows.index, "validation_loss"] = 1.0
        curves.loc[middle, ["validation_loss", "test_metric"]] = [0.5, 0.96]
    found = Comparison(made.runs, curves, made.meta)
    assert found.finals["best_score"].tolist() == pytest.approx([1.0, 1.0])
    assert (found.finals["score"] != 1.0).all()
    assert found.board.table["best_score"].iloc[0] == pytest.approx(1.0)


def test_a_failed_run_never_outscores_one_that_ended():
    for status in ("diverged", "error", "killed", "timeout"):
        made = make_results(["adam", "random-search"], ["iris"], 3, {("adam", "iris", 0): status})
        runs = made.runs.assign(test_metric=np.where(made.runs["status"] == status, 0.99, 0.5))
        finals = Comparison(runs, made.curves, made.meta).finals
        failed = finals[finals["failed"]]
        assert failed["score"].tolist() == [finals.loc[~finals["failed"], "score"].min()]


def test_pairs_within_one_store_tell_how_much():
    made = comparison_of(draw(np.random.default_rng(14), 10, 5, 3, better=2.0))
    table = improvement.improvement_table(made)
    row = table[(table["learner"] == "learner-0") & (table["against"] == "learner-1")].iloc[0]
    assert row["difference_low"] < row["score_difference"] < row["difference_high"]
    assert row["score_difference"] > 0
    assert row["p_all"] < 0.05 < 0.5 < row["probability"]


def test_a_learner_without_a_run_here_is_no_rival():
    made = make_results(["adam", "random-search"], ["iris", "breast-cancer-sign"], 6)
    only = made.runs[(made.runs["task"] == "breast-cancer-sign") | (made.runs["learner"] != "adam")]
    found = Comparison(pd.DataFrame(only), made.curves, made.meta)
    assert verdict.judge(found, found.board).first == "random-search"


def test_where_all_runs_failed_nothing_is_said_of_references():
    failures = {(learner, "iris", k): "error" for learner in ("adam", "sgd") for k in range(2)}
    made = make_results(["adam", "sgd"], ["iris"], 2, failures=failures)
    unknown = made.runs.assign(constant=np.nan, reference=np.nan)
    told = " ".join(text_leaderboard(Comparison(unknown, made.curves.iloc[:0], made.meta)).split())
    assert "None of the 4 runs succeeded" in told
    assert "Not in the score: iris, where no run succeeded." in told
    assert "frozen reference that beats" not in told
