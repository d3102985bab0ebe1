"""Each template of `nogd new`: made, built, installed into a clean environment with nogd, tested and run.

In tox's environment `templates`, as it needs uv and a package index.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PATIENCE = 600
NAMES = {
    "learner": "coin-toss",
    "task": "x" * 30,
    "figure": "y" * 30,
    "executor": "big-machine",
    "command": "count-runs",
}
DRAWN = {"learner": "learning-curves.svg", "task": "learning-curves.svg", "figure": f"{NAMES['figure']}.svg"}


@dataclass(frozen=True)
class Made:
    """A package that was made from a template, and the environment that it is installed in."""

    kind: str
    name: str
    folder: Path
    bin: Path

    def call(self, command: str, *arguments: str) -> str:
        return call(self.bin / command, *arguments, cwd=self.folder)


def call(*command: str | Path, cwd: Path) -> str:
    # Outside of tox's own environment, as an author would be.
    # The tox that runs these tests sets TOX_WORK_DIR, which one inside it would put its environments into.
    surroundings = {
        name: value
        for name, value in os.environ.items()
        if name not in {"VIRTUAL_ENV", "PYTHONPATH"} and not name.startswith("TOX_")
    }
    done = subprocess.run(
        command, cwd=cwd, env=surroundings, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def nogd_wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nogd")
    call("uv", "build", "--wheel", "--out-dir", folder, ROOT, cwd=folder)
    return next(folder.glob("*.whl"))


@pytest.fixture(
    scope="module", params=[pytest.param(kind, marks=pytest.mark.xdist_group(kind)) for kind in sorted(NAMES)]
)
def made(request, tmp_path_factory, nogd_wheel):
    kind, place = request.param, tmp_path_factory.mktemp(request.param)
    name, bin_ = NAMES[kind], place / "venv" / "bin"
    call("nogd", "new", kind, name, "--dir", place, cwd=place)
    folder = place / f"nogd-{name}"
    call("uv", "build", "--wheel", folder, cwd=folder)
    call("uv", "venv", "-q", place / "venv", cwd=place)
    wheel = next(folder.glob("dist/*.whl"))
    groups = [f"--group={folder}/pyproject.toml:{group}" for group in ("test", "types", "lint")]
    call("uv", "pip", "install", "-q", "-p", bin_ / "python", nogd_wheel, wheel, *groups, cwd=place)
    return Made(kind, name, folder, bin_)


def test_its_tests_pass(made):
    assert " passed" in made.call("pytest")


def test_its_types_are_right(made, monkeypatch, tmp_path_factory):
    # mypy reads a file of nogd or torch again only if its content differs, wherever it is installed.
    monkeypatch.setenv("MYPY_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "mypy"))
    made.call("mypy")


def test_its_style_is_right(made):
    made.call("ruff", "check", ".")
    made.call("ruff", "format", "--check", ".")


def test_nogd_finds_it(made):
    if made.kind == "command":
        assert made.name in made.call("nogd", "--help")
        return
    found = json.loads(made.call("nogd", "list", f"{made.kind}s", "--json"))
    (mine,) = [each for each in found if each["name"] == made.name]
    assert mine["package"] == f"nogd-{made.name}"


def test_nogd_runs_it(made):
    learner = made.name if made.kind == "learner" else "adam"
    task = made.name if made.kind == "task" else "iris"
    how = ["--executor", made.name] if made.kind == "executor" else []
    output = made.call(
        "nogd", "run", "-l", learner, "-t", task, *how, "--forwards", "200", "--repetitions", "1"
    )
    assert learner in output
    (run,) = json.loads(made.call("nogd", "runs", "--json"))
    assert (run["learner"], run["task"], run["status"]) == (learner, task, "budget")
    if made.kind == "figure":
        assert f'id="figure-{made.name}"' in (made.folder / "nogd-runs" / "report.html").read_text(
            encoding="utf-8"
        )
    if made.kind == "command":
        assert made.call("nogd", made.name) == "adam: 1\n"


def test_the_documented_tox_ini_tests_against_a_release_and_the_main_branch(
    tmp_path, monkeypatch, nogd_wheel
):
    tutorial = (ROOT / "docs" / "tutorials" / "publish.md").read_text(encoding="utf-8")
    (settings,) = re.findall(r"^```ini\n# tox.ini\n(.*?)^```$", tutorial, re.MULTILINE | re.DOTALL)
    assert len([line for line in settings.splitlines() if line]) <= 10
    call("nogd", "new", "learner", "coin-toss", "--dir", tmp_path, cwd=tmp_path)
    folder = tmp_path / "nogd-coin-toss"
    (folder / "tox.ini").write_text(settings)
    places = [os.environ.get("UV_FIND_LINKS", ""), str(nogd_wheel.parent)]
    monkeypatch.setenv("UV_FIND_LINKS", ",".join(filter(None, places)))
    monkeypatch.setenv("NOGD_MAIN", str(ROOT))
    told = call("tox", "run", "--", "-k", "fits_a_line", cwd=folder)
    assert re.search(r"release: OK.*main: OK", told, re.DOTALL)
    assert _origin(folder, "release") is None  # from an index, as a release is
    assert _origin(folder, "main")["url"] == ROOT.as_uri()


def _origin(folder: Path, environment: str) -> Any:
    """Where nogd came from in one of tox's environments (PEP 610); None from an index."""
    ask = "from importlib.metadata import distribution as d; print(d('nogd').read_text('direct_url.json') or 'null')"
    return json.loads(call(folder / ".tox" / environment / "bin" / "python", "-c", ask, cwd=folder))


def test_it_draws_its_picture(made):
    if made.kind not in DRAWN:
        assert not (made.folder / "make_report.py").exists()
        return
    picture = made.folder / DRAWN[made.kind]
    placeholder = picture.read_text()
    made.call("python", "make_report.py")
    drawn = picture.read_text()
    assert "No picture yet" in placeholder
    assert "No picture yet" not in drawn
    assert "<svg" in drawn
