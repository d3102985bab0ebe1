"""What a notebook shows of a comparison by itself: who won, the leaderboard, and the picture of the first screen."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from pandas import DataFrame

from nogd.report.drawing.canvas import house_style
from nogd.report.drawing.style import PAPER
from nogd.report.drawing.svg import inline_svg
from nogd.report.figure import Comparison, Drawn
from nogd.report.figures import scores
from nogd.report.forms import verdict
from nogd.report.forms.sections import HasFigures, draw_figures, figure_entries, file_name
from nogd.report.names import short_name
from nogd.report.numbers.formats import interval_text, metric_interval_text, metric_text, number, score_text
from nogd.report.numbers.tables import ResultsLike

_ON_PAPER = f"display: inline-block; background: {PAPER}"
"""Ink is dark, and a notebook may be."""


def notebook(results: ResultsLike) -> str:
    """The mark-up, in which names are escaped."""
    comparison = Comparison.of(results)
    said = [f"<p><strong>{escape(verdict.headline(comparison))}</strong></p>"]
    said += [f"<p>{escape(caution)}</p>" for caution in verdict.warnings(comparison)]
    if comparison.runs.empty:
        return "\n".join(said)
    said.append(_board(comparison).to_html(index=False, border=0))
    with house_style():
        drawn = scores.draw(comparison)
        if isinstance(drawn, Drawn) and drawn.figure is not None:
            svg = inline_svg(drawn.figure, "nogd", drawn.alt)
            said.append(f'<div style="{_ON_PAPER}">{svg}</div>')
    return "\n".join(said)


def _board(comparison: Comparison) -> DataFrame:
    rows = [
        {
            "learner": short_name(row["learner"]),
            "access": row["access"] or "-",
            **(_measured(row) if comparison.board.measures else _scored(row)),
            "rank": number(row["mean_rank"], ".2f"),
            "failed": row["failures"],
            "n/a": row["not_applicable"],
            "forwards": number(row["forwards"], ",.0f"),
            "seconds": number(row["seconds"], ".3g"),
        }
        for row in comparison.board.table.to_dict("records")
    ]
    return DataFrame(rows)


def _scored(row: Mapping[Any, Any]) -> dict[str, str]:
    return {
        "score": score_text(row["score"]),
        "interval": interval_text(row["score_low"], row["score_high"]),
    }


def _measured(row: Mapping[Any, Any]) -> dict[str, str]:
    return {
        "metric": metric_text(row["metric"]),
        "range": metric_interval_text(row["metric_low"], row["metric_high"]),
    }


def tables(results: ResultsLike, plugins: HasFigures | None = None) -> dict[str, DataFrame]:
    """The leaderboard and the data of every figure, by name."""
    comparison = Comparison.of(results)
    if comparison.runs.empty:
        return {}
    figures = draw_figures(comparison, figure_entries(plugins))
    data = {file_name(figure, each): each.data for figure, several in figures for each in several}
    return {"leaderboard": comparison.board.table} | data
