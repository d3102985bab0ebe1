"""A plugin is code that runs as the user: whose code took part is written down, and reading results runs none of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from bench_help import command
from fake_site import Site, fake_site

from nogd.bench.tables import load_traces
from nogd.errors import PluginWarning
from nogd.plugins.manager import configured
from nogd.plugins.settings import PluginSettings
from nogd.report.results import load_results

pytestmark = pytest.mark.any_version

LEAVES_A_TRACE = """
    from pathlib import Path
    from nogd import AskTell, Population, State, hookimpl

    with Path(__file__).with_name("imported").open("a") as file:
        file.write("x")

    class Stay(AskTell):
        '''Stay where it is.'''
        name = "stay"
        def init(self, objective, theta, rng):
            return State(theta=theta)
        def ask(self, state):
            return Population(state.theta[None])
        def tell(self, state, candidates, losses):
            state.iteration += 1

    @hookimpl
    def nogd_learners():
        return [Stay]
"""
RUN = ("run", "-l", "stay", "-t", "iris", "--forwards", "5", "--repetitions", "1", "--jobs", "0")


@pytest.fixture
def site(tmp_path):
    with fake_site(tmp_path / "site") as made:
        yield made


@pytest.fixture
def stored(site: Site, tmp_path: Path) -> Path:
    """A store whose runs a plugin made, and no trace of that plugin any more."""
    folder = site.install("nogd-stay", "fake_stay", LEAVES_A_TRACE)
    (folder / "INSTALLER").write_text("pip\n")
    (folder / "REQUESTED").write_text("")
    out = tmp_path / "out"
    done = command(*RUN, "--out", out)
    assert done.exit_code == 0, done.output
    (site.folder / "imported").unlink()
    del sys.modules["fake_stay"]
    return out


def test_a_run_names_the_plugins_that_took_part(stored: Path):
    results = load_results(stored)
    (run,) = results.runs.to_dict("records")
    assert (run["package"], run["version"]) == ("nogd-stay", "1.2")
    (session,) = [each for each in results.meta["sessions"] if each["id"] == run["session"]]
    (plugin,) = [each for each in session["plugins"] if each["plugin"] == "fake_stay"]
    assert plugin == {
        "plugin": "fake_stay",
        "distribution": "nogd-stay",
        "version": "1.2",
        "installed": "asked for",
        "status": "ok",
    }


def test_a_plugin_given_as_a_file_is_named_with_a_check_sum(site: Site, tmp_path: Path):
    file = site.write("stay_here.py", LEAVES_A_TRACE)
    command(*RUN, "--out", tmp_path / "out", "--plugin", file)
    (session,) = load_results(tmp_path / "out").meta["sessions"]
    (plugin,) = [each for each in session["plugins"] if each["plugin"] == "stay_here"]
    assert (plugin["distribution"], plugin["installed"]) == (None, "given")
    assert plugin["version"].startswith("0+src.")


def test_a_broken_plugin_is_named_too_and_a_blocked_one_is_not(site: Site, tmp_path: Path):
    from nogd.bench.environment import environment

    site.install("nogd-bad", "fake_bad", "raise RuntimeError('after all that it did')")
    site.install("nogd-stay", "fake_stay", LEAVES_A_TRACE)
    with configured(PluginSettings(blocked=("nogd-stay",))), pytest.warns(PluginWarning, match="nogd-bad"):
        named = {each["plugin"]: each["status"] for each in environment()["plugins"]}
    assert named["fake_bad"] == "broken"
    assert "fake_stay" not in named
    assert not (site.folder / "imported").exists()


@pytest.mark.parametrize(
    "words",
    [("runs", "--json"), ("runs", "-l", "stay"), ("export",), ("report", "--no-plugins")],
    ids=" ".join,
)
def test_reading_the_store_runs_no_plugin(site: Site, stored: Path, words: tuple[str, ...]):
    where = [stored] if words[0] == "report" else ["--out", stored]
    done = command(*words, *where)
    assert done.exit_code == 0, done.output
    assert not (site.folder / "imported").exists()


def test_reading_from_python_runs_no_plugin(site: Site, stored: Path):
    assert list(load_results(stored).runs["learner"]) == ["stay"]
    assert len(load_traces(stored))
    assert not (site.folder / "imported").exists()


def test_the_trace_of_a_plugin_can_be_seen(site: Site, stored: Path):
    listed = command("list", "learners", "--json")
    assert "stay" in {row["name"] for row in json.loads(listed.stdout)}
    assert (site.folder / "imported").read_text() == "x"
