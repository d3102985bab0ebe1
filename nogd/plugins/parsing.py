"""What a Python file says of other files, found without running it: imports, and texts that may be paths."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import Path

_LONGEST_PATH = 255
_LAZY_TARGET = re.compile(r"([A-Za-z_]\w*)(\.\w+)*:[A-Za-z_][\w.]*")


@dataclass(frozen=True)
class Parsed:
    """imports: the top-level names of modules, those of `Lazy` targets too. texts: short constants in it."""

    imports: frozenset[str] = frozenset()
    texts: frozenset[str] = frozenset()


def parsed(file: Path) -> Parsed:
    """What a file imports and names; nothing where it does not parse."""
    try:
        tree = ast.parse(file.read_bytes())
        nodes = list(ast.walk(tree))
    except (SyntaxError, ValueError, OSError, RecursionError, MemoryError):
        return Parsed()
    texts = frozenset(
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and _may_be_path(node.value)
    )
    targets = (_LAZY_TARGET.fullmatch(text) for text in texts)
    imports = {match[1] for match in targets if match}
    return Parsed(frozenset(imports.union(*map(_imported, nodes))), texts)


def _may_be_path(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_PATH and text.isprintable()


def _imported(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.partition(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return {node.module.partition(".")[0]}
    return set()
