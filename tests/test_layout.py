"""The house: few loose modules, rooms that say what they are for, and no circle of imports."""

from __future__ import annotations

import ast
import itertools
import re
import tomllib
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import nogd

pytestmark = pytest.mark.any_version

ROOT = Path(nogd.__file__).parent
TESTS = Path(__file__).parent
REPOSITORY = TESTS.parent
HOOKS = "nogd.hookspecs"
"""Its type-only imports alone point up: the one page of all hooks names what they take and give."""


def named(file: Path) -> str:
    parts = file.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {named(file): file for file in sorted(ROOT.rglob("*.py")) if "template" not in file.parts}


def imports(tree: ast.AST) -> Iterator[str]:
    """The modules that are imported anywhere in it, within functions and for types alone too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (
                full if (full := f"{node.module}.{each.name}") in MODULES else node.module
                for each in node.names
            )


def graph(sources: dict[str, str]) -> dict[str, set[str]]:
    found = {name: set(imports(ast.parse(text))) & sources.keys() for name, text in sources.items()}
    found[HOOKS] = set()
    return found


def test_no_circle_of_files_whatever_an_import_is_for() -> None:
    TopologicalSorter(graph({name: file.read_text() for name, file in MODULES.items()})).prepare()


def test_a_circle_would_be_found() -> None:
    sources = {name: file.read_text() for name, file in MODULES.items()}
    sources["nogd.errors"] += "\n\ndef late():\n    from nogd.engine.losses import Loss\n"
    with pytest.raises(CycleError, match=r"nogd\.engine\.losses"):
        TopologicalSorter(graph(sources)).prepare()


def test_lowest_leaves_nothing_out_that_another_torch_could_break() -> None:
    """It skips the tests marked `torch_alone` since it has the torch that all others have."""
    pinned = re.search(
        r"^torch==(.*)$", (REPOSITORY / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert pinned
    lower = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "dependencies"
    ]
    assert f"torch>={pinned[1]}" in lower, "take 'and not torch_alone' out of tox.ini's environment lowest"


MEETS = {
    "click": "test_cli_list.py",
    "cloudpickle": "test_recipes.py",
    "copier": "test_new.py",
    "jinja2": "test_report_page.py",
    "matplotlib": "test_report_states.py",
    "numba": "test_compiled.py",
    "optuna": "test_tune.py",
    "numpy": "test_arrays.py",
    "packaging": "test_ageing.py",
    "pandas": "test_report_states.py",
    "pluggy": "test_plugins.py",
    "psutil": "test_store.py",
    "pyarrow": "test_cli_run.py",
    "pydantic": "test_names.py",
    "rich": "test_long_runs.py",
    "scikit-learn": "test_metrics.py",
    "scipy": "test_report_comparing.py",
    "seaborn": "test_report_states.py",
    "tomli-w": "test_experiment.py",
    "torch": "test_engine.py",
    "typing-extensions": "test_names.py",
}
"""Of each dependency a file that would fail if it did something else, for `lowest` to run."""


def needed() -> set[str]:
    """The names of all that nogd needs, or takes where it is there."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    return {each.partition(">=")[0] for each in itertools.chain(*lists)}


def left_out(file: Path) -> bool:
    """Whether `lowest` runs nothing of it."""
    marks = re.search(r"^pytestmark = .*(?:any_version|met_in|torch_alone)", file.read_text(), re.MULTILINE)
    return marks is not None


def test_lowest_meets_every_dependency() -> None:
    assert MEETS.keys() == needed()
    assert [name for name in MEETS.values() if left_out(TESTS / name)] == []


def test_what_meets_a_dependency_in_place_of_another_file_is_not_left_out_itself() -> None:
    for file in TESTS.glob("test_*.py"):
        for names in re.findall(r"pytest\.mark\.met_in\(([^)]*)\)", file.read_text()):
            assert [name for name in re.findall(r'"(.*?)"', names) if left_out(TESTS / name)] == [], file


def test_few_modules_lie_loose() -> None:
    loose = [file.stem for file in ROOT.glob("*.py") if not file.stem.startswith("__")]
    assert len(loose) <= 10, loose


@pytest.mark.parametrize(
    "room", sorted(file.parent for file in ROOT.rglob("__init__.py") if file.parent != ROOT)
)
def test_every_room_says_what_it_is_for(room: Path) -> None:
    assert ast.get_docstring(ast.parse((room / "__init__.py").read_text()))
