"""What the leaderboard advises for a task."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from bench_help import command
from hypothesis import given
from hypothesis import strategies as st

from nogd.errors import InvalidSetting, StoreError
from nogd.leaderboard.advice import OTHERS, advise, expected, regrets
from nogd.leaderboard.facts import Facts, read_facts, write_facts
from nogd.leaderboard.measured import COLUMNS, read_measured, write_measured

SMALL = Facts("small", 100, 2, 200, True, False)
LARGE = Facts("large", 100_000, 2, 2_000, True, False)
STEPS = Facts("steps", 100, 2, 200, False, False)
POLE = Facts("pole", 100, 2, 0, False, True)
KNOWN = {each.task: each for each in (SMALL, LARGE, STEPS)}


def measured(scores: dict[tuple[str, str], float], forwards: float = 1000) -> pd.DataFrame:
    rows = [
        (task, forwards, learner, "gradient" if learner == "adam" else "losses", "nogd", score)
        for (task, learner), score in scores.items()
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS[:6]))
    return table.assign(
        low=table["score"] - 0.1, high=table["score"] + 0.1, runs=5, failed=0, cpu_seconds=1.0
    )


TABLE = measured(
    {
        ("small", "adam"): 0.9,
        ("small", "ga"): 0.5,
        ("large", "adam"): 0.7,
        ("large", "ga"): 99.0,
        ("large", "only-here"): 3.0,
        ("steps", "ga"): 0.8,
        ("steps", "random-search"): 0.2,
    }
)


def test_a_task_that_was_measured_speaks_for_itself() -> None:
    found = advise(SMALL, 1000, TABLE, KNOWN)
    assert found.is_itself
    assert list(found.table["learner"]) == ["adam", "ga"]
    assert found.to_try == ["adam", "random-search"]


def test_what_is_known_of_a_surrogate_is_shown_and_not_tried() -> None:
    """It is another task, with a loss that the user's own need not have."""
    rival = measured({("steps", "unit-search (surrogate)"): 1.5}).assign(**{"class": "closed-form"})
    found = advise(STEPS, 1000, pd.concat([TABLE, rival]), KNOWN)
    assert list(found.table["learner"]) == ["unit-search (surrogate)", "ga", "random-search"]
    assert found.to_try == ["ga", "random-search"]
    assert "unit-search (surrogate)" not in set(found.best_of_classes["learner"])


def test_all_tasks_of_the_kind_speak_for_a_new_one_and_none_of_them_decides() -> None:
    found = advise(Facts("new", 200, 2, 300, True, False), 1000, TABLE, {"small": SMALL, "large": LARGE})
    assert [each.task for each in found.like] == ["large", "small"]
    table = found.table.set_index("learner")
    assert list(table.index) == ["only-here", "ga", "adam"]
    # on large 99 is cut to 2, adam's regret to 1; only-here counts as the middle learner on small
    assert table["regret"].tolist() == pytest.approx([(0 + 0.2) / 2, (0 + 0.4) / 2, (1 + 0) / 2])
    assert table["worst"].tolist() == pytest.approx([0, 0.4, 1])
    assert table["tasks"].tolist() == [1, 2, 2]
    assert table["first_on"].tolist() == [1, 1, 1]
    assert list(found.best_of_classes["class"]) == ["losses", "gradient"]
    assert found.to_try == ["only-here", "random-search"]


def test_tasks_of_other_kinds_count_together_as_two_and_bring_no_learner() -> None:
    found = advise(Facts("new", 200, 2, 300, False, False), 1000, TABLE, KNOWN)
    assert [each.task for each in found.like] == ["steps"]
    table = found.table.set_index("learner")
    assert set(table.index) == {"ga", "random-search"}
    # the middle learner loses 0.3 on steps; ga is as good as it on large, and 0.2 behind it on small
    assert table.loc["ga", "regret"] == pytest.approx(0.3 + (-0.3 + OTHERS * 0.1) / (1 + OTHERS))
    assert found.forwards == {"steps": 1000}


regret = st.one_of(st.just(float("nan")), st.floats(0, 1))
tables = st.integers(1, 6).flatmap(
    lambda tasks: st.lists(st.lists(regret, min_size=tasks, max_size=tasks), min_size=2, max_size=8)
)


