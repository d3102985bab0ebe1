"""The forms of a report beside the page: Markdown, PDF, tables, a notebook."""

from __future__ import annotations

import io
import re
import sys

import pandas as pd
import pytest
from bench_help import command
from pandas import DataFrame
from pypdf import PdfReader
from report_data import make_results

from nogd.report.figure import Comparison
from nogd.report.figures import scores
from nogd.report.forms.markdown import code, markdown, plain_text
from nogd.report.forms.pdf import pdf
from nogd.report.forms.pdf_pages import bound, picture_sheet, table_sheets
from nogd.report.results import Results

HOSTILE = ["<script>alert(1)</script>", "a|b`c", "@everybody", "x" * 200]


@pytest.fixture(scope="module")
def results():
    made = make_results(["adam", "sgd", "random-search"], ["iris", "wine", "diabetes-ternary"], 3)
    return Results(made.runs, made.curves, made.meta)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    words = ("-l", "adam", "-l", "random-search", "-t", "iris", "--repetitions", 2, "--forwards", 30)
    assert command("run", *words, "--jobs", 0, "--out", folder).exit_code == 0
    return folder


def test_markdown_has_the_leaderboard_best_first(results):
    lines = markdown(results).splitlines()
    assert lines[0].startswith("## ")
    rows = [line for line in lines if re.match(r"\| \d+ \| `", line)]
    assert [re.search("`(.*?)`", row)[1] for row in rows[:3]] == list(results.leaderboard["learner"])
    assert len({line.count("|") for line in rows[:3]}) == 1


def test_no_name_breaks_a_table_or_calls_anybody():
    made = make_results(HOSTILE, ["iris"], 2)
    lines = markdown(made).splitlines()
    header = next(line for line in lines if line.startswith("| # |"))
    board = [line for line in lines if re.match(r"\| \d+ \| ", line)]
    assert len(board) == len(HOSTILE)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in board} == {header.count("|")}
    assert "<script>" not in re.sub(r"(?<!\\)`[^`]*`", "", "\n".join(lines))  # an escaped ` begins no code
    assert code("a`b") == "`a'b`"
    assert plain_text("@you <b> [x](y)") == r"\@you \<b\> \[x\](y)"


def test_a_pdf_has_all_that_is_said_and_every_picture(results):
    pages = PdfReader(io.BytesIO(pdf(results))).pages
    words = [page.extract_text() for page in pages]
    assert results.leaderboard["learner"][0] in words[0]
    assert any("Learning curves: wine" in text for text in words)
    assert any("forwards" in text for text in words)  # of the picture itself
    assert len(pages) >= 1 + len(results.figures())


@pytest.mark.slow
@pytest.mark.any_version
def test_equal_results_are_equal_bytes(results):
    assert pdf(results) == pdf(results)


def test_a_wide_table_goes_on_with_its_names_and_stays_on_its_pages():
    learners = [f"learner-{place}" for place in range(30)]
    table = DataFrame({"learner": learners, **{f"task-{place}": "0.123\n0.1 to 0.2" for place in range(12)}})
    sheets = list(table_sheets("Wide", table, "What is to be said."))
    pages = [page.extract_text() for page in PdfReader(io.BytesIO(bound(sheets, "Wide"))).pages]
    assert len(pages) == 3
    assert all(f"{name} " in page for page in pages for name in learners)
    assert sum(page.count("0.123, 0.1 to 0.2") for page in pages) == 30 * 12
    assert "What is to be said." in pages[-1]
    for sheet in sheets:
        sheet.figure.draw_without_rendering()
        box = sheet.figure.get_tightbbox()
        assert 0 < box.y0 < box.y1 < sheet.figure.get_figheight()
        assert box.x1 < sheet.figure.get_figwidth()


def test_a_name_from_right_to_left_does_not_turn_its_row_round():
    [sheet] = table_sheets(
        "t", DataFrame({"learner": ["adam", "\u0645\u0631\u062d"], "score": ["0.5", "0.7"]})
    )
    rows = sheet.figure.texts[-1].get_text().splitlines()
    assert [row.startswith("\u200e") for row in rows] == [False, False, True]


@pytest.mark.any_version
def test_a_pdf_needs_no_further_package(results, monkeypatch):
    monkeypatch.setitem(sys.modules, "pypdf", None)
    assert pdf(results).startswith(b"%PDF")


def test_pictures_are_as_they_were_once_they_are_bound(results):
    drawn = scores.draw(Comparison.of(results)).figure
    before = len(drawn.texts)
    first = bound([picture_sheet(drawn, "title", ["words"])], "all")
    assert (len(drawn.texts), bound([picture_sheet(drawn, "title", ["words"])], "all")) == (before, first)


@pytest.mark.parametrize(
    ("kind", "name"), [("html", "report.html"), ("pdf", "report.pdf"), ("md", "report.md")]
)
def test_each_form_is_written_beside_the_store(store, kind, name):
    result = command("report", store, "--format", kind)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(store / name)
    assert (store / name).stat().st_size > 500


def test_tables_come_as_a_folder_of_csv(store):
    result = command("report", store, "--format", "csv")
    assert result.stdout.strip() == str(store / "report")
    names = {path.name for path in (store / "report").iterdir()}
    assert {"runs.csv", "curves.csv", "leaderboard.csv", "scores.csv", "learning-curves-iris.csv"} <= names
    assert len(pd.read_csv(store / "report" / "runs.csv")) == 4


@pytest.mark.parametrize("kind", ["html", "pdf", "md", "csv"])
def test_an_empty_comparison_has_every_form(kind, tmp_path):
    from nogd.bench.store import Store

    Store(tmp_path, create=True).close()
    result = command("report", tmp_path, "--format", kind)
    assert result.exit_code == 0, result.output


def test_a_folder_without_a_store_is_refused(tmp_path):
    for words in ([tmp_path / "none"], [tmp_path], [tmp_path, tmp_path]):
        result = command("report", *words)
        assert result.exit_code == 2
        assert "nogd run" in result.stderr


def test_a_notebook_shows_who_won_the_leaderboard_and_a_picture(results):
    shown = results._repr_html_()
    assert "<svg" in shown
    assert shown.index("<strong>") < shown.index("<table") < shown.index("<svg")
    made = make_results(HOSTILE, ["iris"], 2)
    assert "<script" not in Results(made.runs, made.curves, made.meta)._repr_html_()


@pytest.mark.any_version
def test_the_tables_are_the_data_of_the_figures(results):
    tables = results.tables()
    assert next(iter(tables)) == "leaderboard"
    assert set(results.figures()) <= set(tables)
