"""Plugins that were written for another nogd, what is said of where a plugin came from, and the trace of hooks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from fake_site import OFFERS_COIN_TOSS, Site, fake_site

from nogd.cli import main
from nogd.errors import PluginWarning
from nogd.hookspecs import hookimpl
from nogd.plugins import deprecation
from nogd.plugins.manager import Plugins

NEEDS_NEWER = "Metadata-Version: 2.1\nName: nogd-coin\nVersion: 1.2\nRequires-Dist: nogd{wanted}\n"


@pytest.fixture
def site(tmp_path):
    with fake_site(tmp_path / "site") as made:
        yield made


def test_an_observer_that_knows_fewer_arguments_than_are_given_is_called_with_those():
    seen = []

    @hookimpl
    def nogd_point(point):
        seen.append(point)

    with_less = Plugins.of(nogd_point)
    with_less.notify("nogd_point", cell="a cell", point={"loss": 1.0}, added_later="new in a later nogd")
    assert seen == [{"loss": 1.0}]


def test_an_unknown_hook_is_named_with_the_nearest_and_the_others_go_on(site: Site):
    site.install(
        "nogd-coin",
        "fake_coin",
        OFFERS_COIN_TOSS + "\n    @hookimpl\n    def nogd_tsaks():\n        return []\n",
    )
    loaded = Plugins()
    with pytest.warns(PluginWarning, match=r"no hook named 'nogd_tsaks'; did you mean 'nogd_tasks'\?"):
        assert "coin-toss" in loaded.learners


@pytest.mark.parametrize("text", ["import a_module_of_nogd_9", "from nogd import NotYetThere"])
def test_a_plugin_that_needs_a_newer_nogd_says_so_first(site: Site, text: str):
    folder = site.install("nogd-coin", "fake_coin", text)
    (folder / "METADATA").write_text(NEEDS_NEWER.format(wanted=">=9.1"))
    with pytest.warns(PluginWarning) as warned:
        (info,) = [info for info in Plugins().infos if info.name == "fake_coin"]
    assert info.error.startswith("nogd-coin requires nogd>=9.1, and this is nogd 0")
    assert "is broken: nogd-coin requires nogd>=9.1" in str(warned[0].message)
    assert "Traceback" in info.traceback


@pytest.mark.parametrize("wanted", ["", ">=0.1", ">=9; python_version < '3'", "[fast]>=0.0.1", " what?"])
def test_a_requirement_that_is_met_or_does_not_apply_is_not_spoken_of(site: Site, wanted: str):
    folder = site.install("nogd-coin", "fake_coin", "import a_module_that_is_missing")
    (folder / "METADATA").write_text(NEEDS_NEWER.format(wanted=wanted))
    with pytest.warns(PluginWarning, match="is broken: ModuleNotFoundError"):
        Plugins().ask_all()


def test_a_renamed_hook_is_called_under_its_old_name_with_a_warning(site: Site, monkeypatch):
    monkeypatch.setattr(deprecation, "RENAMED_HOOKS", {"nogd_searchers": "nogd_learners"})
    site.install(
        "nogd-coin", "fake_coin", OFFERS_COIN_TOSS.replace("def nogd_learners", "def nogd_searchers")
    )
    loaded = Plugins()
    with pytest.warns(PluginWarning) as warned:
        assert "coin-toss" in loaded.learners
    (said,) = [str(warning.message) for warning in warned]
    assert "nogd-coin 1.2" in said
    assert "uses nogd_searchers, which is called nogd_learners now" in said
    (info,) = [info for info in loaded.infos if info.name == "fake_coin"]
    assert (info.status, info.hooks) == ("ok", ["nogd_learners"])


@pytest.mark.parametrize(
    ("notes", "said"),
    [
        ({"INSTALLER": "pip\n", "REQUESTED": ""}, "asked for"),
        ({"INSTALLER": "pip\n"}, "with another"),
        ({}, "unknown"),
    ],
)
def test_the_list_says_how_a_plugin_came_and_where_it_is(site: Site, notes, said):
    folder = site.install("nogd-coin", "fake_coin", OFFERS_COIN_TOSS)
    for name, text in notes.items():
        (folder / name).write_text(text)
    rows = json.loads(CliRunner().invoke(main, ["list", "plugins", "--json"]).stdout)
    (row,) = [row for row in rows if row["name"] == "fake_coin"]
    assert (row["distribution"], row["version"], row["installed"]) == ("nogd-coin", "1.2", said)
    assert row["location"] == str(site.folder / "fake_coin.py")
    assert {row["installed"] for row in rows if row["status"] == "builtin"} == {"built in"}
    assert f"{said}" in CliRunner().invoke(main, ["list", "plugins"]).stdout


def test_a_plugin_given_by_path_is_shown_as_given(site: Site):
    file = site.write("mine.py", OFFERS_COIN_TOSS)
    rows = json.loads(CliRunner().invoke(main, ["--plugin", str(file), "list", "plugins", "--json"]).stdout)
    (row,) = [row for row in rows if row["name"] == "mine"]
    assert (row["installed"], row["location"]) == ("given", str(file))


def test_verbose_says_which_hooks_each_plugin_implements(site: Site):
    site.install("nogd-coin", "fake_coin", OFFERS_COIN_TOSS)
    text = CliRunner().invoke(main, ["list", "plugins", "--verbose"]).stdout
    assert "fake_coin:\n  entry point: fake_coin = fake_coin\n  hooks: nogd_learners" in text


@pytest.mark.parametrize(("setting", "traced"), [("1", True), ("0", False), ("", False)])
def test_the_trace_names_each_call_on_stderr(monkeypatch, setting, traced):
    monkeypatch.setenv("NOGD_TRACE", setting)
    done = subprocess.run(
        [sys.executable, "-m", "nogd", "list", "losses", "--json"], capture_output=True, text=True, check=True
    )
    assert ("nogd_losses of nogd.engine [hook]" in done.stderr) == traced
    assert ("finish nogd_losses -->" in done.stderr) == traced
    assert json.loads(done.stdout)


@pytest.mark.any_version
def test_reading_the_store_runs_no_code_of_a_plugin(tmp_path: Path):
    plugin = tmp_path / "tell.py"
    plugin.write_text(
        "from pathlib import Path\n"
        "import nogd.learners.random_search as r\nfrom nogd.hookspecs import hookimpl\n"
        f"with Path({str(tmp_path / 'imported')!r}).open('a') as file: file.write('x')\n"
        "class Mine(r.RandomSearch):\n    '''Random search.'''\n    name = 'mine'\n"
        "@hookimpl\ndef nogd_learners(): return [Mine]\n"
    )
    out = str(tmp_path / "runs")
    command = [sys.executable, "-m", "nogd"]
    chosen = [
        "-l",
        "mine",
        "-t",
        "iris",
        "--forwards",
        "40",
        "--repetitions",
        "1",
        "--jobs",
        "0",
        "--out",
        out,
    ]
    subprocess.run([*command, "--plugin", str(plugin), "run", *chosen], check=True, capture_output=True)
    told = (tmp_path / "imported").read_text()
    with_it = [*command, "--plugin", str(plugin)]
    for reading in ([*with_it, "runs", "--out", out], [*with_it, "export", "--out", out]):
        subprocess.run(reading, check=True, capture_output=True)
    assert (tmp_path / "imported").read_text() == told
