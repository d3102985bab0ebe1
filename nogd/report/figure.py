"""What a figure of the report is: a name, how to read it, and a pure function from runs to a drawing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from nogd.errors import UserError, did_you_mean
from nogd.report.numbers.tables import Tables

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MplFigure
    from pandas import DataFrame

    from nogd.report.numbers.leaderboard import Board


@dataclass(frozen=True, eq=False)
class Comparison(Tables):
    """The tables of a comparison and its leaderboard; figures read them and change nothing in them."""

    @cached_property
    def board(self) -> Board:
        """The leaderboard."""
        from nogd.report.numbers.leaderboard import main_board  # pandas: not before a report is drawn

        return main_board(self)


@dataclass(frozen=True)
class Drawn:
    """One drawing, or one table where `figure` is None.

    `data` is what can be downloaded as CSV, `alt` the finding in words for who cannot see the picture, `title`
    tells several drawings of one figure apart (a task's name), `table` is what is shown where there is no picture
    (`data` if not given).
    """

    figure: MplFigure | None
    data: DataFrame
    alt: str
    title: str = ""
    table: DataFrame | None = None


@dataclass(frozen=True)
class Figure:
    """A figure or table of the report, as `nogd_figures` offers it.

    `draw` gets the Comparison and gives one drawing, several (small multiples, one per task), a sentence why there is
    none, or None where there is nothing to say either; `draw_on` raises UserError with that sentence. `reading` says in
    two lines how to read it. Lower `order` comes first on the page, which has chapters: up to 0 the first screen, up to
    14 results by task, up to 39 quality against cost, up to 51 ranks and pairwise comparisons, up to 79 a closer look,
    then what failed.
    """

    name: str
    title: str
    reading: tuple[str, str]
    draw: Callable[[Comparison], Drawn | Sequence[Drawn] | str | None]
    summary: str = ""
    order: int = 60
    draw_on: Callable[..., None] | None = None


def choice(kind: str, given: str | None, known: Sequence[str]) -> str:
    """The `given` option of a figure if it is one of `known`, or the only one there is where nothing was given.

    kind: what the option is called, such as "task". Raises UserError, with the nearest name.
    """
    if given is None and len(known) == 1:
        return known[0]
    if given in known:
        return str(given)
    if not known:
        raise UserError(f"there is no {kind} here to draw.")
    if given is None:
        raise UserError(f"give {kind}=..., one of: {', '.join(known)}.")
    raise UserError(f"no {kind} here is called {given!r}{did_you_mean(given, known)}")
