"""The page in a real Chromium, offline: axe-core, keyboard, narrow and wide screens, downloads, print, hostile names.

Needs the dependency group `browser` and a Chromium: the one that NOGD_BROWSER names, else whichever is on PATH.
"""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree import ElementTree as ET

import pandas as pd
import pytest
from figure_states import STATES as FIGURE_STATES
from pypdf import PdfReader
from report_data import SKILL, TASKS, Results, make_results
from target_data import make_measured

from nogd.bench.run_progress import RunProgress
from nogd.report.figure import Comparison
from nogd.report.figures import pairwise
from nogd.report.forms import history_forms, interim, versus_forms, watch
from nogd.report.numbers.history import history
from nogd.report.numbers.leaderboard import task_board
from nogd.report.numbers.versus import compare
from nogd.tuning.page import write_page

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="the group 'browser' of pyproject.toml is not installed"
)
axe = pytest.importorskip(
    "axe_playwright_python.base", reason="the group 'browser' of pyproject.toml is not installed"
)

IMAGE = '<img src=x onerror="window.hit=1">'
HOSTILE = [
    "<script>window.hit = 1</script>",
    "x" * 200,
    "\u0645\u0631\u062d\u0628\u0627 \u202eabc",
    f'">{IMAGE}',
    "_a$b$",
]
CHROMIUMS = ["chromium", "chromium-browser", "google-chrome"]
FAILURES = {("sgd", "wine", 1): "error", ("adam", "iris", 0): "timeout"}
THIRTY = [*SKILL, *(f"learner-{place:02}" for place in range(24))]


def diverging(results: Results) -> Results:
    """The same, but sgd is worse than everything by a number that takes much room."""
    runs = results.runs.copy()
    runs.loc[runs["learner"] == "sgd", "test_metric"] = -1.2e10
    return replace(results, runs=runs)


def looking(results: Results) -> Results:
    """The same, with what each learner looked at."""
    looked = results.runs["learner"].map({"adam": "gradient", "sgd": "gradient"}).fillna("losses")
    return replace(results, runs=results.runs.assign(access=looked))


TAGS = {
    "learners": {"adam": ["gradient"], "sgd": ["gradient"], "random-search": ["random"]},
    "tasks": {"iris": ["classification", "small"], "wine": ["classification"]},
}
STATES: dict[str, Results] = {
    "with access": looking(make_results(tasks=["iris", "wine"], repetitions=2)),
    "with tags": make_results(
        tasks=["iris", "wine"], repetitions=7, meta={"sessions": [{"settings": {"tags": TAGS}}]}
    ),
    "full": make_results(failures=FAILURES),
    "ten repetitions": make_results(["adam", "sgd", "random-search"], ["iris", "wine"], 10),
    "hostile": make_results(HOSTILE, HOSTILE[:4], 2, {(HOSTILE[0], HOSTILE[1], 0): "error"}),
    "thirty learners": make_results(THIRTY, ["iris", "wine"], 2),
    "three tasks": make_measured(
        ["adam", "grid-search", "random-search"], ["breast-cancer-sign", "iris", "wine"], 3
    ),
    "twelve learners": make_results(THIRTY[:12], ["iris", "wine"], 5),
    "with targets": diverging(make_measured([*SKILL, "exact-line,order=random"], failures=FAILURES)),
    "empty": make_results(repetitions=0),
    "one run": make_results(["adam"], ["diabetes"], 1),
    "all failed": make_results(
        ["adam", "sgd"], ["iris"], 1, {(name, "iris", 0): "error" for name in ("adam", "sgd")}
    ),
    "diverged": FIGURE_STATES["diverged"](),
    "unfinished": make_results(["adam", "sgd"], ["iris"], 2, meta={"missing": 7}),
    "unequal": make_results(["adam", "sgd"], ["iris"], 2, meta={"settings": {"unequal_cost": True}}),
}


def watched(state: str) -> str:
    """The page of a run under way, with a learner and a task that nothing has been heard of yet."""
    results = STATES[state]
    learners, tasks = [*results.runs["learner"].unique(), "waits"], [*results.runs["task"].unique(), "later"]
    run_progress = RunProgress(
        total=99,
        done=40,
        done_before=0,
        failed=1,
        running=((f"{HOSTILE[0]} on {HOSTILE[1]}, repetition 1", 12.0),),
        complaints=(f"error: {HOSTILE[3]}", f"timeout: {HOSTILE[1] * 3}"),
        spent=1000.0,
        written=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        ended=False,
    )
    planned = {(learner, task): 9 for learner in learners for task in tasks}
    return watch.render(run_progress, interim.told(Comparison.of(results), planned))


