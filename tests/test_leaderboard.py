"""Several comparisons as one leaderboard."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bench_help import command
from report_data import SESSION, TASKS, make_results
from target_data import make_measured

from nogd.bench.tables import RunTables
from nogd.errors import InvalidSetting, StoreError
from nogd.leaderboard.building import PAGE, build
from nogd.leaderboard.buying import bought
from nogd.leaderboard.deciding import decisions
from nogd.leaderboard.facts import Facts, facts_of
from nogd.leaderboard.fields import Field, fields_of, on_surrogate, split_of
from nogd.leaderboard.gathering import broken, complete_ones, joined
from nogd.leaderboard.lagging import lagging
from nogd.leaderboard.moving import moved
from nogd.leaderboard.plan import Plan, Sweep, read_plan
from nogd.leaderboard.reaching import reaching
from nogd.leaderboard.reading import Numbers
from nogd.leaderboard.reading_tables import (
    bought_table,
    decision_table,
    lags_table,
    moved_table,
    overview_table,
    splits_table,
    sweeps_table,
)
from nogd.leaderboard.splitting import AGAIN, held
from nogd.leaderboard.standing import SURROGATE_GRADIENT, Standing, standing
from nogd.leaderboard.sweeping import sweep_table
from nogd.leaderboard.wording import answer, summed_up, winner
from nogd.report.numbers.finals import final_values
from nogd.report.numbers.leaderboard import leaderboard
from nogd.report.numbers.tables import Tables
from nogd.report.published import read_published, thinned, write_published

ACCESS = {"adam": "gradient", "sgd": "gradient", "grid-search": "losses", "pattern-search": "losses"}
PLAN = Plan.model_validate(
    {"title": "Who?", "ours": ["grid-search"], "parts": [{"name": "small", "suite": "tables"}]}
)
TOML = """title = "Who?"
ours = ["grid-search"]
advice = "advice/measured.csv"

