"""How a learner looks: one colour and one marker, the same in every figure and in every report."""

from __future__ import annotations

import functools
import json
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import product
from typing import TYPE_CHECKING

from nogd.report.names import short_names

if TYPE_CHECKING:
    from nogd.report.figure import Comparison

# Eight colours for a white and for a dark page. Searched by computer: every pair keeps a CIELAB distance of at least
# 19 in normal sight and in full protanopia, deuteranopia and tritanopia (Machado et al. 2009), and each has a
# contrast of at least 3 to its page.
LIGHT = ("#1d8ffb", "#c57f1d", "#056d58", "#9d0990", "#000cb1", "#6f4300", "#5a0e13", "#261d32")
DARK = ("#a6c5ff", "#f2cf1d", "#3fe08f", "#a64c7c", "#8857df", "#dc2d0d", "#d15559", "#ffffff")
MARKERS = {"o": "●", "s": "■", "^": "▲", "D": "◆", "v": "▼", "P": "✚", "X": "✖", ">": "▶", "<": "◀"}
"""matplotlib's letters and the same as signs of text; one more than colours, so that pairs repeat after 72 learners."""

INK, MUTED, GRID, PAPER = "#1f2328", "#5d6670", "#d9dee4", "#fefefe"
THEME = {  # how a figure's colours are called in the page's style sheet, where they have a light and a dark value
    **{colour: f"--c{index}" for index, colour in enumerate(LIGHT)},
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    PAPER: "--paper",
}


GREY = "#868e96"
"""For learners beyond those in colour: a contrast of at least 3 to the white page and to the dark one."""
IN_COLOUR = len(LIGHT)


@dataclass(frozen=True)
class Look:
    """A learner's colour (hex), marker (matplotlib's letter) and name as drawn; `quiet`: one of many in grey."""

    colour: str
    marker: str
    label: str
    place: int
    quiet: bool = False

    @property
    def sign(self) -> str:
        """The marker as a letter of text."""
        return MARKERS[self.marker]

    @property
    def paint(self) -> str:
        """The colour for the page's style sheet, where it has a light and a dark value."""
        return GREY if self.quiet else f"var(--c{self.place})"


def looks_of(comparison: Comparison, width: int = 24) -> dict[str, Look]:
    """The look of each learner of a comparison: the reference, baselines and best in colour, others in grey."""
    learners = comparison.learners
    loud = learners if len(learners) <= IN_COLOUR else leading(comparison)
    return looks(learners, width, loud)


def leading(comparison: Comparison, most: int = IN_COLOUR) -> list[str]:
    """At most so many learners: the reference and the baselines, then the best of the leaderboard, in its order."""
    settings, ranking = comparison.settings, list(comparison.board.table["learner"])
    marked = [
        name for name in (settings.get("reference"), *(settings.get("baselines") or ())) if name in ranking
    ]
    kept = set(list(dict.fromkeys([*marked, *ranking]))[:most])
    return [name for name in ranking if name in kept]


def looks(learners: Sequence[str], width: int = 24, loud: Collection[str] | None = None) -> dict[str, Look]:
    """The look of each learner, whoever else takes part.

    learners: all of the comparison, whoever is drawn; loud: those in colour, all if not given. Those that
    `nogd/tasks/comparison.json` lists have a look of their own, with markers that others get last. The others' looks
    follow from a hash of the name: one differs between reports only where two fall on one colour or marker. As long as
    there are colours for all, no two learners share a colour or a marker; beyond that, no two share both.
    """
    ordered = sorted(learners)
    pairs = _pairs([name for name in ordered if loud is None or name in loud])
    letters = list(MARKERS)
    found = {}
    for name, label in zip(ordered, short_names(ordered, width), strict=True):
        colour, marker = pairs.get(name) or _own(name)
        quiet = name not in pairs
        found[name] = Look(GREY if quiet else LIGHT[colour], letters[marker], label, colour, quiet)
    return found


def _pairs(names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Places of colour and marker; a learner with a fixed look never gives way to another."""
    fixed = _fixed()
    pairs = {name: _own(name) for name in names if name in fixed}
    for name in names:
        if name not in pairs:
            pairs[name] = _free(name, set(pairs.values()))
    return pairs


def _free(name: str, taken: set[tuple[int, int]]) -> tuple[int, int]:
    """The first pair of a name of which nobody has the colour or the marker, else the colour, else both."""
    colours, markers = {colour for colour, _ in taken}, {marker for _, marker in taken}
    candidates = list(_wishes(name))
    new = [pair for pair in candidates if pair[0] not in colours]
    wholly_new = [pair for pair in new if pair[1] not in markers]
    other = [pair for pair in candidates if pair not in taken]
    return (wholly_new or new or other or candidates)[0]


def _own(name: str) -> tuple[int, int]:
    place = _fixed().get(name)
    return next(_wishes(name)) if place is None else _place(place)


def _place(place: int) -> tuple[int, int]:
    """The pair of a fixed look."""
    return place % len(LIGHT), place % len(MARKERS)


def _wishes(name: str) -> Iterator[tuple[int, int]]:
    """All pairs of colour and marker in an order that the name's hash says; markers of fixed looks come last."""
    start = zlib.crc32(name.encode())
    kept = {_place(place)[1] for place in _fixed().values()}
    parts = ([marker for marker in range(len(MARKERS)) if (marker in kept) == late] for late in (False, True))
    markers = [marker for part in parts for marker in _turned(part, start // len(LIGHT))]
    return product(_turned(range(len(LIGHT)), start), markers)


def _turned(places: Sequence[int], start: int) -> list[int]:
    """The same in a ring that begins at another one."""
    return [places[(start + step) % len(places)] for step in range(len(places))]


@functools.cache
def _fixed() -> dict[str, int]:
    """Learners with a fixed look and their places, a setting that comes with the tasks."""
    text = files("nogd.tasks").joinpath("comparison.json").read_text(encoding="utf-8")
    names: list[str] = json.loads(text)["looks"]
    return {name: place for place, name in enumerate(names)}
