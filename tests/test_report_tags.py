"""Tags of learners and tasks: noted by each session, and read from the store alone."""

from __future__ import annotations

import pytest
from report_data import SESSION, make_results

import nogd
from nogd.report.figure import Comparison
from nogd.report.forms.script import told_tags
from nogd.report.numbers.origins import sessions
from nogd.report.numbers.tags import tags_of
from nogd.report.results import load_results


def noting(learners, tasks=None):
    """A session that noted these tags."""
    return {**SESSION, "settings": {"repetitions": 5, "tags": {"learners": learners, "tasks": tasks or {}}}}


def test_a_run_notes_the_tags_that_its_learners_and_tasks_have(tmp_path):
    nogd.run(
        learners=["random-search"],
        tasks=["iris"],
        repetitions=1,
        budget={"forwards": 3},
        jobs=0,
        out=tmp_path,
    )
    meta = load_results(tmp_path).meta
    assert tags_of(meta, "learners") == {"random-search": ["random"]}
    assert tags_of(meta, "tasks") == {"iris": ["classification"]}


def test_of_several_sessions_the_last_one_counts():
    meta = {"sessions": [noting({"adam": ["old"], "sgd": ["gradient"]}), noting({"adam": ["gradient"]})]}
    assert tags_of(meta, "learners") == {"adam": ["gradient"], "sgd": ["gradient"]}


@pytest.mark.parametrize(
    "session",
    [
        {},
        {"settings": None},
        {"settings": {"tags": [1]}},
        noting({"adam": "gradient"}),
        noting([]),
        noting({"adam": [1]}),
    ],
)
def test_what_is_no_list_of_words_is_left_out(session):
    assert tags_of({"sessions": [session]}, "learners") == {}


def test_a_tag_of_all_or_of_none_chooses_nothing_and_is_not_offered():
    tags = {
        "adam": ["gradient", "x"],
        "sgd": ["gradient", "x"],
        "random-search": ["random", "x"],
        "gone": ["y"],
    }
    made = make_results(["adam", "sgd", "random-search"], ["iris"], 1, meta={"sessions": [noting(tags)]})
    assert told_tags(Comparison.of(made)) == {"learners": ["gradient", "random"], "tasks": []}


def test_the_environment_does_not_list_all_tags():
    [facts] = sessions(
        {"sessions": [noting({"adam": ["gradient"]})]}, make_results(["adam"], ["iris"], 1).runs
    )
    assert dict(facts)["settings"] == "repetitions 5"
