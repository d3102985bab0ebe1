"""One learner over several stores."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bench_help import command
from pypdf import PdfReader
from report_data import make_results

from nogd.errors import UnknownName
from nogd.report.figure import Comparison
from nogd.report.forms import history_forms
from nogd.report.numbers.comparing import holm
from nogd.report.numbers.history import FIRST, NOTHING, History, history
from nogd.report.numbers.versus import BETTER, OPEN, SAME, WORSE

WICKED = "<script>alert(1)</script>"


def comparison(
    month: int, change: float = 0.0, tasks: tuple[str, ...] = ("iris", "wine"), **columns
) -> Comparison:
    """change: of the test metric of sgd's runs."""
    made = make_results(["adam", "sgd"], list(tasks), 10)
    runs = made.runs.assign(finished=f"2026-0{month}-01T00:00:00", **columns)
    runs.loc[runs["learner"] == "sgd", "test_metric"] += change
    return Comparison(runs, made.curves, made.meta | {"sessions": []})


@pytest.fixture(scope="module")
def found() -> History:
    return history([("new", comparison(3, 0.2)), ("old", comparison(1)), ("mid", comparison(2))], "sgd")


def test_the_oldest_store_comes_first_and_each_is_judged_against_the_one_before(found: History) -> None:
    assert list(found.table["store"]) == ["old", "mid", "new"]
    assert list(found.table["verdict"]) == [FIRST, SAME, BETTER]
    assert found.headline == "sgd: better in new."
    assert found.table["wins"].iloc[2] > 0.5
    scores = found.table["score"]
    assert scores[0] == scores[1] < scores[2]
    assert (found.table["score_low"] <= scores).all()
    assert (scores <= found.table["score_high"]).all()


def test_the_score_of_a_store_is_that_of_its_leaderboard(found: History) -> None:
    board = comparison(1).board.table.set_index("learner").loc["sgd"]
    assert found.table["score"].iloc[0] == board["score"]
    assert found.table["score_low"].iloc[0] == board["score_low"]


def test_a_way_down_is_called_worse_and_another_learner_is_not_touched() -> None:
    stores = [("a", comparison(1)), ("b", comparison(2, -0.2))]
    assert list(history(stores, "sgd").table["verdict"]) == [FIRST, WORSE]
    assert list(history(stores, "adam").table["verdict"]) == [FIRST, SAME]


def test_p_is_corrected_for_all_changes_of_the_history() -> None:
    stores = [(str(month), comparison(month, change)) for month, change in ((1, 0.0), (2, 0.2), (3, 0.1))]
    table = history(stores, "sgd").table
    assert list(table["verdict"]) == [FIRST, BETTER, WORSE]
    np.testing.assert_array_equal(table["p_holm"].iloc[1:], holm(table["p"].iloc[1:]))
    alone = history(stores[:2], "sgd").table
    assert alone["p_holm"].iloc[1] == alone["p"].iloc[1] < table["p_holm"].iloc[1]


def test_the_score_is_over_the_tasks_that_all_have_on_one_scale() -> None:
    other_scale = comparison(2)
    rescaled = other_scale.runs.assign(
        reference=other_scale.runs["reference"].where(other_scale.runs["task"] != "iris", 0.5)
    )
    found = history([("a", comparison(1)), ("b", replace(other_scale, runs=rescaled))], "sgd")
    assert (found.tasks, found.left_out) == (("wine",), ("iris",))
    more = history([("a", comparison(1)), ("b", comparison(2, tasks=("iris",)))], "sgd")
    assert (more.tasks, more.left_out) == (("iris",), ("wine",))


def test_stores_without_a_task_in_common_are_told_as_that() -> None:
    found = history([("a", comparison(1, tasks=("iris",))), ("b", comparison(2, tasks=("wine",)))], "sgd")
    assert list(found.table["verdict"]) == [FIRST, NOTHING]
    assert found.table["score"].isna().all()
    assert "No task has a score in all stores" in history_forms.html(found)
    assert history_forms.pdf(found)


def test_small_changes_are_not_shown_and_not_called_the_same() -> None:
    made = comparison(2)
    noise = np.random.default_rng(0).normal(0.0, 0.01, len(made.runs))
    runs = made.runs.assign(test_metric=made.runs["test_metric"] + noise)
    assert (
        history([("a", comparison(1)), ("b", replace(made, runs=runs))], "sgd").table["verdict"].iloc[1]
        == OPEN
    )


def test_an_unknown_learner_is_named_with_the_store_and_the_nearest() -> None:
    with pytest.raises(UnknownName, match=r"no runs of 'sdg' in 'a'; did you mean 'sgd'\?"):
        history([("a", comparison(1)), ("b", comparison(2))], "sdg")


def test_every_form_has_every_store(found: History, tmp_path: Path) -> None:
    page, text = history_forms.html(found), history_forms.text(found)
    pdf = "".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(history_forms.pdf(found))).pages)
    table = pd.read_csv(history_forms.save_table(found, tmp_path / "history.csv"))
    assert list(table["store"]) == ["old", "mid", "new"]
    for told in (page, text, pdf, history_forms.markdown(found)):
        assert found.headline in told
        assert all(name in told for name in ("old", "mid", "new"))
    assert page.count("<svg") == 1


def test_no_name_becomes_mark_up() -> None:
    found = history([(WICKED, comparison(1, version=WICKED)), ("b", comparison(2))], "sgd")
    assert "<script" not in history_forms.html(found)
    assert "<script" not in re.sub(r"`[^`]*`", "", history_forms.markdown(found)).replace("\\<script", "")


def test_the_command_writes_it_into_the_last_folder_and_refuses_what_is_none(tmp_path: Path) -> None:
    words = ("-l", "random-search", "-t", "iris", "--repetitions", 2, "--jobs", 0)
    for name, forwards in (("a", 10), ("b", 10)):
        assert command("run", *words, "--forwards", forwards, "--out", tmp_path / name).exit_code == 0
    both = (tmp_path / "a", tmp_path / "b")
    done = command("report", *both, "--history", "random-search", "--format", "md")
    assert done.stdout.splitlines()[-1] == str(tmp_path / "b" / "history.md")
    for given, said in (
        ((*both, "--history", "nobody"), "no runs of 'nobody'"),
        ((both[0], "--history", "random-search"), "two folders or more"),
        ((*both, both[0], "--history", "random-search"), "is given twice"),
        ((*both, tmp_path), "There are no results"),
        ((*both, both[0]), "Name one folder, or two to compare"),
    ):
        refused = command("report", *given)
        assert refused.exit_code == 2
        assert said in refused.stderr
