"""Which runs count: terminal, page, Results, Markdown, PDF, export, versus and watch page show one comparison."""

from __future__ import annotations

import io
import json
import re
import shutil
from contextlib import closing
from pathlib import Path
from textwrap import dedent

import pandas as pd
import pytest
from bench_help import command, rows
from click.testing import Result
from pypdf import PdfReader
from report_data import tables_of
from test_targets import TASK

import nogd
from nogd.bench.store import Store
from nogd.plugins.manager import plugins
from nogd.report.forms.interim import interim
from nogd.report.results import Results, load_results

pytestmark = pytest.mark.any_version

PAIR = ("-l", "adam", "-l", "random-search", "-t", "iris")
SMALL = ("--repetitions", 2, "--jobs", 0, "--no-keep-thetas", "--no-plugins")


def run(folder: Path, *words: object, forwards: int = 20) -> Result:
    ran = command("run", *(words or PAIR), *SMALL, "--forwards", forwards, "--out", folder)
    assert ran.exit_code == 0, ran.output
    return ran


def budgets(results: Results) -> set[float]:
    return {json.loads(text)["forwards"] for text in results.runs["budget"]}


def page_of(folder: Path) -> str:
    return (folder / "report.html").read_text()


def shown(text: str) -> list[tuple[str, str]]:
    """Learners in order with their scores (access between), as terminal, PDF's first page and notebook have them."""
    return re.findall(r"^ *\d+[* ] ([\w-]+) +[\w-]+ +(-?\d+\.\d\d) ", text, re.MULTILINE)


def in_markdown(text: str) -> list[tuple[str, str]]:
    return re.findall(r"^\| \d+ \| `([\w-]+)` \| (-?\d+\.\d\d) ", text, re.MULTILINE)


def expected(results: Results) -> list[tuple[str, str]]:
    board = results.leaderboard
    return [(name, f"{score:.2f}") for name, score in zip(board["learner"], board["score"], strict=True)]