[[parts]]
name = "small"
suite = "tables"
"""


def tables(*args: Any, **settings: Any) -> RunTables:
    made = make_measured(*args, **settings)
    runs = made.runs.assign(access=made.runs["learner"].map(ACCESS).fillna("losses"))
    meta = made.meta | {"sessions": [SESSION | {"id": 1, "started": "2026-01-01T00:00:00"}]}
    return RunTables(runs, made.curves, meta, reached=made.reached)


def facts(*names: str) -> dict[str, Facts]:
    return {name: Facts(name, 100, 2, 200, not name.endswith(("sign", "ternary")), False) for name in names}


def fields(*parts: RunTables, plan: Plan = PLAN) -> list[Field]:
    names = {str(task).split(",")[0] for part in parts for task in part.runs["task"]}
    given = dict(zip([part.name for part in plan.parts], parts, strict=True))
    return fields_of(plan, given, facts(*names))


def stand(**settings: Any) -> list[Standing]:
    return [standing(each, PLAN.ours) for each in fields(tables(repetitions=6, **settings))]


def test_thinned_curves_are_a_third_and_say_the_same_of_every_run() -> None:
    failures = {("sgd", "wine", 1): "error", ("adam", "original", 2): "diverged"}
    made = make_results(repetitions=4, failures=failures)
    curves = made.curves.assign(validation_loss=made.curves["test_loss"].round(1))
    few = thinned(curves)
    assert len(few) < len(curves) / 2
    pd.testing.assert_frame_equal(final_values(made.runs, few), final_values(made.runs, curves))


def test_what_is_published_is_read_again_and_equal_tables_are_equal_bytes(tmp_path: Path) -> None:
    made = tables(["adam", "grid-search"], ["iris", "wine"], 3)
    for folder in ("a", "b"):
        write_published(made, tmp_path / folder)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)
    read = read_published(tmp_path / "a")
    board = leaderboard(read.runs, read.curves, read.meta, read.reached)
    truth = leaderboard(made.runs, made.curves, made.meta, made.reached)
    pd.testing.assert_frame_equal(
        board, truth, rtol=1e-12
    )  # older versions of pandas read the last digit otherwise
    (tmp_path / "b" / files[0]).write_bytes(b"no")
    with pytest.raises(StoreError, match="cannot be read"):
        read_published(tmp_path / "b")


def test_of_two_runs_of_a_cell_the_later_counts_and_the_sessions_are_kept_apart() -> None:
    old, new = tables(["adam", "sgd"], ["iris"], 2), tables(["sgd", "grid-search"], ["iris"], 2)
    new = replace(new, runs=new.runs.assign(id="new " + new.runs["id"], test_metric=0.5))
    new = replace(new, curves=new.curves.assign(id="new " + new.curves["id"]))
    old = replace(old, meta={"sessions": [{"id": 1, "started": "monday"}]})
    new = replace(new, meta={"sessions": [{"id": 1, "started": "tuesday"}]})
    both = joined(old, new, "small")
    assert len(both.runs) == 6
    assert (both.runs.loc[both.runs["learner"] == "sgd", "test_metric"] == 0.5).all()
    assert set(both.curves["id"]) == set(both.runs["id"])
    assert sorted(both.runs.groupby("learner")["session"].first().items()) == [
        ("adam", 1),
        ("grid-search", 2),
        ("sgd", 2),
    ]
    assert [session["id"] for session in both.meta["sessions"]] == [1, 2]
    again = joined(both, new, "small")
    assert again.meta["sessions"] == both.meta["sessions"]
    assert list(again.runs["session"]) == list(both.runs["session"])


def test_what_a_store_has_made_since_is_no_longer_missing() -> None:
    whole = tables(["adam", "sgd"], ["iris"], 3)
    part = replace(whole, runs=whole.runs[:4], meta={**whole.meta, "missing": 2})
    assert joined(part, whole, "small").meta["missing"] == 0
    assert joined(part, part, "small").meta["missing"] == 2
    assert joined(part, tables(["grid-search"], ["iris"], 3), "small").meta["missing"] == 2


@pytest.mark.parametrize(
    ("column", "value", "named"), [("task_version", 2, "version"), ("budget", '{"forwards": 9}', "budget")]
)
def test_runs_of_another_version_or_budget_are_refused(column: str, value: object, named: str) -> None:
    old = tables(["adam"], ["iris"], 2)
    new = tables(["sgd"], ["iris"], 2)
    new = replace(new, runs=new.runs.assign(**{column: value}))
    with pytest.raises(StoreError, match=f"small: sgd on iris was run with the {named}"):
        joined(old, new, "small")


def test_tasks_with_a_gradient_and_without_are_apart_and_budgets_too() -> None:
    small = tables(["adam", "grid-search"], ["iris", "wine", "diabetes-ternary"], 2)
    large = replace(small, runs=small.runs.assign(budget='{"forwards": 9000}', id="l" + small.runs["id"]))
    plan = Plan.model_validate(
        {"title": "", "parts": [{"name": "a", "suite": "s"}, {"name": "b", "suite": "s"}]}
    )
    found = fields(small, large, plan=plan)
    assert [(each.forwards, each.gradient, each.tasks) for each in found] == [
        (3000, True, ["iris", "wine"]),
        (9000, True, ["iris", "wine"]),
        (3000, False, ["diabetes-ternary"]),
        (9000, False, ["diabetes-ternary"]),
    ]


def test_runs_on_other_splits_are_in_no_field_and_keep_no_suite_waiting() -> None:
    small = tables(["adam", "grid-search"], ["iris", "wine"], 2)
    runs = small.runs.assign(task=small.runs["task"] + ",split=1", id="s" + small.runs["id"])
    other = replace(small, runs=runs, meta={**small.meta, "missing": 3})
    parts = [{"name": "a", "suite": "s"}, {"name": "b", "suite": "s", "splits": True}]
    plan = Plan.model_validate({"title": "", "parts": parts})
    assert list(complete_ones(plan, {"a": small, "b": other})) == ["a"]
    [field] = fields(small, other, plan=plan)
    assert field.tasks == ["iris", "wine"]


def test_a_budget_that_is_not_complete_keeps_no_other_waiting() -> None:
    small = tables(["adam"], ["iris"], 2)
    large = replace(
        small, runs=small.runs.assign(budget='{"forwards": 9000}'), meta={**small.meta, "missing": 3}
    )
    plan = Plan.model_validate(
        {"title": "", "parts": [{"name": "a", "suite": "s"}, {"name": "b", "suite": "s"}]}
    )
    assert list(complete_ones(plan, {"a": small, "b": large})) == ["a"]


TWICE = Plan.model_validate(
    {
        "title": "",
        "parts": [
            {"name": "tuned", "suite": "s", "tuned": True},
            {"name": "a", "suite": "s"},
            {"name": "b", "suite": "s"},
        ],
    }
)


def test_a_larger_budget_and_tuned_learners_stand_beside_the_first_of_their_suite() -> None:
    learners = ["grid-search", "pattern-search", "random-search", "adam"]
    base = tables(learners, ["iris", "wine"], 3)
    before = {"adam": 0.9, "grid-search": 0.8, "pattern-search": 0.7, "random-search": 0.6}
    small = scored(base, before, base.runs)
    large = scored(base, before | {"pattern-search": 0.95}, base.runs.assign(budget='{"forwards": 9000}'))
    few = base.runs[base.runs["learner"] != "adam"]
    tuned = scored(base, {"grid-search": 0.6, "pattern-search": 0.7, "random-search": 0.8}, few)
    found = fields(tuned, small, large, plan=TWICE)
    assert [each.name for each in found] == [
        "s, with a gradient, 3,000 forwards",
        "s, with a gradient, 9,000 forwards",
        "s, tuned, with a gradient, 3,000 forwards",
    ]
    standings = [standing(each, ()) for each in found]
    more, settings = moved(standings)
    assert more.before is settings.before is standings[0]
    assert more.without == ("pattern-search", "grid-search", "random-search")
    assert more.place_before("pattern-search") == 2
    assert more.gains.index[0] == "pattern-search"
    assert more.gains.iloc[1:].abs().max() == 0
    assert more.correlation == pytest.approx(0.4)
    assert len(settings.scores) == 3
    assert settings.correlation == pytest.approx(-1)
    assert settings.place_before("random-search") == 3
    shown = moved_table([more, settings]).splitlines()
    assert shown[2].startswith(
        "| s, with a gradient, 9,000 forwards (2) | 3,000 forwards, defaults | 4 | 0.40 | +0.00 | "
    )
    assert shown[3].endswith("| `random-search` | 3 |")
    assert moved_table([]) == ""
    numbers = Numbers(standings, {})
    assert numbers.field("s", 3000, True) is standings[0]
    shown = numbers.answers({"s": "small ones", "others": "no runs"}).splitlines()
    assert len(shown) == 3
    assert shown[-1].startswith(
        "| small ones, with a gradient (2 tasks, 3,000 forwards) | `grid-search` 0.80 ("
    )
    assert shown[-1].endswith(") | with: 100% of pairs |")


def test_tuned_runs_that_are_missing_keep_no_other_waiting() -> None:
    small = tables(["adam"], ["iris"], 2)
    waiting = replace(small, meta={**small.meta, "missing": 3})
    assert list(complete_ones(TWICE, {"tuned": waiting, "a": small})) == ["a"]


@pytest.mark.parametrize(
    ("task", "known"),
    [
        ("wine", ("wine", 0)),
        ("wine,split=2", ("wine", 2)),
        ("wine,width=4,split=1", ("wine,width=4", 1)),
        ("a-split=1,split=3,b=split", ("a-split=1,b=split", 3)),
    ],
)
def test_a_split_is_a_setting_of_a_task(task: str, known: tuple[str, int]) -> None:
    assert split_of(task) == known


def test_a_surrogate_gradient_is_a_rival_on_the_task_itself() -> None:
    task = tables(["grid-search"], ["diabetes-ternary"], 3)
    rival = tables(["adam"], ["diabetes"], 3)
    runs = rival.runs.assign(task="diabetes-ternary,surrogate=true", constant=-9.0, reference=9.0)
    rival = replace(rival, runs=runs, curves=rival.curves.assign(task="diabetes-ternary,surrogate=true"))
    plan = Plan.model_validate(
        {"title": "", "parts": [{"name": "a", "suite": "s"}, {"name": "b", "suite": "s"}]}
    )
    [field] = fields(task, rival, plan=plan)
    found = standing(field, ())
    assert field.tasks == ["diabetes-ternary"]
    assert found.row("adam (surrogate)")["class"] == SURROGATE_GRADIENT
    assert on_surrogate("adam (surrogate)")
    assert not on_surrogate("readout(random-search)")
    constant, reference = TASKS["diabetes-ternary"][3:5]
    scores = np.sort((runs["test_metric"] - constant) / (reference - constant))
    assert found.row("adam (surrogate)")["score"] == pytest.approx(scores.mean())


def test_who_asks_for_no_gradient_of_a_surrogate_keeps_the_class() -> None:
    """A loss with a slope stands for one without, and unit-search asks for a solved last layer alone."""
    task = tables(["grid-search"], ["diabetes-ternary"], 3)
    rival = tables(["unit-search"], ["diabetes"], 3)
    runs = rival.runs.assign(task="smooth", access="closed-form")
    rival = replace(rival, runs=runs, curves=rival.curves.assign(task="smooth"))
    parts = [
        {"name": "a", "suite": "s"},
        {"name": "b", "suite": "s", "surrogates": {"smooth": "diabetes-ternary"}},
    ]
    [field] = fields(task, rival, plan=Plan.model_validate({"title": "", "parts": parts}))
    assert standing(field, ()).row("unit-search (surrogate)")["class"] == "closed-form"


def test_a_standing_is_the_leaderboard_of_its_tasks() -> None:
    [with_gradient, without] = stand(learners=["adam", "sgd", "grid-search", "random-search"])
    part = with_gradient.field.tables
    board = leaderboard(part.runs, part.curves, part.meta).set_index("learner")
    found = with_gradient.table.set_index("learner")
    for column in ("score", "score_low", "score_high", "best_score"):
        pd.testing.assert_series_equal(found[column], board[column].loc[found.index], check_exact=True)
    assert list(with_gradient.table["learner"]) == list(board.index)
    assert "adam" not in set(without.table["learner"])  # it cannot do them
    assert with_gradient.first_of(["gradient"]) == "adam"
    assert with_gradient.first_of(["losses"]) == "grid-search"
    assert with_gradient.first_of(["outputs"]) is None


def test_who_cannot_do_all_tasks_comes_last_and_is_first_of_nothing() -> None:
    made = tables(["sgd", "adam", "random-search"], ["iris", "wine"], 4)
    rows = ~((made.runs["learner"] == "adam") & (made.runs["task"] == "wine"))
    [field] = fields(replace(made, runs=made.runs[rows]))
    found = standing(field, ())
    assert list(found.table["learner"]) == ["sgd", "random-search", "adam"]
    assert found.row("adam")["tasks"] == 1
    assert found.first_of(["gradient"]) == "sgd"
    with pytest.raises(KeyError, match="nobody"):
        found.row("nobody")


def test_the_answer_names_both_sides_and_says_when_they_are_not_told_apart() -> None:
    [found, _] = stand(learners=["adam", "grid-search", "random-search"])
    assert answer(found).startswith("tables, with a gradient, 3,000 forwards (8 tasks): grid-search 0.")
    assert "the second wins" in answer(found)
    assert "beyond chance" in answer(found)
    made = tables(["adam"], ["iris", "wine"], 6)
    twin = made.runs.assign(learner="twin", access="losses", id="twin" + made.runs["id"])
    [field] = fields(replace(made, runs=pd.concat([made.runs, twin])))
    assert "not told apart" in answer(standing(field, ()))


def test_the_verdicts_count_where_the_best_without_back_propagation_is_ahead_level_and_behind() -> None:
    behind, alone = stand(learners=["adam", "grid-search", "random-search"])
    twin = tables(["adam", "grid-search"], ["iris", "wine"], 6)
    swapped = {"adam": "gradient", "grid-search": "losses"}
    one = replace(twin, runs=twin.runs.assign(access=twin.runs["learner"].map(swapped), test_metric=0.9))
    other = {"adam": "losses", "grid-search": "gradient"}
    two = replace(twin, runs=twin.runs.assign(access=twin.runs["learner"].map(other)))
    level, ahead = (standing(fields(each)[0], ()) for each in (one, two))
    assert summed_up([behind, alone, level, ahead]).splitlines() == [
        f"- Ahead of the best with it, or with a surrogate gradient, 1 of 4: {ahead.field.name}.",
        f"- Not told apart from it, 1 of 4: {level.field.name}.",
        f"- Behind it, 1 of 4: {behind.field.name}.",
        f"- Nobody back-propagates, 1 of 4: {alone.field.name}.",
    ]


def test_where_no_test_can_tell_it_is_said_that_runs_are_too_few() -> None:
    skill = {"adam": 0.9, "grid-search": 0.5, "random-search": 0.5}
    for repetitions, told in ((5, "too few runs to tell"), (6, "the second wins 100% of pairs")):
        base = tables(list(skill), ["iris"], repetitions)
        found = standing(fields(scored(base, skill, base.runs))[0], ())
        assert told in answer(found)
        assert winner(found) in (told, "with: 100% of pairs")
        assert found.is_testable("adam", "grid-search") is (repetitions == 6)
        assert found.is_testable("grid-search", "random-search")  # they are equal
        assert (", too few runs to tell | " in overview_table([found])) is (repetitions == 5)
    assert summed_up([found]).startswith("- Behind it, 1 of 1")


def test_the_ends_of_a_sweep_have_the_best_of_each_class() -> None:
    rows = [
        ("a", "losses", 1, 0.5),
        ("a", "losses", 64, 0.2),
        ("b", "losses", 64, 0.3),
        ("c", "layers", 64, 0.9),
    ]
    table = pd.DataFrame(rows, columns=["learner", "class", "value", "score"])
    shown = sweeps_table([(Sweep(part="x", setting="w", quantity="units", default=1), table)]).splitlines()
    assert shown[0] == "| from ... to | losses | layers |"
    assert shown[2] == "| 1 to 64 units | 0.50 `a` to 0.30 `b` | - to 0.90 `c` |"


def test_the_overview_has_the_best_of_each_side_and_who_is_behind_it() -> None:
    standings = stand(learners=["adam", "grid-search", "random-search"])
    with_gradient, without = overview_table(standings).splitlines()[2:]
    assert with_gradient.startswith("| tables, with a gradient, 3,000 forwards (8) | `grid-search` 0.")
    assert ", behind |  | **`adam` " in with_gradient
    assert without.startswith("| tables, without a gradient, 3,000 forwards (2) | **`grid-search` ")
    assert without.count("**`grid-search` ") == 2  # it is ours, too
    assert "|  |  |" in without  # nobody looks at more, nobody has a surrogate


def test_a_level_is_reached_where_validation_says_so_and_not_by_a_lucky_peak() -> None:
    rows, curves = [], []
    courses = {  # forwards, validation loss, test metric
        "rival": [(1, 3.0, 0.1), (10, 2.0, 0.5), (100, 1.0, 0.8)],
        "soon": [(1, 3.0, 0.1), (10, 1.0, 0.8), (100, 2.0, 0.2)],
        "lucky": [(1, 1.0, 0.1), (10, 2.0, 0.9), (100, 3.0, 0.9)],
    }
    base = tables(["adam"], ["iris"], 1)
    for learner, course in courses.items():
        rows.append(
            base.runs.assign(learner=learner, id=learner, seconds=2.0, cpu_seconds=1.0, memory_mb=7.0)
        )
        for forwards, loss, metric in course:
            point = base.curves.iloc[:1].assign(learner=learner, id=learner, forwards=forwards)
            curves.append(point.assign(validation_loss=loss, test_metric=metric, seconds=forwards / 50))
    [field] = fields(RunTables(pd.concat(rows), pd.concat(curves), base.meta))
    found = reaching(field, "rival")
    paid = found.table.set_index("learner")
    assert dict(paid["forwards"]) == {"rival": 100, "soon": 10, "lucky": np.inf}
    assert paid.loc["soon", "cpu_seconds"] == pytest.approx(0.1)
    assert paid.loc["lucky", "memory_mb"] == np.inf
    assert found.cheaper("soon", "forwards") == ["iris"]
    assert found.cheaper("soon", "memory_mb") == found.cheaper("lucky", "forwards") == []
    assert found.got_there("soon") == ["iris"]


def test_where_ours_is_not_first_the_tasks_are_told_that_it_loses_most_on() -> None:
    base = tables(["adam", "grid-search", "pattern-search"], ["iris", "wine", "parity"], 6)
    made = scored(base, {"adam": 0.99, "grid-search": 0.6, "pattern-search": 0.8}, base.runs)
    runs = made.runs.copy()
    runs.loc[(runs["task"] == "wine") & (runs["learner"] == "grid-search"), "test_metric"] = 0.3
    runs.loc[(runs["task"] == "parity") & (runs["learner"] == "grid-search"), "test_metric"] = 0.79
    stands = standing(fields(replace(made, runs=runs))[0], PLAN.ours)
    [found] = lagging([stands, replace(stands, field=replace(stands.field, tuned=True))])
    assert (found.ours, found.first) == ("grid-search", "pattern-search")  # adam back-propagates
    assert found.is_behind
    assert list(found.scores.index) == ["wine", "iris", "parity"]
    assert list(found.lost(0.1).index) == ["wine", "iris"]
    shown = lags_table([found]).splitlines()[-1]
    assert shown.endswith(", beyond chance | `wine` (0.30, 0.80); `iris` (0.60, 0.80) |")
    assert list(lagging([standing(fields(made)[0], ["pattern-search"])])) == []


def test_what_outputs_buy_is_the_share_of_the_budget_to_the_end_of_losses_alone() -> None:
    base = tables(["adam"], ["iris"], 1)
    courses = {  # access; forwards, test metric
        "told": ("losses", [(1, 0.1), (1500, 0.5), (3000, 0.8)]),
        "looks": ("closed-form", [(1, 0.1), (300, 0.8), (3000, 0.9)]),
        "slopes": ("layers", [(1, 0.1), (3000, 0.99)]),
    }
    rows = [
        base.runs.assign(learner=name, id=name, access=access, test_metric=course[-1][1])
        for name, (access, course) in courses.items()
    ]
    curves = [
        base.curves.iloc[:1].assign(
            learner=name,
            id=name,
            forwards=forwards,
            validation_loss=1 - metric,
            test_metric=metric,
            seconds=1.0,
        )
        for name, (_, course) in courses.items()
        for forwards, metric in course
    ]
    [field] = fields(RunTables(pd.concat(rows), pd.concat(curves), base.meta))
    stands = standing(field, ())
    [found] = bought([stands, standing(replace(field, tuned=True), ())])
    assert (found.outputs, found.losses) == ("looks", "told")  # slopes of layers are derivatives
    assert dict(found.shares) == {"iris": pytest.approx(0.1)}
    shown = bought_table([found]).splitlines()[-1]
    assert shown.endswith("| 100% of pairs, too few runs to tell | 1 of 1 task | 10% |")
    worse = replace(found, shares=found.shares * np.inf)
    assert bought_table([worse]).endswith("| 0 of 1 task |  |")


def test_a_sweep_takes_the_tasks_of_one_setting_and_the_one_without() -> None:
    sweep = {"part": "small", "setting": "width", "quantity": "units", "default": 8}
    plan = Plan.model_validate({"title": "", "parts": [{"name": "small", "suite": "s"}], "sweeps": [sweep]})
    names = ["task", "task,width=2", "task,width=16", "task,noise=1.0", "task,width=2,noise=1.0"]
    measured = pd.DataFrame(
        {"task": names, "learner": "a", "class": "losses", "score": 0.5, "low": 0, "high": 1}
    )
    assert list(sweep_table(plan.sweeps[0], measured)["value"]) == [2.0, 8.0, 16.0]


def scored(made: RunTables, skill: dict[str, float], runs: pd.DataFrame) -> RunTables:
    """Some of the runs, where each learner has the same test metric everywhere, under names that only they have."""
    mark = f"{skill} "
    metric = runs["learner"].map(skill)
    found = runs.assign(id=mark + runs["id"], test_metric=metric, reference=1.0, constant=0.0)
    curves = made.curves.assign(id=mark + made.curves["id"])
    return replace(made, runs=found, curves=curves[curves["id"].isin(found["id"])])


def on_split(number: int, made: RunTables, skill: dict[str, float]) -> RunTables:
    """The runs on another split, where each learner has the same test metric everywhere."""
    metric = made.runs["learner"].map(skill)
    runs = made.runs.assign(
        task=made.runs["task"] + f",split={number}",
        id=f"s{number}" + made.runs["id"],
        test_metric=metric,
        reference=np.nan,
        constant=np.nan,
    )
    return replace(made, runs=runs, curves=made.curves.assign(id=f"s{number}" + made.curves["id"]))


def test_the_order_on_other_splits_is_compared_with_that_of_as_many_starts() -> None:
    learners = ["grid-search", "pattern-search", "random-search", "adam"]
    made = tables(learners, ["iris", "wine", "parity"], 6)
    few = replace(made, runs=made.runs[(made.runs["repetition"] < 3) & (made.runs["task"] != "parity")])
    same = {"adam": 0.95, "grid-search": 0.9, "pattern-search": 0.8, "random-search": 0.6}
    other = {"adam": 0.6, "grid-search": 0.8, "pattern-search": 0.9, "random-search": 0.95}
    splits = [on_split(1, few, same), on_split(2, few, other)]
    parts = [{"name": "a", "suite": "s"}, *({"name": name, "suite": "s", "splits": True} for name in "bc")]
    plan = Plan.model_validate({"title": "", "parts": parts})
    [found] = held(plan, dict(zip("abc", [made, *splits], strict=True)), facts("iris", "wine", "parity"))
    assert found.field.tasks == ["iris", "wine"]  # parity has no other split
    assert set(found.field.tables.runs["repetition"]) == {0, 1, 2}
    assert found.others == [1, 2]
    assert set(found.without) == {"grid-search", "pattern-search", "random-search"}
    assert found.order(1) == ["grid-search", "pattern-search", "random-search"]
    assert found.order(2) == ["random-search", "pattern-search", "grid-search"]
    assert found.correlation(1) == pytest.approx(1)
    assert found.correlation(2) == pytest.approx(-1)
    assert -1 <= found.correlation(AGAIN) <= 1
    shown = splits_table([found]).splitlines()
    assert shown[-1].startswith("| s, with a gradient (2) | 4 | ")
    assert shown[-1].endswith("| 1.00 | -1.00 | `grid-search` | 1; `grid-search` | 3; `random-search` |")


def test_where_there_are_too_few_starts_nothing_is_said_of_others_on_the_same_split() -> None:
    made = tables(["grid-search", "random-search"], ["iris"], 3)
    parts = [{"name": "a", "suite": "s"}, {"name": "b", "suite": "s", "splits": True}]
    plan = Plan.model_validate({"title": "", "parts": parts})
    split = on_split(1, made, {"grid-search": 0.9, "random-search": 0.6})
    [found] = held(plan, {"a": made, "b": split}, facts("iris"))
    assert np.isnan(found.correlation(AGAIN))
    assert "| 2 |  | " in splits_table([found])
    assert held(plan, {"b": split}, facts("iris")) == []  # nothing to compare with
    stranger = replace(split, runs=split.runs.assign(task="wine,split=1"))
    assert held(plan, {"a": made, "b": stranger}, facts("iris")) == []


PROBLEM = {"name": "Steps | few", "parts": ["a", "b"], "tasks": ["*-sign"], "gradient": False}


def test_a_problem_is_decided_by_the_tasks_of_its_kind_and_what_may_be_looked_at() -> None:
    learners = ["grid-search", "pattern-search", "random-search"]
    made = tables(learners, ["breast-cancer-sign", "diabetes-ternary", "iris"], 6)
    outputs = made.runs["learner"] == "pattern-search"
    made = replace(made, runs=made.runs.assign(access=np.where(outputs, "outputs", "losses")))
    parts = [{"name": "a", "suite": "s"}, {"name": "b", "suite": "t"}]
    problems = [
        PROBLEM,
        {**PROBLEM, "access": ["losses"]},
        {**PROBLEM, "parts": ["b"]},
        {**PROBLEM, "tasks": ["no"]},
    ]
    plan = Plan.model_validate({"title": "", "parts": parts, "problems": problems})
    names = ("breast-cancer-sign", "diabetes-ternary", "iris")
    other = replace(made, runs=made.runs[made.runs["task"] == "iris"])
    assert [part.name for part in decisions(plan, {"a": made, "b": other}, facts(*names))[0].parts] == ["a"]
    alone = replace(made, runs=made.runs[outputs])
    [first, *_] = decisions(plan, {"a": alone}, facts(*names))
    assert (first.first, first.second) == ("pattern-search", None)
    assert "| the only one, with 6 runs | s: 1 task" in decision_table([first])
    [free, losses, later, none] = decisions(plan, {"a": made}, facts(*names))
    assert free.standing is not None
    assert free.standing.field.tasks == ["breast-cancer-sign"]
    assert (free.first, free.second) == ("grid-search", "pattern-search")  # of another class
    assert (losses.first, losses.second) == ("grid-search", "random-search")
    assert (later.first, later.second, none.first) == (None, None, None)
    shown = decision_table([free, losses, later, none]).splitlines()
    assert shown[2].startswith("| Steps \\| few | `grid-search` 0.")
    assert "not told apart; first of 3, with 6 runs each | s: 1 task, 3,000 forwards |" in shown[2]
    assert shown[4] == shown[5] == "| Steps \\| few | not measured yet |  |  |  |"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A leaderboard that is published."""
    home = tmp_path / "board"
    (home / "advice").mkdir(parents=True)
    (home / "leaderboard.toml").write_text(TOML, encoding="utf-8")
    made = tables(["adam", "grid-search", "random-search"], ["iris", "wine", "diabetes-ternary"], 6)
    write_published(made, home / "data" / "small")
    return home


