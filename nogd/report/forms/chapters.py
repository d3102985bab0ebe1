"""The order of the page: figures gathered into chapters, for headings and for the index at the side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nogd.report.forms.sections import Section

FAILURES = "what-failed"
"""The anchor of the chapter that comes first where no run succeeded."""
_CHAPTERS = (  # the last order of a chapter, its anchor, its heading
    (14, "results", "Results by task"),
    (39, "against-cost", "Quality against cost"),
    (51, "ranks-and-pairs", "Ranks and pairwise comparisons"),
    (79, "closer-look", "A closer look"),
    (10**9, FAILURES, "What failed"),
)


@dataclass(frozen=True)
class Chapter:
    """Figures under one heading; missing: those that have only a reason why they are not drawn."""

    anchor: str
    title: str
    sections: Sequence[Section]
    missing: Sequence[Section] = ()


def chapters(sections: Iterable[Section]) -> list[Chapter]:
    """The figures after the first screen, in chapters by their `order`; a chapter without figures is left out."""
    rest = [section for section in sections if section.order > 0]
    found = []
    for last, anchor, title in _CHAPTERS:
        part = [section for section in rest if section.order <= last]
        rest = [section for section in rest if section.order > last]
        if part:
            drawn = [section for section in part if not section.why_none]
            missing = [section for section in part if section.why_none]
            found.append(Chapter(anchor, title, drawn, missing))
    return found