def versus(state: str) -> str:
    """Two comparisons side by side, the second with one learner changed."""
    first = STATES[state]
    runs = first.runs.copy()
    changed = runs["learner"] == runs["learner"].iloc[0]
    runs.loc[changed, "test_metric"] -= 0.5
    found = compare(Comparison.of(first), Comparison(runs, first.curves, first.meta))
    return versus_forms.page(found, (HOSTILE[1], HOSTILE[2]))


def told(state: str) -> str:
    """One learner over three stores, with names and revisions of any kind."""
    results = STATES[state]
    learner, revision = str(results.runs["learner"].iloc[0]), {"git": HOSTILE[1], "id": 1}
    stores = []
    for place, name in enumerate((HOSTILE[0], HOSTILE[1], "runs")):
        runs = results.runs.assign(finished=f"2026-0{place + 1}-01T00:00:00")
        runs.loc[runs["learner"] == learner, "test_metric"] -= 0.3 * place
        stores.append((name, Comparison(runs, results.curves, results.meta | {"sessions": [revision]})))
    return history_forms.html(history(stores, learner))


def tuned(state: str) -> str:
    """A search with hyper-parameters of every kind; "one run": of one trial."""
    from test_tune_page import SPACE, made

    with TemporaryDirectory() as folder:
        path = Path(folder) / "page.html"
        done = made(1 if state == "one run" else 40, use=HOSTILE[0] if state == "hostile" else "adam")
        return write_page(done, SPACE, HOSTILE[3], path).read_text(encoding="utf-8")


SIDE_PAGES = {"watch": watched, "versus": versus, "history": told, "tune": tuned}
PAGES = {
    f"{kind}, {state}": (make, state)
    for kind, make in SIDE_PAGES.items()
    for state in ("full", "hostile", "thirty learners", "one run")
}


def each(states: Iterable[str]) -> list[Any]:
    """These states as parameters; what looks at one page runs in one process, so that the page is written once."""
    return [pytest.param(state, marks=pytest.mark.xdist_group(state)) for state in states]


def chromium() -> str:
    """The browser's path; skips where there is none and nobody asked for one."""
    asked = os.environ.get("NOGD_BROWSER")
    found = next(filter(None, map(shutil.which, [asked] if asked else CHROMIUMS)), None)
    if asked and not found:
        pytest.fail(f"NOGD_BROWSER is {asked!r}, and there is no such program")
    if not found:
        pytest.skip("no Chromium on PATH: install one, or name it in NOGD_BROWSER")
    return found


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    from test_report_page import page_of

    written: dict[str, str] = {}

    def write(state: str) -> str:
        if state not in written:
            folder = tmp_path_factory.mktemp("page")
            if state in PAGES:
                make, of = PAGES[state]
                (folder / "report.html").write_text(make(of), encoding="utf-8")
            else:
                page_of(folder, STATES[state])
            written[state] = (folder / "report.html").as_uri()
        return written[state]

    return write


def leaves(url: str) -> bool:
    """Whether a request goes beyond the file itself."""
    return not url.startswith(("file:", "blob:", "data:"))


@pytest.fixture
def shown(browser, pages):
    """Open a state's page; a request, a message on the console or a dialog is a failure."""
    contexts, wrong = [], []

    def show(state: str, width: int = 1600, **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("dialog", lambda dialog: wrong.append(dialog.message))
        page.on("request", lambda request: wrong.append(request.url) if leaves(request.url) else None)
        page.goto(pages(state))
        return page

    yield show
    for context in contexts:
        context.close()
    assert wrong == []


def violations(page) -> list[str]:
    """What axe-core finds; inside of drawings it judges no contrast, and takes long to look (test_report_look does)."""
    page.evaluate(axe.AXE_SCRIPT)
    found = page.evaluate("axe.run({ exclude: [['svg']] })")["violations"]
    return [f"{each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]]


@pytest.mark.parametrize("state", each([*STATES, *PAGES]))
@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1600, "light")])
def test_axe_finds_nothing(shown, state, width, scheme):
    page = shown(state, width, color_scheme=scheme)
    if state.startswith("watch"):
        page.get_by_label("Hold this page").check()  # else it would be read again under axe's hands
    assert violations(page) == []