def test_page_and_tables_come_from_what_is_published_alone(folder: Path) -> None:
    (folder / "README.md.jinja").write_text(
        "{{ n.runs() }} runs of {{ n.learners() }}\n{{ n.classes(n.field('tables', 3000, true)) }}\n"
        "{{ n.cheaper(n.field('tables', 3000, true), 'adam') }}\n"
        "{{ n.answers({'tables': 'small ones'}) }}\n",
        encoding="utf-8",
    )
    built = build(folder, (), publish=False)
    assert {path.name for path in built.written} == {PAGE, "standings.csv", "measured.csv", "README.md"}
    page = (folder / PAGE).read_text(encoding="utf-8")
    assert "Who?" in page
    assert "grid-search" in page
    reading = (folder / "README.md").read_text(encoding="utf-8")
    assert reading.startswith("54 runs of 3\n")
    assert "| `adam` | gradient |" in reading
    assert "| `grid-search` | 0 of 2 |" in reading
    standings = pd.read_csv(folder / "standings.csv")
    assert set(standings["suite"]) == {"tables"}
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    build(folder, (), publish=False)
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_template_that_asks_for_what_is_not_there_is_named(folder: Path) -> None:
    (folder / "README.md.jinja").write_text("{{ n.field('other', 1, true) }}", encoding="utf-8")
    with pytest.raises(InvalidSetting, match="other at 1 forwards"):
        build(folder, (), publish=False)
    (folder / "README.md.jinja").write_text("{{ nothing }}", encoding="utf-8")
    with pytest.raises(InvalidSetting, match=r"README\.md\.jinja cannot be filled in"):
        build(folder, (), publish=False)


