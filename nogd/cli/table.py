"""Plain tables and paragraphs that fit the terminal."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence

GAP = "  "
NARROWEST = 24  # columns that the last one keeps however narrow the terminal


def terminal_width() -> int:
    """Columns of the terminal; next to no limit where stdout is a pipe, so that a line stays a line."""
    return shutil.get_terminal_size(fallback=(10_000, 24)).columns


def table(header: Sequence[str], rows: Sequence[Sequence[str]], width: int, indent: str = "") -> str:
    """Aligned columns, the last one wrapped to the width."""
    cells = [list(header), *map(list, rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header) - 1)]
    room = max(NARROWEST, width - len(indent) - sum(widths) - len(GAP) * len(widths))
    return "\n".join(line for row in cells for line in _lines(row, widths, room, indent))


def _lines(row: Sequence[str], widths: Sequence[int], room: int, indent: str) -> list[str]:
    """One row; where its last cell wraps, the other cells are blank from the second line on."""
    first = [cell.ljust(size) for cell, size in zip(row[:-1], widths, strict=True)]
    blank = [" " * size for size in widths]
    parts = textwrap.wrap(row[-1], room) or [""]
    starts = [first, *[blank] * (len(parts) - 1)]
    return [(indent + GAP.join([*start, part])).rstrip() for start, part in zip(starts, parts, strict=True)]


def paragraph(text: str, width: int, indent: str = "") -> str:
    """One paragraph, wrapped; 100 columns at most, which is as wide as reads well."""
    return textwrap.fill(text, min(width, 100), initial_indent=indent, subsequent_indent=indent)