@given(tables)
def test_a_learner_that_is_never_worse_is_never_behind(rows: list[list[float]]) -> None:
    table = pd.DataFrame(rows, dtype=float).fillna(0.5)
    like, others = list(table)[: 1 + len(rows[0]) // 2], list(table)[1 + len(rows[0]) // 2 :]
    found = expected(table, like, others)
    for one in table.index:
        never_worse = (table.loc[one] <= table).all(axis=1)
        assert (found[one] <= found[never_worse] + 1e-12).all()


@given(tables)
def test_what_all_were_measured_on_is_a_mean_and_what_a_learner_cannot_do_does_not_move_it(
    rows: list[list[float]],
) -> None:
    table = pd.DataFrame(rows, dtype=float).fillna(0.5)
    found = expected(table, list(table), [])
    pd.testing.assert_series_equal(found, table.mean(axis=1))
    wider = table.assign(new=0.3)
    wider.loc[0, "new"] = float("nan")
    again = expected(wider, list(wider), [])
    shift = (0.3 - table.median().mean()) / len(wider.columns)
    assert again[0] == pytest.approx(found[0] + shift)


def test_the_nearest_budget_counts() -> None:
    both = pd.concat([TABLE, measured({("small", "adam"): 0.1, ("small", "ga"): 1.0}, 10_000)])
    assert list(advise(SMALL, 2_000, both, KNOWN).table["learner"]) == ["adam", "ga"]
    assert list(advise(SMALL, 5_000, both, KNOWN).table["learner"]) == ["ga", "adam"]


def test_a_kind_that_was_never_measured_is_an_error_that_says_so() -> None:
    with pytest.raises(InvalidSetting, match="tasks simulated, so there is nothing to go by for 'pole'"):
        advise(POLE, 1000, TABLE, KNOWN)


def test_regret_leaves_the_task_out_of_what_is_known() -> None:
    known = {"small": SMALL, "large": LARGE, "pole": POLE}
    lost = regrets(1000, TABLE, known, ["adam", "ga"]).set_index("task")
    assert list(lost.index) == ["large", "small"]
    assert lost.loc["large", "advised"] == "adam"  # the best of small
    assert lost.loc["large", "regret"] == pytest.approx(1)  # 2 - 0.7, cut
    assert lost.loc["large", "best"] == pytest.approx(1)  # nobody else is named
    assert lost.loc["small", "advised"] == "ga"  # only-here has no run on it
    assert lost.loc["small", "best"] == pytest.approx(0.4)
    assert lost.loc["small", "ga"] == pytest.approx(0.4)


def test_the_table_and_the_facts_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_measured(tmp_path / "measured.csv", TABLE, KNOWN)
    table, known = read_measured(tmp_path / "measured.csv")
    pd.testing.assert_frame_equal(table, TABLE, check_dtype=False)
    assert known == KNOWN
    (tmp_path / "measured.csv").write_text("a,b\n1,2\n")
    with pytest.raises(StoreError, match="columns are a, b"):
        read_measured(tmp_path / "measured.csv")
    with pytest.raises(StoreError, match="cannot be read"):
        read_measured(tmp_path / "none.csv")
    assert read_facts(tmp_path / "none.csv") == {}
    assert read_facts(write_facts(tmp_path / "facts.csv", KNOWN)) == KNOWN


def test_what_comes_with_nogd_knows_the_default_tasks() -> None:
    table, known = read_measured()
    assert {"iris", "wine", "digits", "breast-cancer-sign"} <= set(table["task"]) <= set(known)
    assert {"adam", "grid-search", "random-search", "unit-search"} <= set(table["learner"])


def test_the_command_says_what_it_goes_by_and_ends_with_one_to_try() -> None:
    shown = command("advise", "-t", "wine")
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.startswith("wine: 139 parameters in 2 layers, 107 training examples, a gradient;")
    assert "Measured on this task" in shown.stdout
    last = shown.stdout.splitlines()[-1]
    assert last.startswith("nogd run -l ")
    assert last.endswith(" -t wine")
    others = command("advise", "-t", "wine", "--others", "--forwards", 500)
    assert "tasks of its kind (" in others.stdout
    assert "REGRET" in others.stdout
    facts = json.loads(command("advise", "-t", "breast-cancer-sign", "--json").stdout)
    assert facts["gradient"] is False
    assert facts["like"] == ["breast-cancer-sign"]
    assert facts["command"].endswith("-t breast-cancer-sign")
    assert {"learner", "class", "score", "regret", "tasks"} <= facts["learners"][0].keys()


def test_a_table_of_ones_own_is_a_task_too(tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    rows = [f"{place},{place % 7},{'yes' if place % 3 else 'no'}" for place in range(90)]
    file.write_text("\n".join(["a,b,c", *rows]))
    shown = command("advise", "--csv", file, "--target", "c")
    assert shown.exit_code == 0, shown.output
    assert f"--csv {file} --target c" in shown.stdout.splitlines()[-1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "say for which task"),
        (("-t", "wien"), "wine"),
        (("-t", "wine", "--forwards", 0), "forwards"),
        (("--csv", "none.csv"), "none.csv"),
        (("-t", "wine,split=-1"), "split"),
    ],
)
def test_what_cannot_be_advised_on_is_an_error(words: tuple[object, ...], said: str) -> None:
    shown = command("advise", *words)
    assert shown.exit_code == 2
    assert said in shown.stderr
