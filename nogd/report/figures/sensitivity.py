"""Sensitivity: how the score moves with a hyper-parameter, where a comparison has one learner with several values."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from pandas import DataFrame

from nogd.errors import UserError
from nogd.report.drawing.canvas import (
    heading,
    linear_values,
    log_values,
    new_canvas,
    place_axes,
    short_number,
)
from nogd.report.drawing.style import LIGHT, MUTED
from nogd.report.figure import Comparison, Drawn, Figure, choice
from nogd.report.names import counted, short_name
from nogd.report.numbers.finals import applicable, matrices
from nogd.report.numbers.formats import score_text
from nogd.report.numbers.groups import unequal_budgets
from nogd.report.numbers.leaderboard import score_matrix
from nogd.report.numbers.paired import LEVEL, among_all, block_differences, exchange_p
from nogd.report.numbers.statistics import FloatArray, bootstrap_interval, pooled_interquartile_mean

HEIGHT = 1.9
NOT_VARIED = (
    "No learner takes part with several values of one hyper-parameter, so nothing is known of how much its settings "
    "matter; add some, such as -l adam,lr=0.01 -l adam,lr=0.1."
)
UNEQUAL = "Budgets differ, so that settings cannot be compared with each other."


@dataclass(frozen=True)
class Sweep:
    """One learner with several values of one hyper-parameter, all else equal. score, low, high: shape (values,)."""

    name: str
    parameter: str
    labels: tuple[str, ...]
    values: FloatArray
    score: FloatArray
    low: FloatArray
    high: FloatArray
    tasks: int
    p: float
    """That the highest and the lowest score differ by chance alone, corrected for all pairs of values and sweeps."""

    @property
    def title(self) -> str:
        """What is varied."""
        return f"{self.name}, {self.parameter}"


def draw(comparison: Comparison) -> list[Drawn] | str:
    """One drawing per learner and hyper-parameter that was varied, or why there is none."""
    if unequal_budgets(comparison.runs, comparison.settings):
        return UNEQUAL
    return [_drawn(sweep) for sweep in sweeps(comparison)] or NOT_VARIED


def draw_on(axes: Axes, comparison: Comparison, *, sweep: str | None = None) -> None:
    """One sweep, named like "adam, lr", on given axes."""
    if unequal_budgets(comparison.runs, comparison.settings):
        raise UserError(UNEQUAL)
    found = {each.title: each for each in sweeps(comparison)}
    if not found:
        raise UserError(NOT_VARIED)
    chosen = found[choice("sweep", sweep, list(found))]
    _plot(axes, chosen)
    axes.set_xlabel(chosen.parameter)


def sweeps(comparison: Comparison) -> list[Sweep]:
    """All hyper-parameters of which a learner takes part with at least two numbers, the rest being equal."""
    runs = applicable(comparison.runs).drop_duplicates("learner").sort_values("learner")
    found = []
    for name, rows in runs.groupby("learner_name", sort=True):
        settings = {str(row.learner): dict(_flat(row.hyper)) for row in rows.itertuples()}
        for parameter, variants in varied(settings):
            sweep = _scored(comparison, str(name), parameter, variants)
            if sweep is not None:
                found.append(sweep)
    return [replace(sweep, p=min(1.0, len(found) * sweep.p)) for sweep in found]


def _flat(hyper: object) -> Iterator[tuple[str, Any]]:
    """Hyper-parameters by dotted name, those of learners inside of a learner too."""

    def walk(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
        items = (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        )
        for key, part in items:
            hidden = key in {"settings", "parts"}
            yield from walk(prefix if hidden else f"{prefix}{key}.", part)
        if not isinstance(value, dict | list):
            yield prefix.rstrip("."), value

    try:
        yield from walk("", json.loads(str(hyper or "{}")))
    except ValueError:
        return


def varied(settings: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, dict[str, float]]]:
    """Hyper-parameters in which some learners differ and in nothing else, with each learner's value."""
    names = sorted({name for each in settings.values() for name in each})
    found = []
    for parameter in names:
        alike: dict[str, dict[str, float]] = {}
        for learner, each in settings.items():
            value = each.get(parameter)
            if isinstance(value, int | float) and not isinstance(value, bool):
                rest = json.dumps(
                    {key: part for key, part in each.items() if key != parameter}, sort_keys=True
                )
                alike.setdefault(rest, {})[learner] = float(value)
        found += [(parameter, variants) for variants in alike.values() if len(set(variants.values())) > 1]
    return found


