"""The figure of scores against what they cost, and the front on it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from report_data import make_results

from nogd.errors import UserError
from nogd.report.figure import Comparison
from nogd.report.figures import score_against_cost
from nogd.report.numbers.pareto import on_front

pytestmark = pytest.mark.met_in("test_report_states.py")


def test_the_front_is_whoever_nobody_beats():
    rng = np.random.default_rng(0)
    for _ in range(50):
        costs, values = rng.integers(1, 5, (2, 7)).astype(float)
        pairs = list(zip(costs, values, strict=True))
        beats = [[(a[0] <= b[0] and a[1] >= b[1] and a != b) for b in pairs] for a in pairs]
        plain = [not any(beats[other][each] for other in range(7)) for each in range(7)]
        assert on_front(costs, values).tolist() == plain


def test_equals_are_on_the_front_together_and_what_is_unknown_on_none():
    costs, values = np.array([1.0, 1.0, 2.0, np.nan]), np.array([0.5, 0.5, 0.4, 9.0])
    assert on_front(costs, values).tolist() == [True, True, False, False]
    assert on_front(np.array([]), np.array([])).tolist() == []
    for order in itertools.permutations(range(4)):
        there = list(order)
        assert on_front(costs[there], values[there]).tolist() == [place < 2 for place in order]


@pytest.fixture(scope="module")
def comparison():
    made = make_results(["adam", "sgd", "random-search"], ["iris", "diabetes-ternary"], 2)
    runs = made.runs.copy()
    for learner, seconds in (("adam", 3.0), ("sgd", 9.0), ("random-search", 1.0)):
        runs.loc[runs["learner"] == learner, "seconds"] = seconds
    runs.loc[runs["task"] == "diabetes-ternary", "seconds"] = 1000.0
    runs.loc[runs["learner"] == "sgd", "memory_mb"] = np.nan
    return Comparison(runs, made.curves, made.meta)


def test_costs_are_those_of_the_tasks_that_scores_are_over(comparison):
    table = score_against_cost.against(comparison, "seconds")
    assert table["learner"].tolist() == ["random-search", "adam", "sgd"]
    assert table["cost"].tolist() == [1.0, 3.0, 9.0]
    assert table["on_front"].tolist() == [True, True, False]


def test_who_has_no_cost_is_left_out(comparison):
    assert set(score_against_cost.against(comparison, "peak memory")["learner"]) == {"adam", "random-search"}
    unknown = Comparison(comparison.runs.assign(memory_mb=np.nan, seconds=np.nan), comparison.curves)
    assert score_against_cost.draw(unknown) == score_against_cost.NO_COST
    with pytest.raises(UserError, match="has both a score and a measured cost"):
        score_against_cost.draw_on(None, unknown)


def test_the_words_name_the_front(comparison):
    seconds, memory = score_against_cost.draw(comparison)
    assert "nobody is both better and cheaper than random-search (score" in seconds.alt
    assert "sgd" not in seconds.alt
    assert (seconds.title, memory.title) == ("seconds", "peak memory")