def test_axe_finds_nothing_with_all_opened_sorted_and_filtered(shown):
    page = shown("full", 390)
    page.locator(".index summary").click()
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
    page.get_by_role("button", name="seconds").first.click()
    page.locator("#leaderboard").get_by_role("combobox", name="Task").select_option("iris")
    assert violations(page) == []


def test_axe_would_find_something(shown):
    page = shown("one run")
    page.evaluate("document.querySelector('main').append(document.createElement('button'))")
    assert any(found.startswith("button-name") for found in violations(page))


@pytest.mark.parametrize("state", each([*STATES, *PAGES]))
@pytest.mark.parametrize("width", [390, 1000, 2000])
def test_the_page_never_scrolls_sideways(shown, state, width):
    page = shown(state, width)
    page.evaluate("document.querySelectorAll('main details').forEach((each) => { each.open = true })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("state", each(["full", *PAGES]))
def test_nothing_touches_the_edge_of_a_phone(shown, state):
    lefts = (
        "[...document.querySelectorAll('h1, h2, p')].filter((each) => each.getClientRects().length)"
        ".map((each) => each.getBoundingClientRect().left)"
    )
    assert min(shown(state, 390).evaluate(lefts)) >= 12


@pytest.mark.parametrize("state", each(["full", "twelve learners"]))
def test_a_phones_first_screen_has_the_answers_and_the_whole_picture(shown, state):
    page = shown(state, 390)
    picture = page.locator(".picture svg").bounding_box()
    answers = page.locator(".answers").bounding_box()
    assert answers["y"] + answers["height"] <= picture["y"]
    assert picture["y"] + picture["height"] <= 844
    assert page.locator(".behind").bounding_box()["y"] > picture["y"] + picture["height"]


def cut(page, box: str) -> int:
    """By how many pixels a scrolling box is too narrow for what is in it."""
    return page.locator(box).first.evaluate("(box) => box.scrollWidth - box.clientWidth")


@pytest.mark.parametrize("width", [1000, 1200, 1280])
def test_a_leaderboard_with_every_column_needs_no_scrolling(shown, width):
    page = shown("with targets", width)
    assert page.locator("#board thead th").count() == 15
    assert cut(page, "#board .scroll") == 0


def test_on_a_phone_a_leaderboard_scrolls_in_its_frame(shown):
    assert cut(shown("with targets", 390), "#board .scroll") > 0


def test_the_leaderboard_of_a_run_under_way_needs_no_scrolling_on_a_phone(shown):
    page = shown("watch, full", 390)
    assert cut(page, "#leaderboard .scroll") == 0
    assert page.locator("#runs tbody th").all_inner_texts()[-1] == "waits"


def test_a_run_under_way_is_read_again_unless_held(shown):
    page = shown("watch, full", 390)
    with page.expect_event("load", timeout=20_000):
        pass
    page.get_by_label("Hold this page").check()
    page.evaluate("window.stays = true")
    page.wait_for_timeout(1000 * (watch.REFRESH_SECONDS + 1))
    assert page.evaluate("window.stays")


def test_where_learners_outnumber_tasks_they_are_the_rows(shown):
    rows = "#figure-task-table tbody tr"
    assert shown("thirty learners", 390).locator(rows).count() == 30
    assert shown("full", 390).locator(rows).count() == len(TASKS)


def test_hostile_names_run_nothing_even_if_they_were_not_escaped(shown):
    page = shown("hostile")
    assert page.evaluate("window.hit") is None
    assert page.locator("main img").count() == 0
    assert page.locator("#board .leaders tbody tr").count() == len(HOSTILE)


def test_the_policy_stops_what_would_slip_through(browser, pages):
    page = browser.new_page()
    page.goto(pages("hostile"))
    page.evaluate("(html) => document.querySelector('main').insertAdjacentHTML('beforeend', html)", IMAGE)
    page.wait_for_timeout(100)
    assert page.evaluate("window.hit") is None
    page.close()


def names(page) -> list[str]:
    rows = page.locator("#board tbody tr:not([hidden]) .name bdi")
    return rows.all_inner_texts()


def test_the_leaderboard_sorts_by_keyboard_and_says_so(shown):
    page = shown("full")
    table = Comparison.of(STATES["full"]).board.table
    assert names(page) == list(table["learner"])
    heading = page.locator("#board thead th", has_text="seconds")
    for way, ascending in (("ascending", True), ("descending", False)):
        heading.get_by_role("button").focus()
        page.keyboard.press("Enter")
        assert heading.get_attribute("aria-sort") == way
        assert names(page) == list(table.sort_values("seconds", ascending=ascending)["learner"])
    assert page.locator("#board [aria-sort]").count() == 1


def test_the_leaderboard_shows_some_learners_and_one_task(shown):
    page = shown("full")
    page.get_by_role("searchbox", name="Learner").fill("SEARCH")
    assert sorted(names(page)) == ["grid-search", "pattern-search", "random-search"]
    page.locator("#leaderboard").get_by_role("combobox", name="Task").select_option("breast-cancer-sign")
    board = task_board(Comparison.of(STATES["full"]), "breast-cancer-sign").table
    assert names(page) == list(board["learner"])
    scores = page.locator("#board tbody tr:not([hidden]) td:nth-child(3)").all_inner_texts()
    assert scores == [f"{score:.2f}" for score in board["score"]]
    assert (
        page.locator("#leaderboard .filter output").inner_text()
        == "3 of 6 learners, on breast-cancer-sign alone"
    )
    page.get_by_role("searchbox", name="Learner").fill("")
    adam = (
        page.locator("#board tbody tr", has=page.locator("bdi", has_text="adam"))
        .locator("td")
        .all_inner_texts()
    )
    assert set(adam) == {"n/a"}
    page.locator("#leaderboard").get_by_role("combobox", name="Task").select_option("")
    assert names(page) == list(Comparison.of(STATES["full"]).board.table["learner"])


def drawn(page) -> set[str]:
    """Whose marks are seen in pictures."""
    marks = (
        "[...document.querySelectorAll('svg g[data-learner]:not(.off)')].map((each) => each.dataset.learner)"
    )
    return set(page.evaluate(marks))


def brought_out(page) -> set[str]:
    return set(
        page.evaluate("[...document.querySelectorAll('svg g.out')].map((each) => each.dataset.learner)")
    )


def choose(page, name):
    page.locator("#board").get_by_role("button", name=name, exact=True).click()


def test_a_click_on_a_name_brings_it_out_hides_it_and_shows_it_again_everywhere(shown):
    page = shown("full")
    column = page.locator("#figure-task-table thead th", has_text="sgd")
    assert drawn(page) == set(SKILL)
    choose(page, "sgd")
    assert brought_out(page) == {"sgd"}
    pressed = page.locator("#board button[aria-pressed=true]")
    assert pressed.all_inner_texts() == ["sgd"]
    assert page.locator(".active").inner_text() == "6 of 6 learners, 1 brought out Show all"
    choose(page, "sgd")
    assert drawn(page) == set(SKILL) - {"sgd"}
    assert brought_out(page) == set()
    assert not column.is_visible()
    choose(page, "sgd (hidden)")
    assert drawn(page) == set(SKILL)
    assert column.is_visible()
    assert not page.locator(".active").is_visible()


def test_a_name_in_a_picture_is_the_same_button(shown):
    page = shown("full")
    page.locator("#figure-learning-curves svg text", has_text="random-search").first.click()
    assert brought_out(page) == {"random-search"}


def test_a_search_and_a_class_of_access_choose_in_pictures_too(shown):
    page = shown("with access")
    page.get_by_role("searchbox", name="Learner").fill("search")
    assert drawn(page) == {"grid-search", "random-search", "pattern-search"}
    page.get_by_role("searchbox", name="Learner").fill("")
    page.get_by_role("combobox", name="Access").select_option("gradient")
    assert drawn(page) == {"adam", "sgd"}
    assert sorted(names(page)) == ["adam", "sgd"]


def test_tags_choose_learners_and_tasks(shown):
    page = shown("with tags")
    page.get_by_role("combobox", name="Learner tag").select_option("gradient")
    assert drawn(page) == {"adam", "sgd"}
    assert sorted(names(page)) == ["adam", "sgd"]
    field = page.get_by_role("combobox", name="Task tag")
    assert field.locator("option").all_inner_texts() == ["all", "small"]
    field.select_option("small")
    titles = page.locator("#figure-learning-curves figure:visible h4")
    assert titles.all_inner_texts() == ["iris"]
    assert page.locator("#figure-pairwise tbody tr:visible").count() == 1
    assert "tag=gradient&tasktag=small" in page.url
    page.goto(page.url)
    assert titles.all_inner_texts() == ["iris"]
    assert drawn(page) == {"adam", "sgd"}
    page.get_by_role("button", name="Show all").click()
    assert titles.count() == 2


def pair_row(page) -> list[str]:
    return page.locator("#figure-pairwise tbody tr").first.locator("td").all_inner_texts()


def test_two_learners_of_the_readers_choice_are_compared(shown):
    page = shown("with tags")
    table = Comparison.of(STATES["with tags"]).board.table
    first, second = (page.get_by_role("combobox", name=name, exact=True) for name in ("First", "Second"))
    sync_api.expect(first).to_have_value(table["learner"].iloc[0])
    before = pair_row(page)
    second.select_option("random-search")
    found = pairwise.pair_text(Comparison.of(STATES["with tags"]), table["learner"].iloc[0], "random-search")
    told = page.locator("#figure-pairwise figcaption").inner_text()
    assert told == found.partition("\n")[0]
    assert pair_row(page) != before
    assert all(cell.split("\n")[0] in found for cell in pair_row(page))
    assert "second=random-search" in page.url
    page.goto(page.url)
    sync_api.expect(second).to_have_value("random-search")
    assert page.locator("#figure-pairwise figcaption").inner_text() == told
    first.select_option("random-search")
    second.select_option("adam")
    turned = pairwise.pair_text(Comparison.of(STATES["with tags"]), "random-search", "adam")
    assert page.locator("#figure-pairwise figcaption").inner_text() == turned.partition("\n")[0]
    assert pair_row(page)[2].split("\n")[1] in turned


def test_a_run_opens_from_its_row_by_keyboard_and_is_kept_in_the_address(shown):
    page = shown("full")
    runs = page.locator("#runs")
    runs.get_by_label("Learner").select_option("adam")
    runs.get_by_label("Task").select_option("wine")
    assert runs.get_by_role("status").inner_text() == "5 runs."
    runs.locator("tbody button").nth(1).focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="adam on wine, repetition 1")
    dialog.wait_for()
    assert dialog.locator("svg").count() == 3
    assert "loss from" in dialog.locator("svg").first.get_attribute("aria-label")
    assert dialog.locator("code").inner_text() == "nogd rerun adam/wine/1"
    assert "3,000 forwards" in dialog.inner_text()
    assert "run=adam%2Fwine%2F1" in page.url
    page.reload()
    dialog.wait_for()
    page.keyboard.press("Escape")
    sync_api.expect(dialog).to_be_hidden()
    assert "run=" not in page.url