def _scored(comparison: Comparison, name: str, parameter: str, variants: Mapping[str, float]) -> Sweep | None:
    """Scores over the tasks on which every variant has a run; None where there is no scale."""
    finals = comparison.finals
    rows = finals[finals["learner"].isin(list(variants)) & finals["score"].notna()]
    done = rows.groupby("task")["learner"].nunique()
    tasks = list(done.index[done == len(variants)])
    if not tasks:
        return None
    labels = sorted(variants, key=lambda learner: variants[learner])
    both = matrices(rows[rows["task"].isin(tasks)], "ranked")
    summary = [_summary(rows[rows["task"].isin(tasks) & (rows["learner"] == label)]) for label in labels]
    score, low, high = np.array(summary).T
    values = np.array([variants[label] for label in labels])
    ends = (both[labels[int(place)]] for place in (np.argmax(score), np.argmin(score)))
    apart = block_differences(*ends).reshape(-1, 1)
    p = float(among_all(exchange_p(apart), apart, len(labels))[0])
    return Sweep(name, parameter, tuple(labels), values, score, low, high, len(tasks), p)


def _summary(finals: DataFrame) -> tuple[float, float, float]:
    scores = score_matrix(finals)
    rng = np.random.default_rng(zlib.crc32(str(finals["learner"].iloc[0]).encode()))
    return (
        float(pooled_interquartile_mean(scores)),
        *bootstrap_interval(scores, pooled_interquartile_mean, rng=rng),
    )


def _drawn(sweep: Sweep) -> Drawn:
    canvas = new_canvas(0.3 + HEIGHT + 0.45)
    axes = place_axes(canvas, 0.52, 0.2, 0.3, 0.45)
    _plot(axes, sweep)
    axes.set_xlabel(short_name(sweep.parameter, 40), labelpad=1)
    return Drawn(canvas, _data(sweep), _finding(sweep), title=sweep.title)


def _plot(axes: Axes, sweep: Sweep) -> None:
    low, high = _view(sweep)
    colour = LIGHT[0]
    for level in (0.0, 1.0):
        axes.axhline(level, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    axes.vlines(
        sweep.values,
        np.clip(sweep.low, low, high),
        np.clip(sweep.high, low, high),
        color=colour,
        alpha=0.5,
        linewidth=2.2,
    )
    axes.plot(
        sweep.values, np.clip(sweep.score, low, high), color=colour, marker="o", markersize=5, linewidth=1.2
    )
    axes.set_ylim(low, high)
    linear_values(axes)
    if sweep.values[0] > 0 and sweep.values[-1] / sweep.values[0] >= 8:
        axes.set_xlim(sweep.values[0] / 1.3, sweep.values[-1] * 1.3)
        log_values(axes, "x")
    else:
        linear_values(axes, "x")
    heading(axes, "normalised score (0 constant predictor, 1 reference)")


def _view(sweep: Sweep) -> tuple[float, float]:
    known = np.concatenate([sweep.score, sweep.low, sweep.high])
    known = known[np.isfinite(known)]
    low, high = min(0.0, max(float(known.min()), -1.0)), max(1.0, min(float(known.max()), 3.0))
    return low - 0.06 * (high - low), high + 0.06 * (high - low)


def _data(sweep: Sweep) -> DataFrame:
    return DataFrame(
        {
            "learner": sweep.labels,
            "parameter": sweep.parameter,
            "value": sweep.values,
            "score": sweep.score,
            "score_low": sweep.low,
            "score_high": sweep.high,
            "tasks": sweep.tasks,
        }
    )


def _finding(sweep: Sweep) -> str:
    best, worst = int(np.argmax(sweep.score)), int(np.argmin(sweep.score))
    sure = "which is beyond chance" if sweep.p < LEVEL else "which may be chance"
    values: Sequence[str] = [short_number(value) for value in sweep.values]
    return (
        f"{short_name(sweep.name)} with {counted(len(set(values)), 'value')} of {short_name(sweep.parameter)}, over "
        f"{counted(sweep.tasks, 'task')}: the score is highest, {score_text(sweep.score[best])}, at {values[best]}, "
        f"and lowest, {score_text(sweep.score[worst])}, at {values[worst]}; {sure}."
    )


FIGURE = Figure(
    name="sensitivity",
    title="Sensitivity to hyper-parameters",
    reading=(
        (
            "A point is the normalised score with one value of a hyper-parameter, all others equal; the bar is its "
            "interval. A flat line: the setting matters little."
        ),
        (
            "The best of several values is chosen by looking at test data, so its score is a little too good: it is "
            "not a fair entry in the leaderboard. A point at the edge lies beyond it."
        ),
    ),
    draw=draw,
    summary="score against a hyper-parameter that was varied",
    order=55,
    draw_on=draw_on,
)
