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
    from nogd.report.numbers.verdict import Verdict


@dataclass(frozen=True, eq=False)
class Comparison(Tables):
    """The tables of a comparison, its leaderboard and its verdict; figures read them and change nothing in them."""

    @cached_property
    def board(self) -> Board:
        """The leaderboard."""
        from nogd.report.numbers.leaderboard import main_board  # pandas: not before a report is drawn

        return main_board(self)

    @cached_property
    def verdict(self) -> Verdict:
        """Who won, and what speaks against it."""
        from nogd.report.numbers.verdict import judge

        return judge(self, self.board)


@dataclass(frozen=True)
class Drawn:
    """One drawing, or one table if `figure` is None.

    :param figure: matplotlib's figure, or None.
    :param data: what can be downloaded as CSV.
    :param alt: the finding in words, for readers who cannot see the picture.
    :param title: distinguishes several drawings of one figure (a task's name).
    :param table: what is shown if there is no picture; `data` by default.
    """

    figure: MplFigure | None
    data: DataFrame
    alt: str
    title: str = ""
    table: DataFrame | None = None


@dataclass(frozen=True)
class Figure:
    """A figure or table of the report, as `nogd_figures` offers it.

    :param name: what users write.
    :param title: its heading.
    :param reading: two lines that say how to read it.
    :param draw: takes the Comparison; returns one drawing, several (small multiples, one per task), a sentence that
        says why there is none, or None if there is nothing to say.
    :param summary: one line for lists.
    :param order: lower comes first on the page, which has chapters: up to 0 the first screen, up to 14 results by task,
        up to 39 quality against cost, up to 51 ranks and pairwise comparisons, up to 79 a closer look, then what
        failed.
    :param draw_on: draws on given axes; raises UserError, with the sentence, if there is nothing to draw.
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