def test_a_click_on_a_dot_opens_its_run_and_chooses_no_learner(shown):
    page = shown("three tasks")
    dot = page.locator("#figure-final-losses svg [data-run='adam/wine/2']")
    dot.scroll_into_view_if_needed()
    box = dot.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.get_by_role("dialog", name="adam on wine, repetition 2").wait_for()
    assert "out=" not in page.url


def test_a_failed_run_shows_its_traceback_and_hostile_names_stay_text(shown):
    page = shown("hostile")
    page.locator("#runs").get_by_label("Status").select_option("error")
    page.locator("#runs tbody button").click()
    assert "bad <luck>" in page.get_by_role("dialog").locator("pre").inner_text()
    assert page.evaluate("window.hit") is None


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1600, "light")])
def test_axe_finds_nothing_with_a_run_open(shown, width, scheme):
    page = shown("full", width, color_scheme=scheme)
    page.locator("#runs tbody button").first.click()
    page.get_by_role("dialog").wait_for()
    page.get_by_role("dialog").locator("summary").click()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_of_too_many_runs_the_page_names_the_command_that_shows_one(browser, tmp_path, monkeypatch):
    from test_report_page import page_of

    from nogd.report.forms import run_view

    monkeypatch.setattr(run_view, "MOST", 1)
    page_of(tmp_path, STATES["ten repetitions"])
    page = browser.new_page()
    page.goto((tmp_path / "report.html").as_uri())
    page.locator("#runs tbody button").first.click()
    told = page.get_by_role("dialog").inner_text()
    page.close()
    assert "nogd runs --id adam/iris/0 --show" in told
    assert "3,000" in told


