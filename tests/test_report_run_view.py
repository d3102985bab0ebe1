"""All about one run in the page's data, and dots of a picture that know which run they are."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from report_data import make_results, tables_of

from nogd.report.drawing.canvas import house_style
from nogd.report.drawing.svg import inline_svg
from nogd.report.figure import Comparison
from nogd.report.figures import final_losses
from nogd.report.forms import run_view
from nogd.report.forms.page import render

FAILURES = {("sgd", "iris", 1): "error"}


@pytest.fixture(scope="module")
def comparison():
    sessions = [{"id": 1, "cpu": "Example CPU", "settings": {"repetitions": 2}}, {"id": 2, "cpu": "other"}]
    made = make_results(["adam", "sgd"], ["iris", "wine"], 2, FAILURES, meta={"sessions": sessions})
    return Comparison.of(made)


def test_a_run_has_its_facts_environment_and_curve(comparison):
    told = run_view.runs_told(comparison)
    run = told["runs"]["adam/iris/0"]
    assert run["title"] == "adam on iris, repetition 0"
    assert dict(run["facts"])["budget"] == "3,000 forwards"
    assert told["environments"][run["session"]] == [("session", "1"), ("cpu", "Example CPU")]
    assert run["curve"]["forwards"][-1] == 3000
    assert {len(values) for values in run["curve"].values()} == {20}
    last = comparison.runs.set_index("id").loc["adam/iris/0", "loss"]
    assert run["curve"]["loss"][-1] == pytest.approx(last, rel=1e-3)


def test_a_failed_run_has_its_traceback(comparison):
    assert run_view.runs_told(comparison)["runs"]["sgd/iris/1"]["traceback"].endswith(
        "ValueError: bad <luck>"
    )


def test_a_run_without_a_curve_has_none():
    told = run_view.runs_told(Comparison.of(make_results(["adam"], ["breast-cancer-sign"], 1)))
    assert told["runs"]["adam/breast-cancer-sign/0"]["curve"] == {}


def test_what_is_no_number_is_null_in_the_page():
    made = make_results(["adam"], ["iris"], 1)
    made.curves.loc[3:5, "loss"] = [np.inf, np.nan, -np.inf]
    page = render(Comparison.of(made), [])
    told = tables_of(page)["one run"]
    assert None in told["runs"]["adam/iris/0"]["curve"]["loss"]
    assert "Infinity" not in json.dumps(told)


def test_with_too_many_runs_the_page_has_none(comparison, monkeypatch):
    monkeypatch.setattr(run_view, "MOST", 7)
    assert run_view.runs_told(comparison) == {"runs": {}, "environments": {}, "most": 7}


def test_each_dot_is_the_run_that_lies_there(comparison):
    [drawn] = [each for each in final_losses.draw(comparison) if each.title == "wine"]
    with house_style():
        root = ET.fromstring(inline_svg(drawn.figure, "f", ""))
    dots = {mark.get("data-run"): mark for mark in root.iter() if mark.get("data-run")}
    rows = comparison.finals[comparison.finals["task"] == "wine"].set_index("id")
    assert set(dots) == set(rows.index)
    for learner in ("adam", "sgd"):
        mine = rows[rows["learner"] == learner].sort_values("loss").index
        places = [float(dots[run].get("x")) for run in mine]
        assert places == sorted(places)
