"""Pieces of Markdown."""

from __future__ import annotations

import html
import inspect
import re
from collections.abc import Iterable, Sequence
from textwrap import dedent


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table; an empty string where there is no row."""
    lines = [_row(cells) for cells in rows]
    return "\n".join([_row(header), "|" + " --- |" * len(header), *lines]) if lines else ""


def _row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(" ".join(str(cell).split()).replace("|", "\\|") for cell in cells) + " |"


def code(text: object) -> str:
    """Text as code within a line; nothing for nothing."""
    return f"`{text}`" if str(text) else ""


def block(text: str, language: str = "text") -> str:
    """Text as a block of code."""
    fence = "`" * max(3, *(len(ticks) + 1 for ticks in re.findall("`+", text)), 3)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def folded(title: str, body: str) -> str:
    """A body that a click opens."""
    return f"<details>\n<summary>{html.escape(title)}</summary>\n\n{body}\n\n</details>"


def page(title: str, *parts: str) -> str:
    """A page from a title and parts, empty ones left out."""
    return "\n\n".join([f"# {title}", *(part.strip() for part in parts if part.strip())]) + "\n"


def prose(docstring: str) -> str:
    """A docstring as Markdown: examples and indented parts become blocks of code, Markdown's own signs are escaped."""
    return "\n\n".join(_paragraph(part) for part in re.split(r"\n\s*\n", inspect.cleandoc(docstring)))


def _paragraph(text: str) -> str:
    if text.startswith(">>> "):
        return block(text, "pycon")
    if text.startswith("    "):
        return block(dedent(text), "toml" if text.lstrip().startswith("[") else "text")
    text = text.removesuffix("::") + ":" if text.endswith("::") else text
    # What stands between backticks is code already.
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(piece if number % 2 else _escaped(piece) for number, piece in enumerate(pieces))


def _escaped(text: str) -> str:
    return re.sub(r"([_<\[\]])", r"\\\1", re.sub(r"(?<!\S)\*(?=\s)", r"\\*", text))
