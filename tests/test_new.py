"""`nogd new`: what it writes, and what it refuses; tests/test_templates.py installs and runs what it writes."""

from __future__ import annotations

import sys
import tomllib
from importlib import import_module

import pytest
from click.testing import CliRunner, Result

import nogd
from nogd.cli import main
from nogd.testing import checks_for

LONGEST = "x" * 30


def new(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["new", *arguments])


KINDS = ("learner", "task", "figure", "executor", "command")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("licence", ["MIT", "BSD-3-Clause", "Apache-2.0"])
def test_a_package_says_whose_it_is_and_under_which_licence(tmp_path, kind, licence):
    author = 'Ada "the first" Lovelace'
    result = new(kind, "coin-toss", "--dir", str(tmp_path), "--license", licence, "--author", author)
    assert result.exit_code == 0
    folder = tmp_path / "nogd-coin-toss"
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert (project["name"], project["license"], project["authors"]) == (
        "nogd-coin-toss",
        licence,
        [{"name": author}],
    )
    text = (folder / "LICENSE").read_text()
    assert {"MIT": "MIT License", "BSD-3-Clause": "BSD 3-Clause", "Apache-2.0": "Apache License"}[
        licence
    ] in text
    assert (author in text) == (licence != "Apache-2.0")
    assert project["entry-points"] == (
        {"nogd.commands": {"coin-toss": "nogd_coin_toss.coin_toss:command"}}
        if kind == "command"
        else {"nogd": {"coin-toss": "nogd_coin_toss"}}
    )


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_the_template_is_left(tmp_path, kind):
    new(kind, "coin-toss", "--dir", str(tmp_path))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    expected = {
        "LICENSE",
        "README.md",
        "tox.ini",
        "coin_toss.py",
        "py.typed",
        "tests.yml",
        "test_coin_toss.py",
    }
    assert expected <= {f.name for f in files}
    for file in files:
        assert "{{" not in file.read_text().replace("${{", "")
        assert "{%" not in file.read_text()
        assert "{" not in file.name
        assert file.suffix != ".jinja"


@pytest.mark.parametrize("kind", KINDS)
def test_whoever_can_be_drawn_has_a_picture_and_what_draws_it(tmp_path, kind):
    new(kind, "coin-toss", "--dir", str(tmp_path))
    folder = tmp_path / "nogd-coin-toss"
    pictures = {
        "learner": ["learning-curves.svg"],
        "task": ["learning-curves.svg"],
        "figure": ["coin-toss.svg"],
    }
    assert [path.name for path in folder.glob("*.svg")] == pictures.get(kind, [])
    assert (folder / "make_report.py").is_file() == (kind in pictures)
    assert ("make_report.py" in (folder / "README.md").read_text()) == (kind in pictures)


@pytest.mark.parametrize(
    ("kind", "use"),
    [
        ("learner", "nogd run -l coin-toss"),
        ("task", "nogd run -t coin-toss"),
        ("figure", "nogd run -l random-search"),
        ("executor", "--executor coin-toss"),
        ("command", "nogd coin-toss --help"),
    ],
)
def test_it_says_what_to_do_next(tmp_path, kind, use):
    output = new(kind, "coin-toss", "--dir", str(tmp_path)).output
    assert f"cd {tmp_path / 'nogd-coin-toss'}" in output
    assert use in output


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Coin Toss", "such as 'coin-toss'"),
        ("coin_toss", "such as 'coin-toss'"),
        ("3d", "such as 'd'"),
        ("été", "small letters"),
        ("", "small letters"),
        ("../up", "such as 'up'"),
        ("a--b", "such as 'a-b'"),
        (LONGEST + "x", "30 characters at most"),
        ("lambda", "a word of Python"),
        ("adam", "There is a learner 'adam' already, in nogd"),
    ],
)
def test_a_name_that_cannot_be_is_refused_in_one_sentence(tmp_path, name, said):
    result = new("learner", name, "--dir", str(tmp_path))
    assert result.exit_code == 2
    assert said in result.output
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("kind", "name"), [("task", "iris"), ("figure", "scores"), ("executor", "local"), ("command", "runs")]
)
def test_a_name_that_is_taken_is_refused_for_every_kind(tmp_path, kind, name):
    result = new(kind, name, "--dir", str(tmp_path))
    assert result.exit_code == 2
    assert f"There is a {kind} '{name}' already, in nogd" in result.output


@pytest.fixture(scope="module")
def offered(tmp_path_factory):
    """What a figure's, an executor's and a command's package hold, imported as they lie."""
    found, place = {}, tmp_path_factory.mktemp("new")
    for kind, attribute in {"figure": "FIGURE", "executor": "FreshExecutor", "command": "command"}.items():
        new(kind, f"fresh-{kind}", "--dir", str(place))
        sys.path.append(str(place / f"nogd-fresh-{kind}" / "src"))
        package = import_module(f"nogd_fresh_{kind}")
        found[kind] = getattr(import_module(f"nogd_fresh_{kind}.fresh_{kind}"), attribute)
        if kind != "command":
            (lazy,) = getattr(package, f"nogd_{kind}s")()
            assert lazy.load() is found[kind]
            assert lazy.name == found[kind].name
        sys.path.pop()
    return found


@pytest.mark.any_version
def test_a_new_figure_keeps_nogds_rules(offered):
    for check in checks_for(offered["figure"]):
        check(offered["figure"])


def test_a_new_executor_starts_nogd_work_and_a_new_command_counts_runs(tmp_path, offered):
    assert offered["executor"](python="/opt/python").commands() == [["/opt/python", "-m", "nogd", "work"]]
    given = {"learners": ["random-search"], "tasks": ["iris"], "repetitions": 2, "budget": 10, "jobs": 0}
    nogd.run(**given, out=tmp_path, progress=False)
    assert CliRunner().invoke(offered["command"], [str(tmp_path)]).output == "random-search: 2\n"


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    folder = tmp_path / "nogd-coin-toss"
    folder.mkdir()
    result = new("learner", "coin-toss", "--dir", str(tmp_path))
    assert (result.exit_code, "already exists" in result.output) == (2, True)
    assert not list(folder.iterdir())


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    result = new("learner", "coin-toss", "--dir", str(tmp_path / "file" / "below"))
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_without_copier_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "copier", None)
    result = new("learner", "coin-toss", "--dir", str(tmp_path))
    assert (result.exit_code, "pip install 'nogd[new]'" in result.output) == (2, True)
