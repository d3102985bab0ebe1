"""Final losses: a learner that diverged does not flatten the others."""

from __future__ import annotations

import numpy as np
from report_data import make_results

from nogd.report.figure import Comparison
from nogd.report.figures.final_losses import FIGURE


def drawn_of(factor):
    made = make_results(
        ["adam", "sgd"], ["iris"], 3, failures={("sgd", "iris", i): "diverged" for i in range(3)}
    )
    runs = made.runs.copy()
    runs["loss"] = runs["loss"].fillna(0.1)
    mine = runs["learner"] == "sgd"
    runs.loc[mine, "loss"] = factor * runs.loc[~mine, "loss"].max()
    [drawn] = FIGURE.draw(Comparison(runs, made.curves, made.meta))
    return drawn, [text.get_text() for text in drawn.figure.axes[0].texts]


def test_what_diverged_far_away_has_its_number_and_no_bar():
    drawn, texts = drawn_of(1e12)
    assert any("off the axis" in text for text in texts)
    assert drawn.figure.axes[0].get_xlim()[1] < 1e3
    assert drawn.data["loss"].max() > 1e9


def test_every_run_is_a_dot_at_its_loss_within_the_axis():
    made = make_results(["adam", "sgd"], ["iris"], 5)
    [drawn] = FIGURE.draw(Comparison(made.runs, made.curves, made.meta))
    axes = drawn.figure.axes[0]
    dots = [line for line in axes.lines if line.get_marker() == "."]
    low, high = axes.get_xlim()
    for line, learner in zip(dots, drawn.data["learner"], strict=True):
        losses = made.runs.loc[made.runs["learner"] == learner, "loss"].to_numpy()
        np.testing.assert_allclose(line.get_xdata(), np.clip(losses, low, high))
        assert len(set(line.get_ydata())) == 5


def test_with_many_learners_there_are_no_dots():
    made = make_results([f"learner-{place}" for place in range(15)], ["iris"], 2)
    [drawn] = FIGURE.draw(Comparison(made.runs, made.curves, made.meta))
    assert not [line for line in drawn.figure.axes[0].lines if line.get_marker() == "."]


def test_what_failed_nearby_is_drawn_like_the_others():
    drawn, texts = drawn_of(2)
    assert not any("off the axis" in text for text in texts)
    assert len(drawn.figure.axes[0].patches) == 2
