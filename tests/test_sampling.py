"""Of very many runs the curves of a sample: what is drawn, and that no number depends on it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from report_data import make_results, tables_of

import nogd
from nogd.bench.columns import CURVE_COLUMNS
from nogd.bench.sampling import ends, sampled
from nogd.bench.tables import load_tables
from nogd.report.figure import Comparison
from nogd.report.figures import budget_leaders, learning_curves
from nogd.report.forms import writing

FAILURES = {("sgd", "wine", 1): "error", ("adam", "iris", 0): "diverged", ("sgd", "parity", 2): "timeout"}


@pytest.fixture(scope="module")
def made():
    return make_results(["adam", "sgd"], ["iris", "wine", "parity"], 8, FAILURES)


def with_ends_only(made):
    """The same results as `load_tables` gives them with a sample."""
    sample = sampled(made.runs, 20)
    kept = []
    for id_, curve in made.curves.groupby("id", sort=False):
        points = curve[list(CURVE_COLUMNS)].to_numpy(dtype=float)
        left = curve["forwards"].isin(ends(points)[:, CURVE_COLUMNS.index("forwards")])
        kept.append(curve if id_ in sample else curve[left])
    return type(made)(made.runs, pd.concat(kept), made.meta | {"sampled": sample})


def test_as_many_of_each_learner_and_task_and_the_same_of_all_learners(made):
    sample = sampled(made.runs, 20)
    chosen = made.runs[made.runs["id"].isin(sample)]
    assert set(chosen.groupby(["learner", "task"]).size()) == {3}
    for _, rows in chosen.groupby("task"):
        adam, sgd = (set(part["repetition"]) for _, part in rows.groupby("learner"))
        assert adam == sgd
    assert sample == sampled(made.runs.sample(frac=1, random_state=0), 20)


def test_no_more_runs_than_that_are_all_drawn(made):
    assert sampled(made.runs, len(made.runs)) is None


def test_each_learner_and_task_has_at_least_one(made):
    assert len(sampled(made.runs, 1)) == 6


def test_the_ends_of_a_curve_are_known_and_no_more():
    curve = np.full((9, len(CURVE_COLUMNS)), np.nan)
    for name, values in {
        "forwards": range(9),
        "loss": [np.nan, 5, 4, 3, 2, 2, 2, np.inf, np.nan],
        "validation_loss": [np.nan, 5, 4, 1, 3, 1, 3, 3, 3],
        "test_metric": [np.nan, 1, 2, 3, 4, 5, 6, 7, 8],
    }.items():
        curve[:, CURVE_COLUMNS.index(name)] = list(values)
    assert ends(curve)[:, CURVE_COLUMNS.index("forwards")].tolist() == [1, 3, 6, 8]
    assert len(ends(curve[:0])) == 0


@pytest.mark.parametrize("validated", [False, True])
def test_final_values_are_those_of_whole_curves(made, validated):
    if validated:
        losses = np.random.default_rng(0).random(len(made.curves))
        made = type(made)(made.runs, made.curves.assign(validation_loss=losses), made.meta)
    some = with_ends_only(made)
    assert len(some.curves) < 0.6 * len(made.curves)
    pd.testing.assert_frame_equal(Comparison.of(some).finals, Comparison.of(made).finals)


def test_curves_are_of_the_sample_and_say_so(made):
    comparison = Comparison.of(with_ends_only(made))
    for figure in (learning_curves, budget_leaders):
        for drawn in figure.draw(comparison):
            assert drawn.alt.endswith(" Drawn from a sample: 18 of 48 runs.")
    assert {
        curve.runs for panel in learning_curves.panels_of(comparison) for curve in panel.loss.values()
    } == {3}


def test_a_store_with_more_runs_than_that_is_sampled_by_the_report_and_its_csv_has_all(tmp_path, monkeypatch):
    nogd.run(
        learners=["random-search"],
        tasks=["iris"],
        repetitions=5,
        budget=20,
        out=tmp_path,
        jobs=0,
        progress=False,
    )
    monkeypatch.setattr(writing, "MOST_CURVES", 2)
    whole, some = load_tables(tmp_path), load_tables(tmp_path, most_curves=2)
    assert len(some.meta["sampled"]) == 2
    assert "sampled" not in whole.meta
    assert len(some.curves) < len(whole.curves)
    pd.testing.assert_frame_equal(some.reached, whole.reached)
    page = writing.write_form(tmp_path, "html").read_text(encoding="utf-8")
    assert "Curves are drawn from a sample, 2 of 5 runs:" in page
    assert tables_of(page)["runs"].count("\n") == 6
    assert len(pd.read_csv(writing.write_form(tmp_path, "csv") / "curves.csv")) == len(whole.curves)
