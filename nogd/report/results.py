"""The results of a comparison, which show themselves: their leaderboard, figures, page and files."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from nogd.bench.tables import RunTables, load_tables

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as MplFigure


@dataclass(frozen=True, eq=False)
class Results(RunTables):
    """Runs of a comparison, with their leaderboard, figures and tables.

    :param runs: one row per run, with the columns of the store and of `nogd export`.
    :param curves: one row per point of a run's curve.
    :param meta: sessions, settings of the last one (reference, baselines, ...), `missing` (number of runs that were
        last asked for and do not exist yet), `asked_by` (the sessions that last asked for these runs) and `damaged`
        (which runs could not be read, and why).
    :param pictures: data that only pictures need: named arrays by kind and owner; see nogd.bench.schema.
    :param reached: one row per run and frozen target, with what the run had spent when it reached it; see
        nogd.bench.targets.
    """

    @property
    def leaderboard(self) -> pd.DataFrame:
        """One row per learner, best first."""
        from nogd.report.numbers.leaderboard import leaderboard

        return leaderboard(self.runs, self.curves, self.meta, self.reached)

    def figures(self) -> dict[str, MplFigure]:
        """The figures of the report by name, as matplotlib figures to show or save."""
        from nogd.report.figure import Comparison
        from nogd.report.forms.sections import draw_canvases, figure_entries

        return draw_canvases(Comparison.of(self), figure_entries(None))

    def tables(self) -> dict[str, pd.DataFrame]:
        """The leaderboard and the data behind each figure, by the figure's name."""
        from nogd.report.forms.notebook import tables

        return tables(self)

    def plot(self, name: str, *, ax: Axes | None = None, **options: Any) -> Axes:
        """Draw one figure of the report, such as `results.plot("learning-curves", task="diabetes")`.

        :param name: of the figure; see `nogd list figures`.
        :param ax: matplotlib's Axes to draw into; new ones by default.
        :param options: what the figure can be asked for, such as `task`.
        :returns: the Axes. Lines have labels, so that `ax.legend()` works.
        :raises UserError: for an unknown name or option, and for a table, which has no picture.
        """
        from nogd.report.forms.plotting import plot

        return plot(self, name, ax, options)

    def save(self, folder: str | Path) -> Path:
        """Write runs, curves, leaderboard and the data of each figure as CSV, and the figures as SVG and PNG.

        :param folder: made if it does not exist.
        :returns: the folder.
        :raises StoreError: if the files cannot be written.
        """
        from nogd.report.forms.files import save

        return save(self, Path(folder))

    def _repr_html_(self) -> str:
        from nogd.report.forms.notebook import notebook

        return notebook(self)

    def __repr__(self) -> str:
        from nogd.report.forms.board_text import text_leaderboard

        return text_leaderboard(self)


def load_results(folder: str | Path, ids: Collection[str] | None = None, *, latest: bool = True) -> Results:
    """The runs stored in a folder, as `nogd.bench.tables.load_tables` reads them."""
    return Results(**vars(load_tables(folder, ids, latest=latest)))
