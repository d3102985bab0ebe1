"""One learner against another, task by task: the difference with its interval, and an exact paired test."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame

from nogd.report.numbers.comparing import holm
from nogd.report.numbers.finals import matrices
from nogd.report.numbers.paired import LEVEL, exchange_p
from nogd.report.numbers.statistics import (
    FloatArray,
    expanded_intervals,
    interquartile_mean,
    stratified_bootstrap,
)
from nogd.report.numbers.tables import Tables

BETTER, WORSE, OPEN = "better", "worse", "not told apart"
_DRAWS = 1000
_COLUMNS = [
    *("task", "first", "second", "first_value", "second_value", "difference", "low", "high"),
    *("wins", "p", "p_holm", "runs"),
]


@dataclass(frozen=True)
class _Task:
    """The runs of one task, of the repetitions that all its learners have; values, losses: (learners, repetitions)."""

    name: str
    learners: tuple[str, ...]
    values: FloatArray
    losses: FloatArray


def pairwise_table(comparison: Tables, pairs: Sequence[tuple[str, str]]) -> DataFrame:
    """One row for each task and pair of learners with runs on it: what each reached, and whether they differ.

    first_value, second_value: interquartile mean of the final metric; difference: the former minus the latter, with
    low and high, its 95 % bootstrap interval (NaN with one run); wins: how often a run of the first is the better one;
    p: the exact test of `nogd.report.numbers.paired.exchange_p`; p_holm: corrected for the pair's tasks (Holm); runs:
    the repetitions of the task that all its learners have, which alone count.
    """
    rows = [row for task in _tasks(comparison) for row in _rows(task, pairs)]
    table = DataFrame(rows, columns=_COLUMNS)
    table["p_holm"] = table.groupby(["first", "second"])["p"].transform(
        lambda p: holm(p.to_numpy(dtype=float))
    )
    return table


def told_apart(wins: float, p: float) -> str:
    """What a corrected p-value says of the first: better, worse, or not told apart."""
    return OPEN if not p < LEVEL else BETTER if wins > 0.5 else WORSE


def _tasks(comparison: Tables) -> Iterator[_Task]:
    for name, rows in comparison.finals.groupby("task", sort=True):
        found = [matrices(rows, column) for column in ("value", "ranked")]
        learners = tuple(sorted(found[0]))
        values, losses = (np.stack([each[learner][:, 0] for learner in learners]) for each in found)
        common = ~(np.isnan(values) | np.isnan(losses)).any(axis=0)
        if common.any():
            yield _Task(str(name), learners, values[:, common], losses[:, common])


def _rows(task: _Task, pairs: Sequence[tuple[str, str]]) -> Iterator[tuple[object, ...]]:
    place = {learner: number for number, learner in enumerate(task.learners)}
    both = [pair for pair in pairs if pair[0] in place and pair[1] in place]
    if not both:
        return
    ours, theirs = (np.array([place[pair[side]] for pair in both]) for side in (0, 1))
    middles = interquartile_mean(task.values, axis=1)
    low, high = _intervals(task, ours, theirs)
    blocks = pair_blocks(task.losses)[ours, :, theirs]
    p, wins, runs = exchange_p(blocks.T), 0.5 + blocks.sum(axis=1), task.values.shape[1]
    for row, (first, second) in enumerate(both):
        mine, other = float(middles[ours[row]]), float(middles[theirs[row]])
        told = (mine, other, mine - other, low[row], high[row], wins[row], p[row], np.nan, runs)
        yield (task.name, first, second, *told)


def _intervals(
    task: _Task, ours: NDArray[np.int_], theirs: NDArray[np.int_]
) -> tuple[FloatArray, FloatArray]:
    """Of each pair's difference; the same repetitions are drawn of both."""
    middles = stratified_bootstrap(
        task.values[:, :, None],
        lambda samples: interquartile_mean(samples[..., 0]),
        rng=np.random.default_rng(zlib.crc32(task.name.encode())),
        draws=_DRAWS,
    )
    return expanded_intervals(middles[:, ours] - middles[:, theirs], task.values.shape[1])


def pair_blocks(losses: FloatArray) -> FloatArray:
    """What `nogd.report.numbers.paired.block_differences` finds on one task, for every pair of learners at once.

    losses: shape (learners, repetitions), none NaN -> (learners, repetitions, learners); its sum over repetitions is
    the probability that a run of the first beats one of the second, minus 1/2.
    """
    learners, runs = losses.shape
    beaten = np.zeros((learners, runs, learners))
    for run in range(runs):  # the other's run; all at once would need learners^2 x runs^2 numbers
        other = losses[None, None, :, run]
        beaten += (other < losses[:, :, None]) + 0.5 * (other == losses[:, :, None])
    own = np.einsum("iji->ij", beaten)
    lost = own[:, :, None] + beaten  # each run's rank within the pair, minus 1/2
    return np.asarray((lost.transpose(2, 1, 0) - lost) / (2 * runs**2))
