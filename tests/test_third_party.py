"""A real package, built and installed, adds a learner, a task, a figure and a command; broken ones stop nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from bench_help import PATIENCE, environment, rows

pytestmark = pytest.mark.any_version

PROJECT = """
    [build-system]
    requires = ["hatchling"]
    build-backend = "hatchling.build"

    [project]
    name = "acme-learners"
    version = "1.4"
    description = "A learner, a task, a figure and a command"

    [project.entry-points.nogd]
    acme = "acme.plugin"

    [project.entry-points."nogd.commands"]
    acme-count = "acme.command:count"

    [tool.hatch.build.targets.wheel]
    packages = ["src/acme"]
"""
PLUGIN = """
    from nogd import Lazy, hookimpl


    @hookimpl
    def nogd_learners():
        return [Lazy("acme-jump", "acme.learner:Jump", "jump about")]


    @hookimpl
    def nogd_tasks():
        return [Lazy("acme-sum", "acme.task:Sum", "add two numbers")]


    @hookimpl
    def nogd_figures():
        return [Lazy("acme-figure", "acme.figure:FIGURE", "how often")]
"""
LEARNER = '''
    """Jump to a random point near the best."""
    from typing import ClassVar

    import torch
    from pydantic import Field
    from nogd import AskTell, Population, State
    from dataclasses import dataclass


    @dataclass(kw_only=True)
    class JumpState(State):
        rng: torch.Generator
        best: float = float("inf")


    class Jump(AskTell):
        """Jump about: keep the best of some random jumps (Acme 2024)."""

        name: ClassVar[str] = "acme-jump"
        sigma: float = Field(0.5, gt=0, description="length of a jump")

        def init(self, objective, theta, rng):
            return JumpState(theta=theta, rng=rng)

        def ask(self, state):
            jumps = torch.randn(4, len(state.theta), generator=state.rng)
            return Population(state.theta + self.sigma * jumps)

        def tell(self, state, candidates, losses):
            if losses.min() < state.best:
                state.best = float(losses.min())
                state.theta = candidates.dense()[losses.argmin()]
            state.iteration += 1
'''
TASK = '''
    from typing import ClassVar

    import torch
    from torch import nn
    from nogd import Dataset, SupervisedTask


    class Pairs(Dataset):
        """Pairs of numbers."""

        name = "acme-pairs"

        def load(self):
            inputs = torch.linspace(-1, 1, 60).view(30, 2)
            return inputs, inputs.sum(1, keepdim=True)


    class Sum(SupervisedTask):
        """Add two numbers."""

        name = "acme-sum"
        why = "the plainest of all"
        dataset = Pairs
        loss = "mse"
        metric = "r2"
        budget = 80

        def network(self):
            return nn.Linear(2, 1)
'''
FIGURE = """
    from nogd.report.figure import Drawn, Figure


    def draw(comparison):
        counts = comparison.runs.groupby("learner").size().rename("runs").reset_index()
        return Drawn(None, counts, "how often each learner ran")


    FIGURE = Figure(
        "acme-figure", "How often, says Acme", ("One row per learner.", "More is more."), draw, "how often"
    )
"""
COMMAND = '''
    from pathlib import Path

    import click


    @click.command()
    @click.argument("folder", type=click.Path(path_type=Path))
    def count(folder):
        """Count the runs in FOLDER."""
        from nogd.report.results import load_results

        click.echo(f"acme counts {len(load_results(folder).runs)} runs")
'''
BROKEN = {
    "raises-on-import": "raise RuntimeError('half baked')",
    "misses-something": "import a_module_that_nobody_has",
    "leaves": "import sys; sys.exit(3)",
    "no-python": "def def",
}


def project(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"))
    return folder


def broken_project(folder: Path, name: str, body: str) -> Path:
    module = name.replace("-", "_")
    settings = PROJECT.replace("acme-learners", f"broken-{name}").replace("acme.plugin", module)
    settings = settings.replace("acme = ", f"{name} = ").replace('acme-count = "acme.command:count"', "")
    return project(
        folder / name, {"pyproject.toml": settings.replace("acme", module), f"src/{module}/__init__.py": body}
    )


def install(site: Path, *projects: Path) -> None:
    """Build and install for good, with the backend that is here: no network, nothing of this environment changed."""
    words = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-build-isolation",
        "--no-deps",
        "--no-index",
    ]
    words += [
        "--disable-pip-version-check",
        "--no-warn-conflicts",
        "--target",
        str(site),
        *map(str, projects),
    ]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like site-packages with the package in it."""
    folder = tmp_path_factory.mktemp("third")
    files = {
        "pyproject.toml": PROJECT,
        "src/acme/__init__.py": "",
        "src/acme/plugin.py": PLUGIN,
        "src/acme/learner.py": LEARNER,
        "src/acme/task.py": TASK,
        "src/acme/figure.py": FIGURE,
        "src/acme/command.py": COMMAND,
    }
    install(folder / "site", project(folder / "acme-learners", files))
    return folder / "site"


