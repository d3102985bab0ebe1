from __future__ import annotations

import base64
import cProfile
import hashlib
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from matplotlib.figure import Figure as MplFigure
from pandas import DataFrame
from report_data import NO_GRADIENT, SKILL, TASKS, TRACEBACK, Results, make_results, tables_of

from nogd.cli.report import report
from nogd.errors import PluginWarning, StoreError
from nogd.plugins.registry import Entry, Lazy, Source
from nogd.report import nogd_figures
from nogd.report.drawing.canvas import house_style, log_ticks, short_number
from nogd.report.drawing.style import looks_of
from nogd.report.drawing.svg import inline_svg
from nogd.report.figure import Comparison, Drawn, Figure
from nogd.report.forms.answers import answers
from nogd.report.forms.files import save
from nogd.report.forms.page import write_report
from nogd.report.forms.script import learners_told, packed
from nogd.report.forms.sections import draw_canvases
from nogd.report.forms.verdict import headline
from nogd.report.names import short_name
from nogd.report.numbers.leaderboard import task_board

HOSTILE = [
    "<script>alert(1)</script>",
    "x" * 200,
    "\u0645\u0631\u062d\u202eabc",
    "$\\frac{1}{0}$ _a^b",
    "_hidden",
    '"a"&',
]
VOID = {"meta", "link", "br", "hr", "img", "input", "wbr"}


@dataclass(frozen=True)
class Plugins:
    """As much of nogd.plugins.manager.Plugins as the page needs."""

    figures: Sequence[Entry]


def built_in(*more: Entry) -> Plugins:
    source = Source("report", "nogd", builtin=True)
    return Plugins(
        [*(Entry("figure", lazy.name, lazy.summary, source, lazy) for lazy in nogd_figures()), *more]
    )


def entry(figure: object, name: str = "mine") -> Entry:
    return Entry("figure", name, "", Source("guest", "nogd-guest", "1.0"), figure)


def page_of(tmp_path: Path, results: Results, *more: Entry) -> str:
    return write_report(tmp_path, results, built_in(*more)).read_text(encoding="utf-8")


def small_page_of(tmp_path: Path, results: Results, *more: Entry) -> str:
    """With two of the built-in figures, where the others would only take their time."""
    two = [each for each in built_in().figures if each.name in ("scores", "learning-curves")]
    assert len(two) == 2
    return write_report(tmp_path, results, Plugins([*two, *more])).read_text(encoding="utf-8")


