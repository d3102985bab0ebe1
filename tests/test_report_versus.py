"""Two comparisons side by side."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from bench_help import command
from pypdf import PdfReader
from report_data import make_results

from nogd.report.figure import Comparison
from nogd.report.forms import versus_forms
from nogd.report.numbers.paired import block_differences, exchange_p
from nogd.report.numbers.versus import APART, BETTER, OPEN, SAME, WORSE, compare

LEARNERS, TASKS = ["adam", "sgd"], ["iris", "wine"]


def comparison(change=None, learners=LEARNERS, tasks=TASKS, repetitions=10, **columns):
    """change: from the test metric of a run, by learner."""
    made = make_results(learners, tasks, repetitions)
    runs = made.runs.assign(**columns)
    for learner, function in (change or {}).items():
        mine = runs["learner"] == learner
        runs.loc[mine, "test_metric"] = function(runs.loc[mine, "test_metric"])
    return Comparison(runs, made.curves, made.meta)


def test_equal_runs_are_called_identical():
    found = compare(comparison(), comparison())
    assert set(found.cells["verdict"]) == {SAME}
    assert set(found.learners["verdict"]) == {SAME}
    assert found.differences == ()
    assert "4 identical" in found.headline


def test_a_change_in_one_learner_is_found_there_alone_and_in_its_direction():
    found = compare(comparison(), comparison({"sgd": lambda value: value - 0.3}))
    verdicts = found.cells.set_index(["learner", "task"])["verdict"]
    assert verdicts["adam"].tolist() == [SAME, SAME]
    assert verdicts["sgd"].tolist() == [WORSE, WORSE]
    assert found.learners.set_index("learner")["verdict"].to_dict() == {"adam": SAME, "sgd": WORSE}
    back = compare(comparison({"sgd": lambda value: value - 0.3}), comparison())
    assert back.learners.set_index("learner")["verdict"]["sgd"] == BETTER


def test_p_is_that_of_exchanging_runs_with_one_start_and_corrected_for_all_rows():
    def jitter(value):
        return value + np.resize([0.01, -0.02, 0.015], len(value))

    first, second = comparison(), comparison({"adam": jitter, "sgd": jitter})
    found = compare(first, second).cells
    row = found[(found["learner"] == "sgd") & (found["task"] == "wine")].iloc[0]
    losses = [
        -each.finals.query("learner == 'sgd' and task == 'wine'")["value"].to_numpy()[:, None]
        for each in (first, second)
    ]
    assert row["p"] == exchange_p(block_differences(losses[1], losses[0]))[0]
    assert row["p_holm"] >= row["p"]
    assert row["pairs"] == 10
    assert set(found["verdict"]) == {OPEN}


def test_only_repetitions_that_both_have_are_tested():
    long, short = comparison(repetitions=10), comparison({"sgd": lambda value: value + 0.1}, repetitions=7)
    found = compare(long, short).cells
    row = found[(found["learner"] == "sgd") & (found["task"] == "iris")].iloc[0]
    assert (row["pairs"], row["runs"], row["wins"]) == (7, "10 / 7", pytest.approx(1.0, abs=0.3))


def test_other_budgets_or_task_versions_are_never_called_better():
    for columns in ({"budget": '{"forwards": 9}'}, {"task_version": 7}):
        found = compare(comparison(), comparison({"sgd": lambda value: value + 1}, **columns))
        assert set(found.cells["verdict"]) == {APART}
        assert found.learners.empty
        assert all(found.cells["why"])


def test_what_else_differs_is_said_plainly():
    second = comparison(learners=["adam", "mine"], tasks=["iris", "digits"], repetitions=5, version="9")
    told = " ".join(compare(comparison(), second).differences)
    for part in (
        "Only the first has the learner sgd.",
        "Only the second has the learner mine.",
        "Only the first has the task wine.",
        "the version of the code of adam",
        "10 repetitions, the second 5",
    ):
        assert part in told


def test_nothing_in_common_is_a_sentence():
    found = compare(comparison(learners=["adam"]), comparison(learners=["sgd"]))
    assert "nothing can be compared" in found.headline
    page = versus_forms.page(found, ("a", "b"))
    assert "<svg" not in page


def test_on_a_terminal_what_changed_comes_first_and_names_are_short():
    long = "x" * 200
    first = comparison(learners=["adam", long])
    second = comparison({long: lambda value: value - 0.3}, learners=["adam", long])
    lines = versus_forms.text(compare(first, second)).splitlines()
    assert lines[0].startswith("The second is worse with xxx")
    assert "worse" in lines[-2]
    assert "identical" in lines[-1]
    assert all(len(line) < 120 for line in lines[1:])


def test_names_are_escaped_in_every_form():
    hostile = "<script>alert(1)</script>"
    found = compare(
        comparison(learners=[hostile]), comparison({hostile: lambda v: v - 0.2}, learners=[hostile])
    )
    assert "<script>" not in versus_forms.page(found, (hostile, "b"))
    assert "| <script>" not in versus_forms.markdown(found, ("a", "b"))


def test_a_pdf_says_what_changed_and_shows_every_pair():
    first = comparison(learners=["adam", "sgd"])
    found = compare(first, comparison({"adam": lambda v: v - 0.2}, learners=["adam", "sgd"]))
    written = versus_forms.pdf(found, ("before", "after"))
    texts = [page.extract_text() for page in PdfReader(io.BytesIO(written)).pages]
    front = " ".join(texts[0].split())
    assert found.headline in front
    assert "First: before" in front
    assert "Second: after" in front
    shown = " ".join(" ".join(texts[1:]).split())
    assert versus_forms.finding(found) in shown
    assert "(no name)" not in shown
    assert all(
        f"{name} {task}" in shown for name, task in found.cells[["learner", "task"]].itertuples(index=False)
    )
    assert versus_forms.pdf(found, ("before", "after")) == written


def test_a_pdf_of_nothing_in_common_says_so():
    found = compare(comparison(learners=["adam"]), comparison(learners=["sgd"]))
    [page] = PdfReader(io.BytesIO(versus_forms.pdf(found, ("a", "b")))).pages
    assert "no learner and task in common" in " ".join(page.extract_text().split())


@pytest.mark.usefixtures("unreported")
@pytest.mark.any_version
def test_two_stores_on_the_command_line(tmp_path):
    words = ("-l", "adam", "-t", "iris", "--repetitions", 2, "--jobs", 0)
    for name, forwards in (("a", 30), ("b", 60)):
        assert command("run", *words, "--forwards", forwards, "--out", tmp_path / name).exit_code == 0
    for kind, written in (
        ("html", "versus.html"),
        ("pdf", "versus.pdf"),
        ("md", "versus.md"),
        ("csv", "versus"),
    ):
        result = command("report", tmp_path / "a", tmp_path / "b", "--format", kind)
        assert result.exit_code == 0, result.output
        assert result.stdout.splitlines()[-1] == str(tmp_path / "b" / written)
        assert "1 not comparable" in result.stdout
        assert "forwards 30 / 60" in result.stdout
    cells = pd.read_csv(tmp_path / "b" / "versus" / "cells.csv")
    assert cells["verdict"].tolist() == [APART]
    result = command("report", tmp_path / "a", tmp_path / "a")
    assert result.exit_code == 2
    assert "given twice" in result.stderr
