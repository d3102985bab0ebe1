"""The house: few loose modules, rooms that say what they are for, and no circle of imports."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import nogd

ROOT = Path(nogd.__file__).parent
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
    here = Path(__file__).parents[1]
    pinned = re.search(r"^torch==(.*)$", (here / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert pinned
    needed = tomllib.loads((here / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    assert f"torch>={pinned[1]}" in needed, "take 'and not torch_alone' out of tox.ini's environment lowest"


def test_few_modules_lie_loose() -> None:
    loose = [file.stem for file in ROOT.glob("*.py") if not file.stem.startswith("__")]
    assert len(loose) <= 10, loose


@pytest.mark.parametrize(
    "room", sorted(file.parent for file in ROOT.rglob("__init__.py") if file.parent != ROOT)
)
def test_every_room_says_what_it_is_for(room: Path) -> None:
    assert ast.get_docstring(ast.parse((room / "__init__.py").read_text()))
