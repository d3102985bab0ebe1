"""Paths of a drawing in few letters: lines as steps from point to point, to a tenth of a point."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

_PLAIN = re.compile(r"[ML\d.\s-]+z?\s*", re.ASCII)
"""A path of straight lines only; curves, which are markers, stay as they are."""
_PIECE = re.compile(r"([ML]?)\s*(-?[\d.]+)\s+(-?[\d.]+)")


def in_steps(path: str) -> str:
    """The same path of straight lines with each point told from the one before: `M1 2l3-4 0 5z`."""
    if not _PLAIN.fullmatch(path):
        return path
    told, at = [], (0, 0)
    for sign, x, y in _PIECE.findall(path):
        there = (round(10 * float(x)), round(10 * float(y)))
        if sign == "M":
            told.append(f"M{_tenths(there[0])} {_tenths(there[1])}l")
        else:
            told.append(f"{_tenths(there[0] - at[0])} {_tenths(there[1] - at[1])} ")
        at = there
    closed = "z" if path.rstrip().endswith("z") else ""
    return "".join(told).replace(" -", "-").replace(" M", "M").replace("lM", "M").rstrip(" l") + closed


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
