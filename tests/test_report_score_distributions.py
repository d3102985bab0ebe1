"""Score distributions: shares of runs, medians, and what is said where there is no score."""

from __future__ import annotations

import numpy as np
import pytest
from report_data import NO_GRADIENT, SKILL, make_results

from nogd.report.figure import Comparison, Drawn
from nogd.report.figures import score_distributions
from nogd.report.figures.scores import NO_SCALE


@pytest.fixture(scope="module")
def comparison():
    return Comparison.of(make_results(repetitions=3))


def test_a_line_is_the_share_of_runs_with_that_score_or_a_higher_one():
    found = score_distributions.shares(np.array([0.1, 0.5, 0.5, 0.9]), np.array([0, 0.1, 0.5, 0.6, 0.9, 1]))
    assert found.tolist() == [1, 1, 0.75, 0.25, 0.25, 0]


def test_runs_on_the_tasks_of_the_leaderboard_count(comparison):
    scores = score_distributions.scores_of(comparison)
    assert list(scores) == comparison.board.table["learner"].tolist()
    rows = comparison.finals[~comparison.finals["task"].isin(NO_GRADIENT)]
    for learner, values in scores.items():
        assert values.tolist() == sorted(rows.loc[rows["learner"] == learner, "score"])


def test_the_drawing_has_a_line_for_each_learner_and_tells_medians(comparison):
    drawn = score_distributions.draw(comparison)
    assert isinstance(drawn, Drawn)
    assert set(drawn.data["learner"]) == set(SKILL)
    for _, rows in drawn.data.groupby("learner"):
        assert (rows["share_of_runs"].diff().dropna() <= 0).all()
        assert rows["share_of_runs"].between(0, 1).all()
    best = comparison.finals.query("learner == 'adam'")
    median = np.median(best.loc[~best["task"].isin(NO_GRADIENT), "score"])
    assert f"Median score over a learner's {3 * 8} runs: adam {median:.2f}" in drawn.alt


def test_a_score_far_away_does_not_stretch_the_axis():
    made = make_results(["adam", "sgd"], ["iris"], 3)
    made.runs.loc[made.runs["learner"] == "sgd", "test_metric"] = -1e9
    drawn = score_distributions.draw(Comparison.of(made))
    assert drawn.data["score"].min() == -1
    assert (drawn.data.query("learner == 'sgd'")["share_of_runs"] == 0).all()


def test_without_a_scale_a_sentence_says_so():
    made = make_results(["adam", "sgd"], ["iris"], 2)
    assert (
        score_distributions.draw(Comparison.of(type(made)(made.runs.assign(reference=np.nan), made.curves)))
        == NO_SCALE
    )
