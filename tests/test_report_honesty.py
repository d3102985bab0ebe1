"""What no table may reward: time that the others did not take, and work that nobody counted."""

from __future__ import annotations

import pytest
from report_data import make_results

from nogd.report.figure import Comparison
from nogd.report.forms import verdict
from nogd.report.forms.remarks import outside_told

LEARNERS = ("adam", "grid-search", "random-search")
TASKS = ("iris", "wine")


def comparison(statuses=None, overhead=None) -> Comparison:
    failures = {("adam", task, k): status for task in TASKS for k in range(5) if (status := statuses)}
    made = make_results(LEARNERS, TASKS, failures=failures)
    runs = made.runs.copy()
    for learner, share in (overhead or {}).items():
        of = runs["learner"] == learner
        runs.loc[of, "overhead_seconds"] = share * runs.loc[of, "seconds"]
    if statuses:  # it had measured something wonderful by then
        runs.loc[runs["learner"] == "adam", ["test_metric", "loss"]] = [0.99, 0.01]
    return Comparison(runs, made.curves, made.meta)


def test_a_run_that_timed_out_does_not_outscore_one_that_ended():
    finals = comparison("timeout").finals
    for _, rows in finals.groupby(["task", "repetition"]):
        by_learner = rows.set_index("learner")["score"]
        assert by_learner["adam"] == by_learner.drop("adam").min()
    board = comparison("timeout").board.table
    assert board["score"].iloc[-1] == board["score"].min()
    assert board["learner"].iloc[-1] == board.set_index("learner")["mean_rank"].idxmax() == "adam"


def test_one_that_ended_with_that_value_does():
    made = comparison("ok")
    assert made.board.table["learner"].iloc[0] == "adam"
    assert made.finals.set_index("learner").loc["adam", "score"].min() > 0.9


@pytest.mark.parametrize(
    ("overhead", "named"),
    [({"adam": 0.99}, "adam"), ({"random-search": 0.999}, ""), ({"adam": 0.9}, ""), ({}, "")],
)
def test_a_top_score_from_outside_of_the_objective_is_marked(overhead, named):
    made = comparison("ok", overhead)
    assert made.board.top_outside == ((named,) if named else ())
    told = outside_told(made.board)
    assert (
        told.startswith(f"Check this: {named} scored best, but spent nearly all of the time outside")
        if named
        else told == ""
    )
    assert (told in verdict.warnings(made)) == bool(named)