def test_a_task_alone_hides_the_pictures_of_others(shown):
    page = shown("full")
    titles = page.locator("#figure-learning-curves figure:visible h4")
    page.locator("#leaderboard").get_by_role("combobox", name="Task").select_option("wine")
    assert titles.all_inner_texts() == ["wine"]
    page.get_by_role("button", name="Show all").click()
    assert titles.count() == 6


def test_the_address_keeps_what_was_chosen(shown):
    page = shown("full")
    choose(page, "adam")
    choose(page, "sgd")
    choose(page, "sgd")
    page.locator("#leaderboard").get_by_role("combobox", name="Task").select_option("iris")
    page.locator("#board thead th", has_text="seconds").get_by_role("button").click()
    order, told = names(page), page.locator(".active").inner_text()
    assert "out=adam" in page.url
    assert "hide=sgd" in page.url
    page.goto(page.url)
    assert (names(page), page.locator(".active").inner_text()) == (order, told)
    assert brought_out(page) == {"adam"}
    assert "sgd" not in drawn(page)


def drawn_against(page, cost: str) -> None:
    """Wait until the first picture of learning curves is."""
    label = page.locator("#figure-learning-curves svg").first.locator("g.cost text").last
    sync_api.expect(label).to_have_text(cost)


def ends(page) -> dict[str, float]:
    """Where each learner's first curve ends, in points from the left."""
    last = """(lines) => Object.fromEntries(lines.map((path) =>
        [path.parentNode.dataset.learner, linesOf(path).flat().pop()[0]]))"""
    return page.locator("#figure-learning-curves svg").first.locator("g.named > path").evaluate_all(last)