class Outline(HTMLParser):
    """What a browser would make of a page: element counts, ids, links, and whether all is closed."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.names: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.ids += [value for key, value in attrs if key == "id"]
        self.links += [value for key, value in attrs if key in {"href", "src"}]
        assert not any(key.startswith("on") for key, _ in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def profiled(tmp_path_factory):
    """A page of everything, and how many calls it took: seconds would be those of the machine."""
    results = make_results(failures={("sgd", "wine", 1): "error"})
    profile = cProfile.Profile()
    profile.enable()
    page = page_of(tmp_path_factory.mktemp("full"), results)
    profile.disable()
    return page, sum(entry.callcount for entry in profile.getstats())


@pytest.fixture(scope="module")
def full(profiled):
    return profiled[0]


def test_the_page_is_whole_and_needs_nothing_else(full):
    outline = Outline(full)
    assert outline.open == []
    assert outline.names.count("svg") == len(draw_canvases(Comparison.of(make_results()), built_in().figures))
    assert outline.names.count("svg") > 2 * len(TASKS)
    assert all(link.startswith("#") for link in outline.links)
    assert "://" not in re.sub(r'xmlns="[^"]*"', "", full)


def test_a_browser_runs_the_pages_own_script_and_no_other(full):
    data, tables, script = re.findall(r"<script([^>]*)>(.*?)</script>", full, re.DOTALL)
    assert "application/json" in data[0]
    assert json.loads(data[1])["tasks"] == sorted(TASKS)
    assert "application/gzip" in tables[0]
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert (
        f"default-src 'none'; img-src data: blob:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
        in full
    )


def test_ids_are_unique_and_every_reference_has_its_target(full):
    ids = Outline(full).ids
    assert len(ids) == len(set(ids))
    used = set(re.findall(r"url\(#([^)]+)\)", full)) | set(re.findall(r'href="#([^"]+)"', full))
    assert used
    assert used <= set(ids)


def test_the_sections_come_in_their_order(full):
    titles = [
        "Normalised score",
        "Leaderboard",
        "Results by task",
        "Task by task",
        "Quality against cost",
        "Learning curves",
        "Ranks and pairwise comparisons",
        "Ranks, task by task",
        "A closer look",
        "Final training losses",
        "What failed",
        "Failures and not applicable",
        "Tasks, learners and rules",
        "Environment",
        "How to reproduce",
    ]
    found = re.findall(r"<h[23][^>]*>(.*?)</h", full)
    assert [title for title in found if title in titles] == titles


def test_the_first_screen_says_who_won_and_how_sure(full):
    assert '<h1 id="headline">adam leads on 8 of 10 tasks: it scores highest' in full
    said = re.search(r'<dl class="answers">.*?</dl>', full, re.DOTALL)
    assert said
    assert re.findall(r"<strong><bdi>(.*?)</bdi>", said[0]) == [
        "adam",
        "10 tasks, 6 learners",
        "3,000 forwards, 0.781 s",
        "beyond chance",
    ]
    assert "300 runs: 6 learners on 10 tasks with 5 repetitions; score and rank over the 8 that" in full


def test_at_unequal_cost_the_headline_ranks_nobody():
    unequal = make_results(["adam", "sgd"], ["iris"], 5, meta={"settings": {"unequal_cost": True}})
    assert headline(Comparison.of(unequal)).startswith(
        "Unequal cost, so nobody is first; adam scores highest ("
    )


@pytest.mark.met_in("test_report_states.py")
def test_where_nothing_succeeded_nobody_is_first_and_the_reasons_come_first(tmp_path):
    failures = {(name, "iris", 0): "error" for name in ("adam", "sgd")}
    page = page_of(tmp_path, make_results(["adam", "sgd"], ["iris"], 1, failures))
    assert "leaderboard" not in Outline(page).ids
    assert 'href="#leaderboard"' not in page
    assert page.index('<h2 id="what-failed-title">') < page.index('<h2 id="results-title">')


@pytest.mark.parametrize(
    ("results", "said"),
    [
        (make_results(["adam", "random-search"], ["iris"], 10), "adam"),
        (make_results(["twin-a", "twin-b"], ["iris", "wine"], 5), "tied: twin-a and 1 other"),
        (make_results(["adam", "random-search"], ["iris"], 3), "adam, too few runs to tell"),
        (make_results(["adam", "sgd"], ["iris"], 1), "adam, too few runs to tell"),
        (
            make_results(["adam", "sgd"], ["iris"], 2, meta={"settings": {"unequal_cost": True}}),
            "no winner at unequal cost",
        ),
    ],
)
def test_who_won_is_said_with_its_doubts(results, said):
    assert answers(Comparison.of(results))[0].answer == said


def test_failures_have_reason_traceback_and_a_place(full):
    assert "ValueError: bad &lt;luck&gt;" in full
    assert TRACEBACK.splitlines()[1].replace("<", "&lt;").replace(">", "&gt;") in full
    assert "needs a gradient, and the task has none" in full


def test_the_data_behind_every_figure_are_in_one_block(full):
    tables = tables_of(full)
    assert set(re.findall(r'data-table="(.*?)"', full)) | {"one run"} == set(tables)
    assert tables["leaderboard"].startswith("learner,score,score_low")
    curves = [
        table
        for key, table in tables.items()
        if key != "one run" and table.startswith("task,learner,runs,forwards,seconds,flops,loss,")
    ]
    assert len(curves) == len(TASKS)


def test_tables_of_any_text_come_back_as_they_were():
    tables = {"a": "name\n</script>\n\u202e\u0645\n", "b": "x\n1\n"}
    assert tables_of(f'<script id="tables">{packed(tables)}</script>') == tables
    assert packed(tables) == packed(dict(tables))
    assert "<" not in packed(tables)
    assert tables_of(f'<script id="tables">{packed({"a": chr(0xD800)})}</script>') == {"a": "?"}


def test_learners_are_found_by_all_that_they_are_called_in_pictures_and_tables(full):
    data = json.loads(re.search(r'id="by-task">(.*?)</script>', full)[1])
    known = {spelling for learner in data["learners"] for spelling in learner["spellings"]}
    assert {learner["name"] for learner in data["learners"]} == set(SKILL)
    marked = set(re.findall(r'data-learner="(.*?)"', full))
    assert marked == set(SKILL)
    assert marked <= known
    crowd = ["x" * 200, "y" * 60, "plain"]
    comparison = Comparison.of(make_results(crowd, ["iris"], 2))
    told = learners_told(comparison, comparison.board)
    for learner in told:
        [name] = [each for each in crowd if each[0] == learner["name"][0]]
        wanted = {short_name(name, width) for width in (40, 120)} | {looks_of(comparison)[name].label}
        assert set(learner["spellings"]) == wanted


def test_colours_follow_the_pages_scheme(full):
    assert "prefers-color-scheme: dark" in full
    svg = re.search(r"<svg.*?</svg>", full, re.DOTALL)
    assert svg
    assert "var(--c0, #1d8ffb)" in svg[0]
    assert not re.findall(r"(?<!, )#[0-9a-f]{6}", svg[0])


def test_a_drawing_is_told_in_few_words():
    line = [0.123456 * place**2 + 200 * (place % 2) for place in range(50)]
    raw = io.StringIO()
    with house_style():
        canvas = MplFigure(figsize=(4, 3))
        canvas.add_subplot().plot(line, marker="s", color="#1d8ffb")
        canvas.savefig(raw, format="svg")
        svg = inline_svg(canvas, "p", "a line")
    assert len(svg) < 0.55 * len(raw.getvalue())  # matplotlib 3.9 writes fewer words to begin with
    told = re.search(r'd="M([\d. l-]{300,})"', svg)
    assert told
    assert len(re.findall(r"-?[\d.]+", told[1])) == 2 * len(line)
    assert not re.search(r"\.\d\d", told[1])
    markers = re.findall(r"<use[^>]*>", svg)
    assert sum("style" not in marker for marker in markers) == len(line)
    assert "font-family:" not in svg


@pytest.mark.any_version
def test_the_page_stays_small_and_quick(profiled):
    page, calls = profiled
    assert calls < 18_000_000  # about 8 million
    assert len(page) < 1_500_000


@pytest.mark.any_version
def test_the_same_store_gives_the_same_bytes(tmp_path):
    results = make_results(tasks=["iris", "breast-cancer-sign"], repetitions=12)
    assert page_of(tmp_path, results) == page_of(tmp_path, results)
    assert page_of(tmp_path, make_results(tasks=["iris"], repetitions=12)) != page_of(tmp_path, results)


@pytest.mark.slow
@pytest.mark.any_version
def test_two_processes_write_the_same_bytes():
    """Hashes of texts differ between processes: an order that comes from a set or a hash would show."""
    code = (
        "import hashlib, tempfile, pathlib\n"
        "from report_data import make_results\n"
        "from test_report_page import page_of\n"
        "failures = {('sgd', 'iris', 1): 'error'}\n"
        "results = make_results(tasks=['iris', 'breast-cancer-sign'], repetitions=3, failures=failures)\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        "    print(hashlib.sha256(page_of(pathlib.Path(folder), results).encode()).hexdigest())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parent)},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_lines_are_named_on_hover(full):
    curves = re.search(r"<svg.*?</svg>", full[full.index("<h3>Learning curves") :], re.DOTALL)
    assert curves
    assert set(re.findall(r'<g class="named" data-learner=".*?"><title>(.*?)</title>', curves[0])) == set(
        SKILL
    )


def test_figures_that_are_not_drawn_take_one_line_and_say_why(full):
    part = full[full.index('id="closer-look-title"') : full.index('id="what-failed-title"')]
    line, reasons = re.search(r"<summary>Not drawn: (.*?)</summary>(.*?)</details>", part, re.DOTALL).groups()
    assert "Sensitivity to hyper-parameters" in line
    assert "No learner takes part with several values" in reasons
    assert 'href="#figure-sensitivity"' not in full


def test_many_drawings_of_one_figure_are_folded_after_the_first_six(full):
    part = full[full.index("<h3>Learning curves") + 1 :]
    before, folded = part[: part.index("<h3>")].split('<details class="more">')
    assert before.count("<figure") == 6
    assert folded.count("<figure") == len(TASKS) - 6
    assert "4 more: <bdi>original</bdi>, <bdi>parity</bdi>" in folded


@pytest.mark.met_in("test_report_states.py")
def test_a_task_alone_is_ranked_by_its_own_runs(full):
    data = json.loads(re.search(r'id="by-task">(.*?)</script>', full, re.DOTALL)[1])
    results = make_results(failures={("sgd", "wine", 1): "error"})
    board = task_board(Comparison.of(results), "wine").table
    order = list(Comparison.of(results).board.table["learner"])
    rows = data["rows"][data["tasks"].index("wine")]
    for place, row in board.iterrows():
        cells = rows[order.index(row["learner"])]
        assert cells[0] == [str(place + 1), place + 1]
        assert cells[1] == [f"{row['score']:.2f}", float(f"{row['score']:.6g}")]
    nobody = data["rows"][data["tasks"].index("breast-cancer-sign")][order.index("adam")]
    assert nobody is None


@pytest.mark.met_in("test_report_states.py")
def test_hostile_names_are_only_names(tmp_path):
    failures = {(HOSTILE[0], "<img src=x onerror=alert(2)>", 0): "error"}
    results = make_results(HOSTILE, ["<img src=x onerror=alert(2)>", "y" * 200], 2, failures)
    page = page_of(tmp_path, results)
    outline = Outline(page)
    assert "img" not in outline.names
    assert outline.names.count("script") == 3  # the data of filters and of tables, and the page's own
    assert "<script>alert(1)</script>" in " ".join(outline.texts)
    for text in outline.texts:
        assert not re.search("[xy]{121}", text)


@pytest.mark.met_in("test_report_states.py")
@pytest.mark.parametrize(
    ("results", "said"),
    [
        (make_results(repetitions=0), "No run is stored here yet."),
        (make_results(["adam"], ["diabetes"], 1), "One run: adam on diabetes reached r2"),
        (
            make_results(
                ["adam", "sgd"], ["iris"], 1, {(name, "iris", 0): "killed" for name in ("adam", "sgd")}
            ),
            "None of the 2 runs succeeded",
        ),
        (make_results(["adam"], sorted(NO_GRADIENT), 2), "None of the 4 runs succeeded"),
        (make_results(["adam", "sgd"], ["iris"], 2, meta={"missing": 7}), "7 planned runs still missing"),
        (make_results(["adam", "sgd"], ["iris"], 1), "1 repetition cannot show a difference"),
        (make_results(["adam"], ["iris", "wine"], 10), "adam alone on 2 tasks."),
        (
            make_results(["adam", "sgd"], ["iris"], 2, meta={"settings": {"unequal_cost": True}}),
            "Unequal cost: learners had different budgets",
        ),
    ],
)
def test_every_state_of_a_store_has_a_page(tmp_path, results, said):
    page = page_of(tmp_path, results)
    assert said in page
    assert Outline(page).open == []


def test_runs_without_curves_or_reference_have_a_page(tmp_path):
    results = make_results(["adam", "sgd"], ["iris"], 3)
    bare = Results(
        results.runs.assign(reference=float("nan"), constant=float("nan")), results.curves.iloc[:0]
    )
    page = page_of(tmp_path, bare)
    assert "adam has the best mean rank" in page
    assert "No score: no task here has a frozen reference" in page


def test_a_third_partys_figure_is_shown(tmp_path):
    def draw(comparison):
        canvas = MplFigure(figsize=(3, 2))
        canvas.subplots().plot([1, 2], [1, len(comparison.runs)])
        return Drawn(canvas, DataFrame({"x": [1, 2]}), "A line goes up.")

    page = small_page_of(
        tmp_path, make_results(["adam"], ["iris"], 2), entry(Figure("mine", "My line", ("a", "b"), draw))
    )
    assert "<h3>My line</h3>" in page
    assert 'aria-label="A line goes up."' in page


@pytest.mark.met_in("test_report_states.py")
@pytest.mark.parametrize(
    "figure",
    [
        Figure("mine", "Mine", ("a", "b"), lambda comparison: 1 / 0),
        Figure("mine", "Mine", ("a", "b"), lambda comparison: ["no drawing"]),
        object(),
        Lazy("mine", "no_such_package.module:FIGURE"),
    ],
)
def test_a_figure_that_raises_costs_only_itself(tmp_path, figure):
    results = make_results(["adam"], ["iris"], 2)
    with pytest.warns(PluginWarning, match=r"The figure 'mine' of nogd-guest 1\.0 failed"):
        page = small_page_of(tmp_path, results, entry(figure))
    assert "The figure &#39;mine&#39; of nogd-guest 1.0 failed" in page
    assert "<h3>Learning curves</h3>" in page


def test_a_lost_run_takes_its_tasks_facts_from_the_others(tmp_path):
    results = make_results(["adam", "sgd"], ["iris"], 2, {("sgd", "iris", 1): "killed"})
    lost = results.runs.copy()
    unknown = [
        "metric_name",
        "metric_greater",
        "has_split",
        "constant",
        "reference",
        "gradient_cost",
        "reason",
    ]
    lost[unknown] = lost[unknown].astype(object)
    lost.loc[lost["status"] == "killed", unknown] = None
    told, whole = Comparison(lost, results.curves), Comparison(results.runs, results.curves)
    assert told.finals["value"].tolist() == whole.finals["value"].tolist()
    assert told.finals["score"].tolist() == whole.finals["score"].tolist()
    assert "accuracy on test data" in page_of(tmp_path, Results(lost, results.curves))


def test_pictures_and_tables_as_files(tmp_path):
    results = make_results(["adam", "sgd"], ["iris"], 2)
    names = list(draw_canvases(Comparison.of(results), built_in().figures))
    assert {"scores", "learning-curves-iris", "final-losses-iris"} <= set(names)
    names = {path.name for path in save(results, tmp_path / "new", built_in()).iterdir()}
    assert {"runs.csv", "curves.csv", "leaderboard.csv", "scores.svg", "learning-curves-iris.png"} <= names
    assert draw_canvases(Comparison.of(make_results(repetitions=0)), built_in().figures) == {}


def diverging(repetitions: int = 2) -> Results:
    """sgd's loss grows without end on iris."""
    status = {("sgd", "iris", repetition): "diverged" for repetition in range(repetitions)}
    made = make_results(["adam", "sgd"], ["iris", "wine"], repetitions, status)
    wild = (made.curves["learner"] == "sgd") & (made.curves["task"] == "iris") & (made.curves["forwards"] > 3)
    return Results(made.runs, made.curves.assign(loss=made.curves["loss"].where(~wild, 1e18)), made.meta)


