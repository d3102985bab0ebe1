"""Paths of a drawing in few letters: lines as steps from point to point, to a tenth of a point."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias
from xml.etree import ElementTree as ET

Point: TypeAlias = tuple[int, int]
"""In tenths of a point."""

_PLAIN = re.compile(r"[ML\d.\s-]+z?\s*", re.ASCII)
"""A path of straight lines only; curves, which are markers, stay as they are."""
_TOLERANCE = 1.5
"""Tenths of a point, within which nobody sees whether a line bends."""
_LONGEST = 40
"""Points in one straight stretch at most, so that long lines take no longer for each of their points."""
_PIECE = re.compile(r"([ML]?)\s*(-?[\d.]+)\s+(-?[\d.]+)")


def in_steps(path: str) -> str:
    """The same path of straight lines with each point told from the one before: `M1 2l3-4 0 5z`.

    Points that lie within a straight stretch, to 0.15 points, are left out.
    """
    if not _PLAIN.fullmatch(path):
        return path
    told: list[str] = []
    for line in _lines(path):
        kept = _bends(line)
        told.append(f"M{_tenths(line[0][0])} {_tenths(line[0][1])}")
        steps = [(x - before[0], y - before[1]) for before, (x, y) in pairwise(kept)]
        told.append("l" * bool(steps) + " ".join(f"{_tenths(x)} {_tenths(y)}" for x, y in steps))
    closed = "z" if path.rstrip().endswith("z") else ""
    return "".join(told).replace(" -", "-") + closed


def _lines(path: str) -> list[list[Point]]:
    """The points of each line, in tenths."""
    found: list[list[Point]] = []
    for sign, x, y in _PIECE.findall(path):
        if sign == "M":
            found.append([])
        found[-1].append((round(10 * float(x)), round(10 * float(y))))
    return found


def _bends(line: Sequence[Point]) -> list[Point]:
    """The points that a line needs: its ends, and between them each that those around it would not draw."""
    kept, first = [line[0]], 0
    for last in range(2, len(line)):
        between = line[first + 1 : last]
        if len(between) > _LONGEST or any(_beside(line[first], line[last], point) for point in between):
            first = last - 1
            kept.append(line[first])
    return [*kept, line[-1]] if len(line) > 1 else kept


def _beside(one: Point, other: Point, point: Point) -> bool:
    """Whether a point is further than the tolerance from the straight line between two others."""
    x, y = other[0] - one[0], other[1] - one[1]
    across, along = point[0] - one[0], point[1] - one[1]
    length = x * x + y * y
    forward = across * x + along * y
    if length == 0 or not 0 <= forward <= length:
        return point != one
    return (across * y - along * x) ** 2 > _TOLERANCE**2 * length


def _tenths(number: int) -> str:
    """Tenths in few letters: 123 as 12.3, 120 as 12, 5 as .5."""
    whole, rest = divmod(abs(number), 10)
    told = (str(whole) if whole or not rest else "") + (f".{rest}" if rest else "")
    return f"-{told}" if number < 0 else told


def without_idle_groups(parent: ET.Element) -> None:
    """Replace each group that says nothing of what is in it by that."""
    for child in list(parent):
        without_idle_groups(child)
    kept: list[ET.Element] = []
    for child in parent:
        idle = child.tag.endswith("}g") and not child.attrib
        kept += list(child) if idle else [child]
    parent[:] = kept