def test_learning_curves_go_against_seconds_and_back(shown):
    page = shown("full")
    before = ends(page)
    assert len({round(end) for end in before.values()}) == 1
    field = page.get_by_role("combobox", name="Against")
    field.select_option("seconds")
    drawn_against(page, "seconds")
    after = ends(page)
    assert after["sgd"] > after["adam"] + 3  # 0.12 seconds and 0.1
    assert "against=seconds" in page.url
    page.goto(page.url)
    drawn_against(page, "seconds")
    assert ends(page) == after
    field.select_option("forwards")
    drawn_against(page, "forwards")
    assert "against" not in page.url
    assert ends(page) == before


def test_a_learner_of_any_name_is_found_by_what_tables_call_it(shown):
    found = shown("hostile").evaluate("(names) => names.map((name) => learnerOf(name)?.name)", HOSTILE)
    assert None not in found
    assert len(set(found)) == len(HOSTILE)


def test_axe_finds_nothing_against_flops(shown):
    page = shown("full", 390, color_scheme="dark")
    page.get_by_role("combobox", name="Against").select_option("flops")
    drawn_against(page, "FLOPs")
    assert violations(page) == []


def test_an_address_of_another_page_changes_nothing(shown):
    page = shown("full")
    page.goto(page.url + "?out=nobody&hide=<b>&task=none&access=all&sort=moon ascending&learner=")
    assert names(page) == list(Comparison.of(STATES["full"]).board.table["learner"])
    assert not page.locator(".active").is_visible()


def test_the_value_under_the_pointer_is_told(shown):
    page = shown("full")
    mark = page.locator(".picture svg g[data-learner=adam] use").last
    mark.scroll_into_view_if_needed()
    box = mark.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    score = Comparison.of(STATES["full"]).board.table.set_index("learner").loc["adam", "score"]
    name, _, value = page.locator(".tip").inner_text().partition(": ")
    assert name == "adam"
    assert float(value) == pytest.approx(score, abs=0.02)
    page.mouse.move(1, 1)
    assert page.locator(".tip").is_hidden()


def test_axe_finds_nothing_with_learners_brought_out_and_hidden(shown):
    page = shown("full", 390, color_scheme="dark")
    for name in ("adam", "sgd", "sgd"):
        choose(page, name)
    assert violations(page) == []


def test_without_script_all_is_there_and_nothing_is_dead(shown):
    page = shown("full", 390, java_script_enabled=False)
    assert page.locator("#board tbody tr").count() == len(SKILL)
    assert page.locator("button:visible, input:visible, select:visible").count() == 0
    assert page.get_by_text("nogd export").first.is_visible()
    assert not page.get_by_role("link", name="Learning curves", exact=True).is_visible()
    page.locator(".index summary").click()
    assert page.get_by_role("link", name="Learning curves", exact=True).is_visible()


