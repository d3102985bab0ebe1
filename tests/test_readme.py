"""The README keeps its word: its examples and commands are run as they stand, in an empty folder."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from nogd.report.numbers.statistics import ENOUGH_FOR_BOOTSTRAP

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CATALOGUE = (ROOT / "docs" / "catalogue.md").read_text(encoding="utf-8")
READING = (ROOT / "docs" / "reading.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
SHELL = [text.strip() for language, text in BLOCKS if language == "sh"]
PYTHON = [text for language, text in BLOCKS if language == "python"]
MAIN_JOB, TESTS, PLUGIN_RUN = SHELL
PLUGIN, EXAMPLE = PYTHON
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
INLINE = sorted(set(re.findall(r"`nogd ([a-z]+)[^`]*`", README + CATALOGUE + READING)))


@pytest.mark.parametrize("file", sorted((ROOT / "experiments").glob("*.toml")), ids=lambda file: file.stem)
def test_a_published_comparison_says_so_where_its_repetitions_are_too_few(file: Path) -> None:
    reading = file.with_suffix("").joinpath("README.md").read_text(encoding="utf-8")
    few = tomllib.loads(file.read_text(encoding="utf-8"))["repetitions"] < ENOUGH_FOR_BOOTSTRAP
    assert ("A quick look, not a published comparison" in reading) == few
    assert "own split" not in reading  # a task has one, by its name alone


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a reader would, with the environment of these tests first on PATH."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path}
    done = subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def table(title: str) -> list[list[str]]:
    """Rows of the first table below a heading of the catalogue, each a list of cells."""
    section = CATALOGUE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in row] for row in rows]


def listed(kind: str, folder: Path) -> dict[str, dict[str, object]]:
    return {entry["name"]: entry for entry in json.loads(shell(f"nogd list {kind} --json", folder).stdout)}


def test_the_first_example_runs_and_says_what_it_found(tmp_path):
    assert len(EXAMPLE.strip().splitlines()) <= 10
    done = shell(f"python -W error -c {shlex.quote(EXAMPLE)}", tmp_path)
    assert re.match(r"\w+: loss 0\.\d+ after \d+ forward passes\n", done.stdout)


def test_the_plugin_is_short_and_runs(tmp_path):
    lines = [line for line in PLUGIN.splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) <= 25
    (tmp_path / "hill_climb.py").write_text(PLUGIN, encoding="utf-8")
    leaderboard = shell(PLUGIN_RUN, tmp_path).stdout
    for learner in ("hill-climb", "hill-climb,sigma=0.3", "adam"):
        assert f"{learner} " in leaderboard
    explained = re.findall(r"\*\*([a-z/]+)\*\*", READING)
    shown = leaderboard.split("\n")[0].split()
    assert shown == ["learner", *(name for name in explained if name in shown)]
    assert set(explained) - set(shown) <= {
        "n/a",
        "forwards",
        "seconds",
        "overhead",
    }  # what it says a terminal may lack


def test_the_main_job_ends_with_a_page_and_a_second_run_makes_no_run_again(tmp_path):
    command = MAIN_JOB.removeprefix("pip install -c constraints.txt . && ")
    assert command == "nogd run --all"
    page = Path(tmp_path, shell(command, tmp_path).stdout.splitlines()[-1])
    assert "</html>" in page.read_text(encoding="utf-8")
    runs = shell("nogd runs --json", tmp_path).stdout
    tasks = [row for row in table("Tasks") if "not part of `--all" not in row[1]]
    assert len(json.loads(runs)) == 5 * len(listed("learners", tmp_path)) * len(tasks)
    shell(command, tmp_path)
    assert shell("nogd runs --json", tmp_path).stdout == runs


def test_ci_runs_the_readmes_test_command():
    assert TESTS in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_the_table_of_learners_is_the_list_of_learners(tmp_path):
    built_in = {row[0] for row in table("Learners") if "package" not in row[1]}
    assert built_in == set(listed("learners", tmp_path))


def test_the_table_of_tasks_is_the_list_of_tasks(tmp_path):
    assert [row[0] for row in table("Tasks") if row[0] not in listed("tasks", tmp_path)] == []
    with_test_data = {row[0] for row in table("Tasks") if row[2] == "yes"}
    assert with_test_data.isdisjoint({"original", "parity"})


@pytest.mark.parametrize("command", INLINE)
def test_every_command_that_it_names_exists(command, tmp_path):
    shell(f"nogd {command} --help", tmp_path)


def test_every_learner_that_it_spells_is_understood(tmp_path):
    for spelled in ("grid-search,points=20+adam,lr=0.01", "hybrid"):
        shell(f"nogd run -l {spelled} -t iris --print-experiment", tmp_path)
    shell("nogd show grid-search", tmp_path)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_every_link_leads_somewhere(link):
    assert (ROOT / link).exists()


@pytest.mark.parametrize(
    "file", sorted(set(re.findall(r"\b(?:nogd|tests|docs)/[a-z_/-]+\.(?:py|md)", CONTRIBUTING)))
)
def test_every_file_that_a_contributor_is_sent_to_exists(file):
    assert (ROOT / file).exists()


def test_the_table_of_packages_is_the_list_of_packages():
    packages = re.search(r"^\| package in `nogd/` (.*?)\n\n", CONTRIBUTING, flags=re.MULTILINE | re.DOTALL)
    assert packages
    folders = {file.parent.name for file in ROOT.glob("nogd/*/__init__.py")}
    assert set(re.findall(r"`([a-z]+)/`", packages[1])) == folders
