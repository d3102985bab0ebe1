"""A comparison as files: tables as CSV, pictures as SVG and PNG."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nogd.errors import StoreError
from nogd.report.canvas import house_style
from nogd.report.figure import Comparison, Drawn, ResultsLike
from nogd.report.page import figure_entries
from nogd.report.sections import HasFigures, draw_figures, file_name

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


def save_tables(results: ResultsLike, folder: Path, plugins: HasFigures | None = None) -> Path:
    """Write runs.csv, curves.csv, leaderboard.csv and the data of each figure into a folder; returns it.

    Raises StoreError if the folder cannot be written.
    """
    comparison = Comparison.of(results)
    with _folder(folder):
        _save_tables(comparison, _drawn(comparison, plugins), folder)
    return folder


@contextmanager
def _folder(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise StoreError(f"The results cannot be written to {folder}: {error.strerror or error}.") from error


def _drawn(comparison: Comparison, plugins: HasFigures | None) -> dict[str, Drawn]:
    figures = draw_figures(comparison, figure_entries(plugins))
    return {file_name(figure, each): each for figure, several in figures for each in several}


def _save_tables(comparison: Comparison, drawn: dict[str, Drawn], folder: Path) -> None:
    comparison.runs.to_csv(folder / "runs.csv", index=False)
    comparison.curves.to_csv(folder / "curves.csv", index=False)
    if len(comparison.runs):
        comparison.board.table.to_csv(folder / "leaderboard.csv", index=False)
    for name, each in drawn.items():
        each.data.to_csv(folder / f"{name}.csv", index=False, float_format="%.6g")


def _save_picture(drawn: Drawn, path: Path) -> None:
    if drawn.figure is None:
        return
    with house_style():
        drawn.figure.savefig(f"{path}.svg", facecolor="white", metadata={"Date": None})
        drawn.figure.savefig(f"{path}.png", facecolor="white", dpi=DOTS_AN_INCH)
