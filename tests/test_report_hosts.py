"""Runs of several machines: how fast each is, and that seconds of unlike ones are never put together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from report_data import Results, make_results
from target_data import make_measured

from nogd.report.figure import Comparison
from nogd.report.figures import data_profile, learning_curves, score_against_cost, time_split
from nogd.report.forms.page import render
from nogd.report.forms.verdict import headline, notes
from nogd.report.numbers.hosts import host_facts, hosts, hosts_told, on_one_clock

SLOW = 4.0
TIMES = ["seconds", "overhead_seconds", "measure_seconds"]


def results(slow: float, tasks: tuple[str, ...] = ("iris", "wine")) -> Results:
    """Repetitions 0 to 2 ran on `here`, 3 and 4 on `there`, whose seconds are so many times as many."""
    made = make_results(learners=["adam", "sgd"], tasks=tasks)
    forwards = made.runs["forwards"].fillna(3000.0)
    there = made.runs["repetition"] >= 3
    factor = np.where(there, slow, 1.0)
    runs = made.runs.assign(
        host=np.where(there, "there", "here"),
        seconds=forwards / 1000 * factor,
        overhead_seconds=forwards / 4000 * factor,
        measure_seconds=0.1 * factor,
    )
    return replace(made, runs=runs)


def test_seconds_of_a_slower_machine_are_left_out():
    mixed, alone = Comparison.of(results(SLOW)), Comparison.of(results(SLOW))
    alone = Comparison.of(replace(results(SLOW), runs=alone.runs[alone.runs["host"] == "here"]))
    for table in ("seconds", "overhead"):
        found, expected = (each.board.table.set_index("learner")[table] for each in (mixed, alone))
        assert found.to_dict() == pytest.approx(expected.to_dict())
    assert mixed.board.table["runs"].tolist() == [10, 10]  # which count in all else
    assert time_split.split(mixed)["total"].tolist() == pytest.approx(
        time_split.split(alone)["total"].tolist()
    )
    costs = [
        score_against_cost.against(each, "seconds").set_index("learner")["cost"] for each in (mixed, alone)
    ]
    assert costs[0].to_dict() == pytest.approx(costs[1].to_dict())
    assert len(score_against_cost.against(mixed, "peak memory")) == 2


@pytest.mark.parametrize(("slow", "counted"), [(1.0, True), (1.05, True), (1.2, False), (0.8, False)])
def test_machines_are_alike_where_the_same_work_takes_as_long(slow, counted):
    found = hosts(Comparison.of(results(slow)))
    assert found["host"].tolist() == ["here", "there"]
    assert found["runs"].tolist() == [12, 8]
    assert found["speed"].tolist() == pytest.approx([1, 1 / slow])
    assert found["counted"].tolist() == [True, counted]


def test_of_a_machine_that_has_run_too_little_of_the_same_nothing_is_known():
    comparison = Comparison.of(results(1.0, tasks=("iris",)))  # two learners on one task
    assert np.isnan(hosts(comparison)["speed"].iloc[1])
    assert set(on_one_clock(comparison, comparison.runs)["host"]) == {"here"}


def test_the_page_and_the_terminal_tell_of_machines_that_differ():
    comparison = Comparison.of(results(SLOW))
    told = "Made on 2 machines, not all of which are known to be alike: seconds are those of here alone, 12 runs."
    assert told in notes(comparison)
    page = render(comparison, [])
    assert told in page
    assert ">Machines</h3>" in page
    assert host_facts(comparison)["seconds"].tolist() == ["taken together", "left out"]


def test_alike_machines_are_told_of_too():
    assert hosts_told(Comparison.of(results(1.0))) == "Made on 2 machines, which are as fast as each other."


@pytest.mark.parametrize("host", ["here", None])
def test_one_machine_is_worth_no_word(host):
    made = results(1.0)
    comparison = Comparison.of(replace(made, runs=made.runs.assign(host=host)))
    assert hosts_told(comparison) == ""
    assert "Machines</h3>" not in render(comparison, [])
    pd.testing.assert_frame_equal(on_one_clock(comparison, comparison.runs), comparison.runs)


def test_results_that_know_no_machine_or_no_seconds_are_no_error():
    made = make_results(learners=["adam"], tasks=["iris"], repetitions=2)
    assert (
        hosts_told(Comparison.of(replace(made, runs=made.runs.drop(columns="host", errors="ignore")))) == ""
    )
    unknown = made.runs.assign(host="a", **dict.fromkeys(TIMES, np.nan))
    assert hosts_told(Comparison.of(replace(made, runs=unknown))) == ""


def test_of_targets_only_those_of_one_clock_count_against_seconds():
    measured = make_measured(["adam", "sgd"], ["iris", "wine"], 5)
    drawn = data_profile.draw(Comparison.of(replace(measured, runs=results(SLOW).runs)))
    asked = {each.title.partition(":")[0]: each.data["asked"].unique().tolist() for each in drawn}
    targets = 2 * 4  # tasks, and targets of each
    by_task = {"iris": [5 * 4], "wine": [5 * 4]}  # against forwards
    assert asked == by_task | {"forwards": [5 * targets], "seconds": [3 * targets], "flops": [5 * targets]}


def test_without_targets_no_machine_is_looked_for():
    assert isinstance(data_profile.draw(Comparison.of(results(SLOW))), str)


def test_learning_curves_against_seconds_are_of_one_clock():
    mixed = results(SLOW)
    made = replace(mixed, curves=mixed.curves.assign(seconds=mixed.curves["forwards"] / 1000))
    there = made.curves["repetition"] >= 3
    made = replace(
        made, curves=made.curves.assign(seconds=made.curves["seconds"] * np.where(there, SLOW, 1.0))
    )
    for panel in learning_curves.panels_of(Comparison.of(made)):
        for costs in panel.costs["seconds"].values():
            assert costs[-1] == pytest.approx(panel.grid[-1] / 1000, rel=0.01)


def test_one_learner_with_several_budgets_has_a_headline():
    made = make_results(["adam"], ["iris"], 2)
    budgets = np.where(made.runs["repetition"] == 0, '{"forwards": 20}', '{"forwards": 3000}')
    said = headline(Comparison.of(replace(made, runs=made.runs.assign(budget=budgets))))
    assert said == "Unequal cost: adam, the only learner here, had different budgets."
