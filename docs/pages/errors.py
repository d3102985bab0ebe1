"""The reference of errors: every sentence that nogd may say to a user, read off its code."""

from __future__ import annotations

import ast
import inspect
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import nogd
from nogd import errors
from nogd.errors import NogdWarning, UserError
from pages.markdown import page, prose

GAP = "…"
PACKAGE = Path(nogd.__file__).parent


def pages() -> dict[str, str]:
    """One page with every class of errors and the messages that are raised with it."""
    said = _messages()
    kinds = [
        kind
        for kind in vars(errors).values()
        if inspect.isclass(kind) and issubclass(kind, UserError | NogdWarning)
    ]
    parts = [_kind(kind, sorted(said.get(kind.__name__, ()))) for kind in kinds]
    intro = (
        "An error that you can put right is one sentence: what was wrong, and what would be right. The command line "
        "prints it and exits with 2; Python raises one of these classes of `nogd.errors`. Search this page for the "
        f"words that you saw; {GAP} stands for the parts that vary."
    )
    return {"reference/errors.md": page("Errors and warnings", intro, *parts)}


def _kind(kind: type[Exception], messages: list[str]) -> str:
    base = f" A kind of `{kind.__bases__[0].__name__}`."
    listed = "\n".join(f"- {_code(text)}" for text in messages)
    return f"## {kind.__name__}\n\n{prose(inspect.getdoc(kind) or '')}{base}\n\n{listed}"


def _code(text: str) -> str:
    ticks = "``" if "`" in text else "`"
    return f"{ticks} {text} {ticks}" if "`" in text else f"`{text}`"


def _messages() -> dict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for file in sorted(PACKAGE.rglob("*.py")):
        for name, text in _in(ast.parse(file.read_text(encoding="utf-8"))):
            found[name].add(text)
    return found


def _in(tree: ast.AST) -> Iterator[tuple[str, str]]:
    composed = _returned(tree)
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and node.args):
            continue
        called = _called(node)
        kinds = [called] if called != "warn" else [getattr(each, "id", "") for each in node.args[1:2]]
        said = composed.get(_called(node.args[0]), [_template(node.args[0])])
        yield from (
            (kind, text) for kind in kinds if hasattr(errors, kind) for text in said if _says_enough(text)
        )


def _says_enough(text: str) -> bool:
    return len(text.replace(GAP, "").split()) > 2


def _called(node: ast.AST) -> str:
    """The name of the function that a call calls."""
    function = getattr(node, "func", None)
    return getattr(function, "id", getattr(function, "attr", ""))


def _returned(tree: ast.AST) -> dict[str, list[str]]:
    """What functions that compose a message return, by their names."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    returned = {
        each.name: [
            _template(node.value) for node in ast.walk(each) if isinstance(node, ast.Return) and node.value
        ]
        for each in functions
    }
    return {name: texts for name, texts in returned.items() if any(texts)}


def _template(node: ast.AST) -> str:
    """A string as it will be said, with a gap for each value."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return " ".join(node.value.split())
    if isinstance(node, ast.JoinedStr):
        pieces = [str(v.value) if isinstance(v, ast.Constant) else GAP for v in node.values]
        return re.sub(f"{GAP}+", GAP, " ".join("".join(pieces).split()))
    return ""
