"""Completion as a shell asks for it: through the environment, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from fake_site import OFFERS_COIN_TOSS, Site, fake_site

from nogd.cli import main


def completed(typed: str, path: Path | None = None, shell: str = "bash") -> list[str]:
    """What is offered for a line that ends in the word to complete; path: a folder of installed packages."""
    environment = os.environ | {
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split(" ")) - 1),
        "_NOGD_COMPLETE": f"{shell}_complete",
    }
    if path is not None:
        environment["PYTHONPATH"] = os.pathsep.join([str(path), environment.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "nogd"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("nogd ru", ["run", "runs"]),
        ("nogd run -l ada", ["adam"]),
        ("nogd run --learner adam+grid", ["adam+grid-search"]),
        ("nogd run -t diabetes", ["diabetes", "diabetes-ternary"]),
        ("nogd runs -t iri", ["iris"]),
        ("nogd show win", ["wine"]),
        ("nogd list le", ["learners"]),
        ("nogd run --repe", ["--repetitions"]),
        ("nogd run -l nothing-begins-so", []),
        ("nogd new le", ["learner"]),
    ],
)
def test_names_are_completed(typed, offered):
    assert completed(typed) == offered


def test_names_of_installed_plugins_are_completed_and_broken_ones_are_silent(tmp_path):
    with fake_site(tmp_path / "site") as site:
        site.install("nogd-coin", "fake_coin", OFFERS_COIN_TOSS)
        site.install("nogd-bad", "fake_bad", "import nothing_of_that_name")
        assert completed("nogd run -l coin", site.folder) == ["coin-toss"]
        assert completed("nogd show coin", site.folder) == ["coin-toss"]


def test_plugins_given_in_the_line_count(tmp_path):
    with fake_site(tmp_path / "site") as made:
        site: Site = made
        file = site.write("mine.py", OFFERS_COIN_TOSS)
        assert completed(f"nogd --plugin {file} run -l coin") == ["coin-toss"]
        assert completed("nogd run -l coin") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_asks_nogd(shell):
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    assert f"_NOGD_COMPLETE={shell}_complete" in result.stdout


def test_the_shell_is_taken_from_the_environment_or_asked_for(monkeypatch):
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert "fish_complete" in CliRunner().invoke(main, ["completion"]).stdout
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    result = CliRunner().invoke(main, ["completion"])
    assert (result.exit_code, "'tcsh': name one of bash, zsh, fish" in result.stderr) == (2, True)
