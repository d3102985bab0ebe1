"""`nogd check`: what it finds to check, what it says, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nogd.cli import main

FAST = ("--only", "docstring-names-a-source")
FILE = Path(__file__).with_name("wicked.py")


def check(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["check", *arguments])


def test_a_rule_that_is_kept_is_one_line_and_success():
    result = check("adam", *FAST)
    assert (result.exit_code, "ok        docstring-names-a-source" in result.output) == (0, True)


def test_a_file_is_checked_and_what_is_broken_is_told_with_its_cure():
    result = check(str(FILE), *FAST)
    assert result.exit_code == 1
    assert "learner good of wicked" in result.output
    assert "What to do: Begin the class's docstring with one line" in result.output


def test_a_known_failure_is_expected_and_one_that_passes_is_not():
    mark = ("--expect", "docstring-names-a-source=it was never written down")
    assert check(str(FILE), *FAST, *mark).exit_code == 0
    result = check("adam", *FAST, *mark)
    assert (result.exit_code, "take the mark away" in " ".join(result.output.split())) == (1, True)


def test_json_is_one_array_with_a_row_a_check():
    rows = json.loads(check("random-search,population=3", *FAST, "--json").output)
    assert [(row["kind"], row["name"], row["status"]) for row in rows] == [
        ("learner", "random-search,population=3", "ok")
    ]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["adma"], "did you mean 'adam'?"),
        (["./nowhere.py"], "no file or folder './nowhere.py'"),
        (["adam,lr=-1"], "lr = '-1' is not right"),
        (["mse"], "Nothing that can be checked is named 'mse'"),
        (["adam", "--only", "docstring"], "did you mean 'docstring-names-a-source'?"),
        (["adam", "--expect", "docstring-names-a-source"], "write it as CHECK=REASON"),
    ],
)
def test_what_cannot_be_checked_is_one_sentence(given, said):
    result = check(*given)
    assert (result.exit_code, said in result.output) == (2, True)
    assert "Traceback" not in result.output
