"""How a learner looks in every figure: one colour and one marker, given out in the order of names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nogd.report.names import short_names

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


@dataclass(frozen=True)
class Look:
    """A learner's colour (hex), marker (matplotlib's letter) and name as drawn."""

    colour: str
    marker: str
    label: str
    place: int

    @property
    def sign(self) -> str:
        """The marker as a letter of text."""
        return MARKERS[self.marker]


def looks(learners: Sequence[str], width: int = 24) -> dict[str, Look]:
    """The look of each learner; `learners` are all learners of the comparison, whoever is drawn."""
    ordered, letters = sorted(learners), list(MARKERS)
    return {
        name: Look(LIGHT[index % len(LIGHT)], letters[index % len(letters)], label, index)
        for index, (name, label) in enumerate(zip(ordered, short_names(ordered, width), strict=True))
    }
