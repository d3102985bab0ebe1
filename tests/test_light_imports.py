"""Commands that only look around answer at once: they import nothing heavy."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.any_version

HEAVY = {
    "numba",
    "torch",
    "pandas",
    "seaborn",
    "matplotlib",
    "scipy",
    "sklearn",
    "numpy",
    "pydantic",
    "jinja2",
    "rich",
}
LIGHT_COMMANDS = [
    ["--help"],
    ["--version"],
    ["list", "--help"],
    *(
        ["list", kind, "--json"]
        for kind in ("learners", "tasks", "datasets", "losses", "metrics", "executors", "figures")
    ),
    ["list", "plugins", "--traceback"],
]
RUN = """
import sys
from nogd.cli import main
try:
    main({words!r}, prog_name="nogd")
except SystemExit as end:
    assert not end.code, end.code
print(*sorted({{name.partition(".")[0] for name in sys.modules}}), file=sys.stderr)
"""


def imported_by(program: str) -> set[str]:
    """The top-level modules that a program had imported in its end, which it prints as its last line."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    return set(result.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("words", LIGHT_COMMANDS, ids=" ".join)
def test_looking_around_imports_nothing_heavy(words: list[str]) -> None:
    assert not imported_by(RUN.format(words=["--no-plugins", *words])) & HEAVY


@pytest.mark.parametrize(
    "module",
    [
        "nogd",
        "nogd.hookspecs",
        "nogd.plugins.manager",
        "nogd.plugins.registry",
        "nogd.errors",
        "nogd.sklearn",
    ],
)
def test_modules_that_must_be_light(module: str) -> None:
    assert not imported_by(f"import sys, {module}\nprint(*sys.modules, file=sys.stderr)") & HEAVY


def test_help_does_not_even_import_pluggy() -> None:
    assert "pluggy" not in imported_by(RUN.format(words=["--help"]))


A_FIT = """
import sys, nogd, torch
x = torch.linspace(-3, 3, 8)[:, None]
nogd.fit(torch.nn.Linear(1, 1), x, x.sin(), loss=lambda y, t: (y - t).square().mean(), learner="adam", budget=2)
print(*sys.modules, file=sys.stderr)
"""


def test_a_first_fit_waits_for_no_algebra() -> None:
    """Some of torch's small helpers import sympy, which takes seconds."""
    assert "sympy" not in imported_by(A_FIT)


def test_the_check_can_fail() -> None:
    assert imported_by(RUN.format(words=["show", "adam"])) >= {"torch", "pydantic"}