@pytest.mark.met_in("test_report_states.py")
def test_a_run_that_diverged_does_not_flatten_the_others(tmp_path):
    results = diverging()
    top = (
        draw_canvases(Comparison.of(results), built_in().figures)["learning-curves-iris"]
        .axes[0]
        .get_ylim()[1]
    )
    sound = results.curves[(results.curves["task"] == "iris") & (results.curves["loss"] < 1e18)]["loss"]
    assert sound.max() < top < 3 * sound.max()
    page = page_of(tmp_path, results)
    assert page.count("The loss axis is cut at") == 2  # the label of iris's picture and its caption
    assert "above it: diverged runs of sgd." in page


@pytest.mark.met_in("test_report_states.py")
def test_where_all_runs_diverged_nothing_is_cut(tmp_path):
    made = diverging()
    alone = made.runs["learner"] == "sgd"
    results = Results(made.runs[alone], made.curves[made.curves["learner"] == "sgd"], made.meta)
    assert (
        draw_canvases(Comparison.of(results), built_in().figures)["learning-curves-iris"]
        .axes[0]
        .get_ylim()[1]
        >= 1e18
    )
    assert "is cut at" not in page_of(tmp_path, results)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (1e18, "1e18"),
        (1.07e9, "1.07e9"),
        (9.996e8, "1e9"),
        (2e8, "200M"),
        (1500, "1.5k"),
        (-2e5, "-200k"),
        (0.00012, "0.00012"),
        (1.2e-5, "1.2e-5"),
        (0, "0"),
        (3e-12, "3e-12"),
    ],
)
def test_numbers_on_an_axis(value, told):
    assert short_number(value) == told