def test_a_suite_of_which_runs_are_missing_is_told_and_not_compared(folder: Path) -> None:
    whole = read_published(folder / "data" / "small")
    part = replace(whole, runs=whole.runs[:-1], meta={**whole.meta, "missing": 1})
    write_published(part, folder / "data" / "small")
    nothing = command("leaderboard", folder)
    assert nothing.exit_code == 2
    assert "no suite is complete" in nothing.stderr
    assert "small: 53 of 54 runs, 1 are missing" in nothing.stderr
    second = '\n[[parts]]\nname = "other"\nsuite = "whole"\n'
    (folder / "leaderboard.toml").write_text(TOML + second, encoding="utf-8")
    write_published(whole, folder / "data" / "other")
    shown = command("leaderboard", folder)
    assert shown.exit_code == 0, shown.output
    assert "so it is not compared yet" in shown.stdout
    assert "whole, with a gradient" in shown.stdout
    assert "tables, with a gradient" not in shown.stdout


def test_tasks_without_a_scale_are_compared_with_nothing_and_break_nothing(folder: Path) -> None:
    made = tables(["adam", "grid-search"], ["iris", "wine"], 3)
    write_published(replace(made, runs=made.runs.assign(reference=np.nan)), folder / "data" / "small")
    shown = command("leaderboard", folder)
    assert shown.exit_code == 0, shown.output
    assert "tables, with a gradient" in shown.stdout
    assert not list((folder / "figures").glob("*.svg"))