@pytest.mark.parametrize("script", [True, False])
def test_the_index_is_open_at_the_side_of_a_wide_screen(shown, script):
    page = shown("full", 1600, java_script_enabled=script)
    assert page.get_by_role("link", name="Learning curves", exact=True).is_visible()


def test_the_index_folds_away_on_a_phone_and_marks_where_one_is(shown):
    page = shown("full", 390)
    page.locator(".index summary").click()
    link = page.get_by_role("link", name="Learning curves", exact=True)
    link.click()
    sync_api.expect(page.locator(".index a[aria-current]")).to_have_text("Learning curves")
    assert not link.is_visible()
    assert page.locator("h3", has_text="Learning curves").is_visible()


def test_the_keyboard_finds_its_way_and_is_seen(shown):
    page = shown("full")
    page.keyboard.press("Tab")
    skip = page.locator(".skip")
    assert skip.evaluate("(link) => link === document.activeElement")
    assert skip.bounding_box()["y"] >= 0
    assert skip.evaluate("(link) => getComputedStyle(link).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def downloaded(page, target) -> Path:
    with page.expect_download() as begun:
        target.click()
    assert begun.value.failure() is None
    return begun.value


def test_the_data_and_the_picture_are_one_click_away(shown, tmp_path):
    page = shown("full", accept_downloads=True)
    figure = page.locator(".picture figure")
    table = downloaded(page, figure.get_by_role("button", name="CSV"))
    assert table.suggested_filename == "scores.csv"
    assert set(pd.read_csv(table.path())["learner"]) == set(SKILL)
    drawn = downloaded(page, figure.get_by_role("button", name="SVG"))
    assert drawn.suggested_filename == "scores.svg"
    text = Path(drawn.path()).read_text(encoding="utf-8")
    assert ET.fromstring(text).tag.endswith("}svg")
    assert "var(" not in text
    picture = downloaded(page, figure.get_by_role("button", name="PNG"))
    assert picture.suggested_filename == "scores.png"
    from PIL import Image

    with Image.open(io.BytesIO(Path(picture.path()).read_bytes())) as image:
        assert image.width == 3 * 384
        colours = image.convert("RGB").getcolors(maxcolors=10**6)
    assert max(colours)[1] == (255, 255, 255)
    assert len(colours) > 50


def test_on_paper_there_is_no_index_and_nothing_is_folded_or_cut(shown, tmp_path):
    page = shown("full", color_scheme="dark")
    page.emulate_media(media="print")
    assert not page.locator(".index").is_visible()
    assert page.locator(".more figure svg").first.is_visible()
    assert page.locator("pre").first.is_visible()
    assert (
        page.locator("figure").first.evaluate("(figure) => getComputedStyle(figure).breakInside") == "avoid"
    )
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(254, 254, 254)"
    page.emulate_media(media="screen")
    assert page.pdf(format="A4").startswith(b"%PDF")


OF_TEXT = "const range = document.createRange(); range.selectNodeContents(cell);"
LINES = f"(cell) => {{ {OF_TEXT} return new Set([...range.getClientRects()].map((each) => each.top)).size; }}"
RIGHT = f"(cell) => {{ {OF_TEXT} return range.getBoundingClientRect().right; }}"


def test_a_printed_leaderboard_has_whole_numbers_and_places_beside_markers(shown):
    page = shown("with targets", 690)  # A4 without its margins
    page.emulate_media(media="print")
    numbers = page.locator("#board td.n:not(.long)")
    assert {each.evaluate(LINES) for each in numbers.element_handles()} == {1}
    for row in page.locator("#board tbody tr").all():
        assert row.locator("td").first.evaluate(RIGHT) < row.locator(".sign").bounding_box()["x"]


def test_a_default_report_takes_ten_pages_at_most(shown):
    page = shown("three tasks")
    assert len(PdfReader(io.BytesIO(page.pdf(format="A4"))).pages) <= 10


def test_many_learners_are_named_on_hover(shown):
    page = shown("thirty learners")
    titles = page.locator("#figure-learning-curves svg").first.locator("title").all_text_contents()
    assert set(titles) == {*SKILL, *(f"learner-{place:02}" for place in range(24))}
