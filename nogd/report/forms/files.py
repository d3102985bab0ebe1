"""A comparison as files: tables as CSV, pictures as SVG and PNG."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pandas import DataFrame

from nogd.atomic_write import atomic_write
from nogd.errors import StoreError
from nogd.report.drawing.canvas import house_style
from nogd.report.figure import Comparison, Drawn
from nogd.report.forms.sections import HasFigures, Tell, draw_figures, figure_entries, file_name, silent
from nogd.report.numbers.tables import ResultsLike

DOTS_AN_INCH = 200


def save(results: ResultsLike, folder: Path, plugins: HasFigures | None = None) -> Path:
    """Write what `save_tables` does, and each picture as SVG and PNG beside its data; returns the folder.

    Raises StoreError if the folder cannot be written.
    """
    comparison = Comparison.of(results)
    drawn = _drawn(comparison, plugins)
    with _folder(folder):
        _save_tables(comparison, drawn, folder)
        for name, each in drawn.items():
            _save_picture(each, folder / name)
    return folder


def save_tables(
    results: ResultsLike, folder: Path, plugins: HasFigures | None = None, tell: Tell = silent
) -> Path:
    """Write runs.csv, curves.csv, leaderboard.csv and the data of each figure into a folder; returns it.

    Raises StoreError if the folder cannot be written.
    """
    comparison = Comparison.of(results)
    with _folder(folder):
        _save_tables(comparison, _drawn(comparison, plugins, tell), folder)
    return folder


@contextmanager
def _folder(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise StoreError(f"The results cannot be written to {folder}: {error.strerror or error}.") from error


def _drawn(comparison: Comparison, plugins: HasFigures | None, tell: Tell = silent) -> dict[str, Drawn]:
    figures = draw_figures(comparison, figure_entries(plugins), tell)
    return {file_name(figure, each): each for figure, several in figures for each in several}


def _save_tables(comparison: Comparison, drawn: dict[str, Drawn], folder: Path) -> None:
    _save_table(comparison.runs, folder / "runs.csv")
    _save_table(comparison.curves, folder / "curves.csv")
    if len(comparison.runs):
        _save_table(comparison.board.table, folder / "leaderboard.csv")
    for name, each in drawn.items():
        _save_table(each.data, folder / f"{name}.csv", float_format="%.6g")


def _save_table(table: DataFrame, path: Path, float_format: str | None = None) -> None:
    atomic_write(path, table.to_csv(index=False, float_format=float_format))


def _save_picture(drawn: Drawn, path: Path) -> None:
    if drawn.figure is None:
        return
    for kind, settings in (("svg", {"metadata": {"Date": None}}), ("png", {"dpi": DOTS_AN_INCH})):
        buffer = io.BytesIO()
        with house_style():
            drawn.figure.savefig(buffer, format=kind, facecolor="white", **settings)
        atomic_write(path.with_name(f"{path.name}.{kind}"), buffer.getvalue())