def test_the_summary_goes_into_its_place_in_a_text_and_nowhere_else(folder: Path) -> None:
    plan = TOML.replace("advice =", 'summary = "../text.md"\nadvice =')
    (folder / "leaderboard.toml").write_text(plan, encoding="utf-8")
    (folder / "summary.md.jinja").write_text("{{ n.runs() }} runs", encoding="utf-8")
    text = folder.parent / "text.md"
    with pytest.raises(InvalidSetting, match=r"text\.md, the text for the summary, cannot be read"):
        build(folder, (), publish=False)
    text.write_text("above", encoding="utf-8")
    with pytest.raises(InvalidSetting, match="has no place for the summary"):
        build(folder, (), publish=False)
    text.write_text("above\n<!-- leaderboard -->old<!-- end of leaderboard -->\nbelow", encoding="utf-8")
    assert text in build(folder, (), publish=False).written
    told = "above\n<!-- leaderboard -->\n54 runs\n<!-- end of leaderboard -->\nbelow"
    assert text.read_text(encoding="utf-8") == told


def test_a_learner_enters_with_its_own_runs_alone(folder: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    experiment = {"learners": ["sgd"], "tasks": ["iris"], "repetitions": 2, "budget": 3000}
    toml = folder / "small.toml"
    toml.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in experiment.items()))
    store = tmp_path / "mine"
    made = command("run", toml, "--forwards", 20, "--jobs", 0, "--out", store / "small")
    assert made.exit_code == 0, made.output
    refused = command("leaderboard", folder, "--stores", store)
    assert refused.exit_code == 2
    assert "was run with the budget" in refused.stderr
    command("run", toml, "--forwards", 3000, "--jobs", 0, "--out", store / "small")
    shown = command("leaderboard", folder, "--stores", store)
    assert shown.exit_code == 0, shown.output
    assert "56 of 56 runs" in shown.stdout
    assert "sgd" in shown.stdout
    assert "1 of 2" in shown.stdout  # tasks
    assert (store / PAGE).is_file()
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path != toml}
    assert before == after
    kept = command("leaderboard", folder, "--stores", store, "--publish")
    assert kept.exit_code == 0, kept.output
    assert "sgd" in set(read_published(folder / "data" / "small").runs["learner"])
    meta = json.loads((folder / "data" / "small" / "meta.json").read_text())
    assert not any("command" in session or "machine" in session for session in meta["sessions"])
    assert "56 of 56 runs" in command("leaderboard", folder).stdout