@pytest.mark.parametrize(
    ("low", "high"), [(0.3, 4), (0.3, 40), (1e-6, 5), (0.01, 1e18), (2e3, 1e34), (2.1, 2.2)]
)
@pytest.mark.parametrize("most", [2, 4, 7])
def test_a_log_axis_has_few_numbers_and_at_least_one(low, high, most):
    ticks = log_ticks(low, high, most)
    assert 0 < len(ticks) <= most
    assert all(low <= tick <= high for tick in ticks)


def test_a_figure_with_nothing_to_show_leaves_no_section(tmp_path):
    nothing = entry(Figure("mine", "Nothing to see", ("a", "b"), lambda comparison: None))
    assert "Nothing to see" not in small_page_of(tmp_path, make_results(["adam"], ["iris"], 2), nothing)


def test_drawing_leaves_matplotlibs_settings_alone(tmp_path):
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    page_of(tmp_path, make_results(["adam"], ["iris"], 2))
    assert dict(mpl.rcParams) == before


def test_a_page_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    results = make_results(["adam"], ["iris"], 1)
    old = small_page_of(tmp_path, results)

    def full_disk(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(StoreError, match="No space left on device"):
        small_page_of(tmp_path, make_results(["sgd"], ["iris"], 1))
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == old
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.any_version
def test_the_report_never_imports_torch():
    code = (
        "import sys, nogd.report, nogd.report.forms.page, nogd.report.numbers.leaderboard\n"
        "from nogd.report import nogd_figures\n"
        "for lazy in nogd_figures(): lazy.load()\n"
        "print('torch' in sys.modules, 'seaborn' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "True"]


def test_lists_say_of_a_figure_what_it_says_of_itself():
    for lazy in nogd_figures():
        figure = lazy.load()
        assert (figure.name, figure.summary) == (lazy.name, lazy.summary), "nogd/report/__init__.py"


def test_listing_figures_imports_nothing_heavy():
    code = (
        "import sys\nfrom nogd.report import nogd_figures\nnogd_figures()\n"
        "print({'numpy', 'pandas', 'matplotlib', 'seaborn', 'scipy', 'torch'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_the_command_says_what_is_missing(tmp_path):
    for folder, said in ((tmp_path / "nowhere", "There is no folder"), (tmp_path, "There are no results in")):
        error = CliRunner().invoke(report, [str(folder)]).exception
        assert isinstance(error, StoreError)
        assert said in str(error)
        assert str(folder) in str(error)
