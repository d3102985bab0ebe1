"""One learner against another: numbers, the table that the page shows, and `nogd report --pair`."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner
from report_data import TASKS, make_results

from nogd.cli.report import report
from nogd.errors import UserError
from nogd.report.figure import Comparison, Drawn
from nogd.report.figures import pairwise
from nogd.report.numbers.paired import block_differences, difference, exchange_p
from nogd.report.numbers.pairwise import pair_blocks, pairwise_table, told_apart
from nogd.report.numbers.statistics import pooled_interquartile_mean


@pytest.fixture(scope="module")
def comparison():
    return Comparison.of(make_results(repetitions=7))


def test_all_pairs_at_once_are_each_pair_alone():
    losses = np.random.default_rng(0).integers(0, 4, size=(3, 5)).astype(float)
    losses[0, 0] = losses[1, 3] = np.inf
    blocks = pair_blocks(losses)
    for first in range(3):
        for second in range(3):
            alone = block_differences(losses[first][:, None], losses[second][:, None]).ravel()
            np.testing.assert_allclose(blocks[first, :, second], alone, atol=1e-15)


def test_a_row_is_the_two_learners_numbers_on_one_task(comparison):
    table = pairwise_table(comparison, [("adam", "random-search")])
    row = table.set_index("task").loc["iris"]
    values = {
        name: rows.sort_values("repetition")["value"].to_numpy()[:, None]
        for name, rows in comparison.finals[comparison.finals["task"] == "iris"].groupby("learner")
    }
    ours, theirs = values["adam"], values["random-search"]
    apart, low, high = difference(ours, theirs, pooled_interquartile_mean, rng=np.random.default_rng(1))
    assert row["difference"] == pytest.approx(apart)
    assert row["low"] == pytest.approx(low, abs=0.1 * (high - low))
    assert row["high"] == pytest.approx(high, abs=0.1 * (high - low))
    assert row["p"] == exchange_p(block_differences(-ours, -theirs))[0]
    assert row["p"] <= row["p_holm"] <= 1
    assert row["wins"] > 0.9


def test_the_other_way_round_is_the_same_with_other_signs(comparison):
    there, back = (pairwise_table(comparison, [pair]) for pair in (("adam", "sgd"), ("sgd", "adam")))
    np.testing.assert_allclose(there["difference"], -back["difference"])
    np.testing.assert_allclose(there["low"], -back["high"])
    np.testing.assert_allclose(there["wins"], 1 - back["wins"])
    np.testing.assert_array_equal(there["p"], back["p"])


def test_only_repetitions_that_all_learners_of_a_task_have_count():
    made = make_results(["adam", "sgd"], ["iris"], 6)
    runs = made.runs[(made.runs["learner"] != "sgd") | (made.runs["repetition"] < 4)]
    [row] = pairwise_table(Comparison(runs, made.curves), [("adam", "sgd")]).to_dict("records")
    assert row["runs"] == 4


def test_one_run_has_no_interval_and_tells_nothing_apart():
    made = Comparison.of(make_results(["adam", "sgd"], ["iris"], 1))
    drawn = pairwise.draw(made)
    assert isinstance(drawn, Drawn)
    assert np.isnan(drawn.data["low"]).all()
    assert " to " not in drawn.table["difference"].iloc[0]
    assert drawn.table["the first is"].tolist() == ["not told apart"]


def test_the_table_has_the_leaderboards_first_two_and_its_data_all_pairs(comparison):
    drawn = pairwise.draw(comparison)
    first, second = comparison.board.table["learner"].iloc[:2]
    assert drawn.alt.startswith(f"First: {first}. Second: {second}. Of ")
    assert len(drawn.table) == len(TASKS)
    assert len(drawn.data[["first", "second"]].drop_duplicates()) == 15


def test_of_many_learners_those_in_colour_are_compared_with_all():
    names = [f"learner-{number:02}" for number in range(20)]
    drawn = pairwise.draw(Comparison.of(make_results(names, ["iris"], 2)))
    assert len(drawn.data) == 8 * 7 // 2 + 8 * 12
    assert drawn.alt.endswith(
        " Of 20 learners only those in colour are compared with all others, 124 pairs; nogd report --pair compares any "
        "two."
    )


def test_where_all_are_compared_nothing_is_said_of_it(comparison):
    assert "only those in colour" not in pairwise.draw(comparison).alt


@pytest.mark.parametrize(
    ("wins", "p", "said"),
    [
        (0.9, 0.01, "better"),
        (0.1, 0.01, "worse"),
        (0.9, 0.05, "not told apart"),
        (0.9, np.nan, "not told apart"),
    ],
)
def test_a_verdict_needs_a_small_p(wins, p, said):
    assert told_apart(wins, p) == said


@pytest.mark.parametrize(
    ("results", "said"),
    [
        (make_results(["adam"], ["iris"], 2), "no two learners"),
        (
            make_results(["adam", "sgd"], ["iris"], 2, meta={"settings": {"unequal_cost": True}}),
            "Budgets differ",
        ),
    ],
)
def test_without_a_pair_a_sentence_says_so(results, said):
    assert said in pairwise.draw(Comparison.of(results))


def test_any_two_learners_as_text(comparison):
    text = pairwise.pair_text(comparison, "random-search", "adam")
    assert text.startswith(
        "First: random-search. Second: adam. Of 8 tasks the first is better beyond chance on 0"
    )
    assert "iris: accuracy ↑" in text


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (("adm", "sgd"), "no learner here is called 'adm'; did you mean 'adam'"),
        (("adam", "adam"), "adam cannot be compared with itself"),
    ],
)
def test_a_pair_that_is_none_is_refused(comparison, pair, said):
    with pytest.raises(UserError, match=said):
        pairwise.pair_text(comparison, *pair)


def test_learners_without_a_task_in_common_are_refused():
    made = make_results(["adam", "random-search"], ["breast-cancer-sign"], 2)
    with pytest.raises(UserError, match="adam and random-search have no task in common"):
        pairwise.pair_text(Comparison.of(made), "adam", "random-search")


def test_a_pair_of_two_folders_is_a_wrong_use(tmp_path):
    found = CliRunner().invoke(report, [str(tmp_path), str(tmp_path), "--pair", "adam", "sgd"])
    assert found.exit_code == 2
    assert "leave the other folders out" in found.output
