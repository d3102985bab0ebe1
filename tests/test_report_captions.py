"""What captions claim: no more than the runs bear, and no more names than an ear can hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from report_data import make_results
from target_data import make_measured

from nogd.report.figure import Comparison
from nogd.report.figures import (
    budget_leaders,
    final_losses,
    learning_curves,
    paths,
    performance_profile,
    scores,
    sensitivity,
    train_test,
)
from nogd.report.names import listed

CROWD = [f"learner-{number:02}" for number in range(30)]


def caption(figure, results):
    drawn = figure.draw(Comparison.of(results))
    return (drawn[0] if isinstance(drawn, list) else drawn).alt


def level(results, **values):
    """The same results with one value for all runs and all points of curves."""
    return replace(results, runs=results.runs.assign(**values), curves=results.curves.assign(**values))


def test_a_long_list_ends_with_how_many_there_are_beyond():
    assert listed(["a", "b"]) == "a, b"
    assert listed(["a", "b", "c"], 2) == "a, b and 1 more"
    assert listed(["adam,lr=1", "b"]) == "adam,lr=1; b"
    assert listed([]) == ""


@pytest.mark.parametrize("figure", [final_losses, performance_profile])
def test_of_thirty_learners_a_caption_names_a_few(figure):
    told = caption(figure, make_measured(CROWD, ["iris"], 2))
    assert sum(name in told for name in CROWD) < 15
    assert "more" in told


def test_a_curve_is_best_beyond_chance_or_perhaps_by_it():
    apart = make_results(["adam", "random-search"], ["iris"], 8)
    assert "adam is best with" in caption(learning_curves, apart)
    assert ", ahead of all others beyond chance." in caption(learning_curves, apart)
    close = make_results(["twin-a", "twin-b"], ["diabetes"], 8)
    assert ", not told apart from 1 other." in caption(learning_curves, close)
    few = make_results(["adam", "random-search"], ["iris"], 5)
    assert ", and 5 repetitions cannot show whether that is chance." in caption(learning_curves, few)
    alone = caption(learning_curves, make_results(["adam"], ["iris"], 5))
    assert "1 learner on iris" in alone
    assert "is best" not in alone


def test_a_tie_is_no_lead():
    tied = level(make_results(["adam", "sgd"], ["iris"], 3), metric=0.5, test_metric=0.5)
    assert "the best are tied at 0.5." in caption(learning_curves, tied)
    assert "tied for the best on test data, 0.5: adam, sgd." in caption(train_test, tied)


@pytest.mark.parametrize("figure", [learning_curves, budget_leaders])
def test_unequal_budgets_are_told_where_curves_end(figure):
    settings = {"settings": {"unequal_cost": True}}
    assert learning_curves.SPENT in caption(figure, make_results(["adam", "sgd"], ["iris"], 2, meta=settings))
    assert learning_curves.SPENT not in caption(figure, make_results(["adam", "sgd"], ["iris"], 2))


def test_the_highest_score_says_whether_it_is_beyond_chance():
    clear = make_results(["adam", "random-search"], ["iris", "wine"], 5)
    assert ", ahead of all others beyond chance)" in caption(scores, clear)
    few = make_results(["adam", "random-search"], ["iris", "wine"], 2)
    assert ", too few runs to tell whether by chance)" in caption(scores, few)
    close = make_results(["twin-a", "twin-b"], ["iris", "wine"], 5)
    assert ", not told apart from 1 other)" in caption(scores, close)


def test_where_no_target_was_reached_nobody_is_the_fastest():
    made = make_measured(["adam", "sgd"], ["iris"], 2)
    ledgers = ["forwards", "seconds", "flops"]
    never = replace(made, reached=made.reached.assign(**dict.fromkeys(ledgers, np.nan)))
    assert caption(performance_profile, never) == "No learner reached any of 4 pairs of task and target."


def test_failed_runs_in_a_mean_are_told():
    made = make_results(["adam", "sgd"], ["iris"], 3, {("sgd", "iris", 0): "error"})
    assert caption(final_losses, made).endswith("With 1 failed run, by the last loss that was known.")


def test_the_end_of_one_path_is_no_verdict(monkeypatch):
    side = np.array([-1.0, 1.0])
    walks = [
        paths.LearnerPath(
            name, name, 1.0, np.array([[0.0, 0.0], [0.5, end]]), np.arange(2.0), np.array([9.0, end])
        )
        for name, end in (("adam", 0.25), ("sgd", 0.5))
    ]
    monkeypatch.setattr(paths, "charts", lambda _: [paths.Chart("iris", 0, 1.0, walks, side, side, None)])
    told = caption(paths, make_results(["adam", "sgd"], ["iris"], 1))
    assert (
        "The lowest training loss at the end of these single runs is 0.25, of adam; one start is no verdict."
        in told
    )


def test_a_setting_that_may_matter_by_chance_alone_is_told_so():
    def sweep(p):
        values, score = np.array([0.1, 1.0]), np.array([0.4, 0.6])
        return sensitivity.Sweep("adam", "lr", ("a", "b"), values, score, score, score, 2, p)

    assert sensitivity._finding(sweep(0.2)).endswith("which may be chance.")
    assert sensitivity._finding(sweep(0.01)).endswith("which is beyond chance.")