@pytest.fixture(scope="module")
def site_with_broken(site: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("broken")
    install(folder / "site", *(broken_project(folder, name, body) for name, body in BROKEN.items()))
    return site, folder / "site"


def nogd(*words: object, sites: tuple[Path, ...]) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([*map(str, sites), environment()["PYTHONPATH"]])
    return subprocess.run(
        [sys.executable, "-m", "nogd", *map(str, words)],
        env=environment(PYTHONPATH=paths), capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def run(
    site: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("acme") / "runs"
    words = ["run", "-l", "acme-jump,sigma=0.3", "-l", "random-search", "-t", "acme-sum", "--repetitions", 2]
    return folder, nogd(*words, "--jobs", 1, "--out", folder, sites=(site,))


@pytest.mark.parametrize(
    ("kind", "name"),
    [("learners", "acme-jump"), ("tasks", "acme-sum"), ("figures", "acme-figure"), ("plugins", "acme")],
)
def test_it_is_listed(site: Path, kind: str, name: str) -> None:
    done = nogd("list", kind, "--json", sites=(site,))
    assert (done.returncode, done.stderr) == (0, "")
    [listed] = [each for each in json.loads(done.stdout) if each["name"] == name]
    assert "acme-learners" in json.dumps(listed)


def test_it_is_shown(site: Path) -> None:
    learner, task = nogd("show", "acme-jump", sites=(site,)), nogd("show", "acme-sum", sites=(site,))
    assert "Acme 2024" in learner.stdout
    assert "length of a jump" in learner.stdout
    assert "acme-learners" in learner.stdout
    assert "the plainest of all" in task.stdout


def test_its_learner_runs_on_its_task(run: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    folder, done = run
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(folder / "report.html")
    found = rows(folder)
    mine = [row for row in found if row["learner_name"] == "acme-jump"]
    assert len(found) == 4
    assert [(row["package"], row["version"], row["task_package"]) for row in mine] == [
        ("acme-learners", "1.4", "acme-learners")
    ] * 2
    assert all(row["status"] == "budget" and row["loss"] < row["start_loss"] for row in mine)


def test_its_figure_is_on_the_page(run: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    assert "How often, says Acme" in (run[0] / "report.html").read_text()


def test_its_command_is_one_of_nogd_s_own(
    site: Path, run: tuple[Path, subprocess.CompletedProcess[str]]
) -> None:
    assert "acme-count" in nogd("--help", sites=(site,)).stdout
    done = nogd("acme-count", run[0], sites=(site,))
    assert (done.returncode, done.stdout) == (0, "acme counts 4 runs\n")


def test_without_it_the_store_is_read_all_the_same(
    run: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    done = nogd("runs", "--json", "--out", run[0], sites=())
    assert (done.returncode, done.stderr) == (0, "")
    assert {each["learner"] for each in json.loads(done.stdout)} == {"acme-jump,sigma=0.3", "random-search"}


@pytest.mark.slow
def test_others_that_break_cost_one_warning_each(site_with_broken: tuple[Path, Path], tmp_path: Path) -> None:
    words = [
        "run",
        "-l",
        "acme-jump",
        "-t",
        "acme-sum",
        "--repetitions",
        1,
        "--jobs",
        1,
        "--out",
        tmp_path / "runs",
    ]
    done = nogd(*words, sites=site_with_broken)
    assert done.returncode == 0, done.stderr
    for name in BROKEN:
        [line] = [line for line in done.stderr.splitlines() if f"broken-{name} 1.4" in line]
        assert line.startswith("Warning: The plugin")
        assert f"entry point {name} = " in line
    assert "Traceback" not in done.stderr
    assert [row["status"] for row in rows(tmp_path / "runs")] == ["budget"]


def test_broken_ones_are_listed_with_what_is_wrong(site_with_broken: tuple[Path, Path]) -> None:
    done = nogd("list", "plugins", "--json", sites=site_with_broken)
    broken = {each["name"]: each for each in json.loads(done.stdout) if each["status"] == "broken"}
    assert set(broken) == set(BROKEN)
    assert "half baked" in broken["raises-on-import"]["error"]
