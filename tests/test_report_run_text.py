"""All about one run: the text of `nogd runs --show`."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from report_data import make_results

import nogd
from nogd.cli.runs import runs
from nogd.report.forms.run_text import run_text
from nogd.report.results import load_results

FAILURES = {("sgd", "iris", 1): "error"}


@pytest.fixture(scope="module")
def results():
    return make_results(["adam", "sgd"], ["iris", "breast-cancer-sign"], 2, FAILURES)


def test_a_run_is_told_with_its_settings_machine_curve_and_command(results):
    results.meta["sessions"] = [
        {"id": 1, "cpu": "Example CPU", "settings": {"repetitions": 2}},
        {"id": 2, "cpu": "other"},
    ]
    text = run_text(results, "adam/iris/0", "my runs")
    facts = dict(line.split("  ", maxsplit=1) for line in text.split("\n\n")[1].splitlines())
    assert text.startswith("adam on iris, repetition 0\n")
    assert facts["budget"].strip() == "3,000 forwards"
    assert facts["settings"].strip() == "none"
    assert facts["cpu"].strip() == "Example CPU"
    assert facts["repeat"].strip() == "nogd rerun adam/iris/0 --out 'my runs'"
    assert "1 thread on cpu" in facts["made"]
    curve = text.split("\n\n")[2].splitlines()
    assert curve[0].startswith("Its curve, 12 of ")
    assert curve[1].split() == ["forwards", "seconds", "flops", "loss", "metric", "test_metric"]
    assert curve[-1].split()[0] == "3,000"


def test_a_failed_run_ends_with_its_traceback(results):
    text = run_text(results, "sgd/iris/1", "nogd-runs")
    assert "error: ValueError: bad <luck>" in text
    assert "nogd rerun sgd/iris/1\n" in text
    assert text.endswith("ValueError: bad <luck>")


def test_a_run_that_could_not_be_asked_for_has_no_curve(results):
    assert "It has left no curve." in run_text(results, "adam/breast-cancer-sign/0", "nogd-runs")


def test_the_command_line_shows_one_run_of_a_store_and_only_one(tmp_path):
    nogd.run(
        learners=["random-search"],
        tasks=["iris"],
        repetitions=2,
        budget={"forwards": 3},
        jobs=0,
        out=tmp_path,
    )
    shown = CliRunner().invoke(
        runs, ["--out", str(tmp_path), "-l", "random-search", "--show"], standalone_mode=False
    )
    assert str(shown.exception) == "--show prints one run, and 2 fit; choose one with --id."
    id_ = load_results(tmp_path).runs["id"].iloc[0]
    shown = CliRunner().invoke(runs, ["--out", str(tmp_path), "--id", id_, "--show"])
    assert shown.exit_code == 0
    assert f"nogd rerun {id_}" in shown.output
    assert "settings" in shown.output
