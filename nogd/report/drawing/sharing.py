"""What neighbours in a drawing have in common is said once: a style, a learner's name."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import groupby
from xml.etree import ElementTree as ET

_SVG = "{http://www.w3.org/2000/svg}"
_WORTH_A_GROUP = 3
_STAYS = re.compile(r"(^|;)opacity:")
"""A group is as transparent as a whole, not each of its parts."""


def share_styles(parent: ET.Element) -> None:
    """Texts, or lines, that follow one another in one style get a group that has it.

    An axis that the page's script draws anew, of the class "cost", stays as it is.
    """
    if parent.get("class") == "cost":
        return
    for child in parent:
        share_styles(child)
    parent[:] = _grouped(parent, _shareable, _with_style)


def merge_named(parent: ET.Element) -> None:
    """Groups of one name that follow one another become one, with one title."""
    for child in parent:
        merge_named(child)
    parent[:] = _grouped(parent, _name, _in_first)


def _grouped(
    parent: ET.Element,
    key: Callable[[ET.Element], str | None],
    join: Callable[[list[ET.Element]], Sequence[ET.Element]],
) -> list[ET.Element]:
    """The children, neighbours of one key joined; a child whose key is None stays."""
    kept: list[ET.Element] = []
    for common, each in groupby(parent, key):
        some = list(each)
        kept += some if common is None else join(some)
    return kept


def _shareable(element: ET.Element) -> str | None:
    style = element.get("style", "")
    plain = element.tag in {f"{_SVG}text", f"{_SVG}path"} and style and not _STAYS.search(style)
    return f"{element.tag} {style}" if plain else None


def _with_style(some: list[ET.Element]) -> Sequence[ET.Element]:
    if len(some) < _WORTH_A_GROUP:
        return some
    group = ET.Element(f"{_SVG}g", {"style": some[0].attrib["style"]})
    for each in some:
        del each.attrib["style"]
    group.extend(some)
    return [group]


def _name(element: ET.Element) -> str | None:
    """The learner's name and what is said of a group that has one, and nothing else that would be lost."""
    title = element.find(f"{_SVG}title")
    if title is None or set(element.attrib) - {"class", "data-learner"}:
        return None
    return f"{element.get('data-learner')}\n{title.text}"


def _in_first(some: list[ET.Element]) -> Sequence[ET.Element]:
    for each in some[1:]:
        some[0].extend(child for child in each if child.tag != f"{_SVG}title")
    return some[:1]
