"""A comparison as files: tables as CSV, pictures as SVG and PNG."""

from __future__ import annotations

from pathlib import Path

from nogd.errors import StoreError
from nogd.report.canvas import house_style
from nogd.report.figure import Comparison, ResultsLike
from nogd.report.page import drawings
from nogd.report.sections import HasFigures

DOTS_AN_INCH = 200


def save(results: ResultsLike, folder: Path, plugins: HasFigures | None = None) -> Path:
    """Write runs.csv, curves.csv, leaderboard.csv and each picture as SVG and PNG into a folder; returns it.

    Raises StoreError if the folder cannot be written.
    """
    comparison = Comparison.of(results)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        comparison.runs.to_csv(folder / "runs.csv", index=False)
        comparison.curves.to_csv(folder / "curves.csv", index=False)
        if len(comparison.runs):
            comparison.board.table.to_csv(folder / "leaderboard.csv", index=False)
        _save_drawings(comparison, folder, plugins)
    except OSError as error:
        raise StoreError(f"The results cannot be written to {folder}: {error.strerror or error}.") from error
    return folder


def _save_drawings(comparison: Comparison, folder: Path, plugins: HasFigures | None) -> None:
    for name, canvas in drawings(comparison, plugins).items():
        with house_style():
            canvas.savefig(folder / f"{name}.svg", facecolor="white", metadata={"Date": None})
            canvas.savefig(folder / f"{name}.png", facecolor="white", dpi=DOTS_AN_INCH)