def test_whose_runs_broke_is_told_with_the_reason_and_divergence_is_a_result(folder: Path) -> None:
    made = tables(["adam", "grid-search"], TASKS, 3)
    runs = made.runs.copy()
    bad = runs["learner"] == "grid-search"
    runs.loc[bad, ["status", "reason"]] = ["error", "there is no bias."]
    runs.loc[~bad & (runs["task"] == "iris"), ["status", "reason"]] = ["diverged", "the final loss is nan"]
    made = replace(made, runs=runs)
    found = broken({"small": made})
    assert len(found) == len(TASKS)
    assert found[0] == "small: 3 of 3 runs of grid-search on breast-cancer failed: there is no bias."
    assert broken({"small": tables(["adam"], TASKS, 3)}) == []
    write_published(made, folder / "data" / "small")
    shown = command("leaderboard", folder).stdout
    assert found[0] in shown
    assert "diverged" not in shown
    assert found[0] in (folder / PAGE).read_text()


def _problem(part: str, access: str = "losses") -> str:
    return f'[[problems]]\nname = "x"\nparts = ["{part}"]\ngradient = true\naccess = ["{access}"]\n'


def test_what_is_wrong_with_a_leaderboard_is_said_in_one_sentence(folder: Path, tmp_path: Path) -> None:
    nothing = command("leaderboard", tmp_path)
    assert nothing.exit_code == 2
    assert "there is no leaderboard.toml" in nothing.stderr
    nobody = command("leaderboard", folder, "--stores", tmp_path / "none")
    assert nobody.exit_code == 2
    assert "there is no store of the leaderboard in" in nobody.stderr
    for text, said in (
        ("title = 1", "title"),
        ("[", "not valid TOML"),
        ('title = "x"\nparts = []', "parts"),
        (TOML + '\n[[parts]]\nname = "small"\nsuite = "x"\n', "two parts are called 'small'"),
        (TOML + '\n[[sweeps]]\npart = "no"\nsetting = "a"\nquantity = "b"\ndefault = 1\n', "'no'"),
        (TOML + "\nextra = 1\n", "extra"),
        (TOML + "\n" + _problem("no"), "the problem 'x' goes by the part 'no'"),
        (TOML + "\n" + _problem("small", "sight"), "there is no access 'sight'; there are losses"),
    ):
        (folder / "leaderboard.toml").write_text(text, encoding="utf-8")
        with pytest.raises(InvalidSetting, match=said):
            read_plan(folder)


def test_facts_are_those_of_the_built_task() -> None:
    from nogd.bench.task_names import build_task

    digits = facts_of("digits", build_task("digits").task)
    assert digits == Facts("digits", 64 * 32 + 32 + 32 * 10 + 10, 2, 1078, True, False)
    pole = facts_of("cart-pole", build_task("cart-pole").task)
    assert (pole.examples, pole.gradient, pole.simulated) == (0, False, True)


def test_the_same_tables_make_the_same_field(folder: Path) -> None:
    assert isinstance(fields(read_published(folder / "data" / "small"))[0].tables, Tables)