def assert_all_agree(folder: Path, ran: Result, forwards: int) -> None:
    """Every form shows the runs of this budget alone, and the same scores in the same order."""
    results = load_results(folder)
    assert budgets(results) == {forwards}
    truth = expected(results)
    assert len(truth) == 2
    assert shown(ran.stdout) == truth
    assert shown(repr(results)) == truth
    page = page_of(folder)
    told = page + json.dumps(tables_of(page))
    assert {row["id"] for row in rows(folder) if row["id"] in told} == set(results.runs["id"])
    for kind in ("md", "pdf"):
        assert command("report", folder, "--format", kind).exit_code == 0
    assert in_markdown((folder / "report.md").read_text()) == truth
    assert shown(PdfReader(io.BytesIO((folder / "report.pdf").read_bytes())).pages[0].extract_text()) == truth
    assert command("export", "--out", folder).exit_code == 0
    assert sorted(pd.read_csv(folder / "export" / "runs.csv")["id"]) == sorted(results.runs["id"])
    assert all(score in interim(folder) for _, score in truth)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two learners, one task and two figures are all that there is: everything would take minutes."""
    names = ("adam", "random-search", "iris")
    for module in ("plan", "task_names"):
        monkeypatch.setattr(
            f"nogd.bench.{module}.usable", lambda registry: [name for name in names if name in registry]
        )
    figures = [entry for entry in plugins().figures if entry.name in ("scores", "task-table")]
    assert len(figures) == 2
    for module in ("page", "pdf", "files"):
        monkeypatch.setattr(f"nogd.report.forms.{module}.figure_entries", lambda _: figures)
    monkeypatch.setattr("nogd.report.forms.update.offered", lambda _: figures)


@pytest.mark.slow
def test_run_all_twice_then_another_budget_then_again(tmp_path: Path, few: None) -> None:
    folder, side, stamps = tmp_path / "runs", tmp_path / "side", []
    for number, forwards in enumerate((20, 20, 60, 20), start=1):
        assert_all_agree(folder, run(folder, "--all", forwards=forwards), forwards)
        stamps.append((folder / "report.html").stat().st_mtime_ns)
        again = nogd.run(
            repetitions=2, budget=forwards, keep_thetas=False, out=folder, jobs=0, progress=False
        )
        assert expected(again) == expected(load_results(folder))
        assert [session["id"] for session in again.meta["sessions"]] == list(range(1, 2 * number + 1))
        if forwards == 60:
            shutil.copytree(folder, side)
    assert stamps[0] == stamps[1] < stamps[2] < stamps[3]  # drawn again only where it would be another
    assert len(rows(folder)) == 8
    listed = json.loads(command("runs", "--json", "--out", folder).stdout)
    assert {row["id"] for row in listed if row["counts"]} == set(load_results(folder).runs["id"])
    assert " counts\n" in command("runs", "--out", folder).stdout
    assert_what_is_left_agrees(folder, side)


def assert_what_is_left_agrees(folder: Path, side: Path) -> None:
    left, ids = page_of(folder), set(load_results(folder).runs["id"])
    for kind in ("html", "csv"):
        assert command("report", folder, "--format", kind).exit_code == 0
    assert page_of(folder) == left  # `nogd run` had left what `nogd report` writes
    assert set(pd.read_csv(folder / "report" / "runs.csv")["id"]) == ids
    assert command("report", side, folder, "--format", "md").exit_code == 0
    assert "forwards 60 / 20" in (folder / "versus.md").read_text()
    assert command("export", "--out", folder, "--all").exit_code == 0
    assert set(pd.read_csv(folder / "export" / "runs.csv")["id"]) == {row["id"] for row in rows(folder)} > ids
    (folder / "report.html").write_text("a page of somebody else")
    run(folder, "--all")
    assert page_of(folder) == left


def test_the_terminal_marks_what_this_call_asked_for(tmp_path: Path, few: None) -> None:
    both = run(tmp_path)
    assert "asked for by this command" not in both.stdout
    assert " *" not in both.stdout
    one = run(tmp_path, "-l", "adam", "-t", "iris")
    assert re.search(r"^ \d\* adam ", one.stdout, re.MULTILINE)
    assert re.search(r"^ \d  random-search ", one.stdout, re.MULTILINE)
    told = " ".join(one.stdout.split())
    assert "* asked for by this command: 2 of the 4 runs shown; the others were asked for before." in told


EXPERIMENT = """
learners = ["adam", "random-search"]
tasks = ["iris"]
repetitions = 1
budget = 20
keep_thetas = false
reference = "{}"
baselines = ["{}"]
"""


def test_reference_and_baselines_are_those_of_the_last_call_also_where_nothing_was_to_be_run(
    tmp_path: Path, few: None
) -> None:
    pages = []
    for names in (("adam", "random-search"), ("random-search", "adam")):
        (tmp_path / "it.toml").write_text(EXPERIMENT.format(*names))
        ran = command("run", tmp_path / "it.toml", "--jobs", 0, "--out", tmp_path)
        assert ran.exit_code == 0, ran.output
        settings = load_results(tmp_path).meta["settings"]
        assert (settings["reference"], settings["baselines"]) == (names[0], [names[1]])
        pages.append(page_of(tmp_path))
    assert len(rows(tmp_path)) == 2
    roles = [
        re.findall(r"title=\"(?:reference|baseline)[^>]*|>(reference|baseline)<", page) for page in pages
    ]
    assert roles[0] != roles[1]
    assert pages[0] != pages[1]


def test_what_is_frozen_after_the_runs_gives_them_scores_and_targets(tmp_path: Path, few: None) -> None:
    """And what is frozen anew, or taken back, does so too: what a run was told when it was made has no say."""
    (tmp_path / "line_task.py").write_text(dedent(TASK))
    plugin, out = ("--plugin", tmp_path / "line_task.py"), tmp_path / "runs"
    words = (
        "run",
        "-t",
        "my-line-task",
        "-l",
        "adam",
        "-l",
        "random-search",
        "--repetitions",
        2,
        "--jobs",
        0,
    )
    before = command(*plugin, *words, "--out", out)
    assert "No score" in before.stdout
    assert load_results(out).reached.empty
    freeze = (
        "targets",
        "freeze",
        "-t",
        "my-line-task",
        "--repetitions",
        5,
        "--jobs",
        0,
        "--out",
        tmp_path / "t",
    )
    assert command(*plugin, *freeze).exit_code == 0
    found = load_results(out)
    assert set(found.reached["learner"]) == {"adam", "random-search"}
    assert found.leaderboard["score"].notna().all()
    assert "No score" in page_of(out) or "No task here has a scale" in page_of(out)
    after = command(*plugin, *words, "--out", out)  # nothing to run
    assert "No score" not in after.stdout
    assert shown(after.stdout) == expected(found)
    assert "No task here has a scale" not in page_of(out)
    entries = json.loads((tmp_path / "reference.json").read_text())
    entries["my-line-task"]["test_metric"] = 2 * entries["my-line-task"]["test_metric"]
    (tmp_path / "reference.json").write_text(json.dumps(entries))
    moved = load_results(out).leaderboard.set_index("learner")["score"]
    assert moved["adam"] == pytest.approx(
        found.leaderboard.set_index("learner")["score"]["adam"] / 2, abs=0.01
    )
    (tmp_path / "reference.json").write_text("{}")
    assert load_results(out).leaderboard["score"].isna().all()
    (tmp_path / "reference.json").unlink()  # as where the folder was copied to another machine
    assert load_results(out).leaderboard["score"].notna().all()


def test_an_older_run_stands_in_and_is_said_to_until_the_one_last_asked_for_is_there(
    tmp_path: Path, few: None
) -> None:
    run(tmp_path)
    with closing(Store(tmp_path, create=True)) as store:
        cells = [(f"new-{n}", "adam", "iris", n) for n in range(2)]
        store.plan(cells, store.begin_session("2020-01-01T00:00:00", {}, {}))
    results = load_results(tmp_path)
    assert len(results.runs) == 4
    assert results.meta["missing"] == 2
    assert "2 planned runs still missing" in repr(results)
    assert "0 of 2" in interim(tmp_path)
