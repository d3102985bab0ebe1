"""`nogd new`: what it writes, and what it refuses; tests/test_templates.py installs and runs what it writes."""

from __future__ import annotations

import sys
import tomllib

import pytest
from click.testing import CliRunner, Result

from nogd.cli import main

LONGEST = "x" * 30


def new(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["new", *arguments])


@pytest.mark.parametrize("kind", ["learner", "task"])
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
    assert project["entry-points"]["nogd"] == {"coin-toss": "nogd_coin_toss"}


def test_nothing_of_the_template_is_left(tmp_path):
    new("learner", "coin-toss", "--dir", str(tmp_path))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"LICENSE", "README.md", "tox.ini", "coin_toss.py", "py.typed", "tests.yml"} <= {
        f.name for f in files
    }
    for file in files:
        assert "{{" not in file.read_text().replace("${{", "")
        assert "{%" not in file.read_text()
        assert "{" not in file.name
        assert file.suffix != ".jinja"


def test_it_says_what_to_do_next(tmp_path):
    output = new("learner", "coin-toss", "--dir", str(tmp_path)).output
    assert f"cd {tmp_path / 'nogd-coin-toss'}" in output
    assert "nogd run -l coin-toss" in output


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
        (LONGEST + "x", "30 signs at most"),
        ("lambda", "a word of Python"),
        ("adam", "There is a learner 'adam' already, in nogd"),
    ],
)
def test_a_name_that_cannot_be_is_refused_in_one_sentence(tmp_path, name, said):
    result = new("learner", name, "--dir", str(tmp_path))
    assert result.exit_code == 2
    assert said in result.output
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_there_is_left_alone(tmp_path):
    folder = tmp_path / "nogd-coin-toss"
    folder.mkdir()
    result = new("learner", "coin-toss", "--dir", str(tmp_path))
    assert (result.exit_code, "is there already" in result.output) == (2, True)
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
