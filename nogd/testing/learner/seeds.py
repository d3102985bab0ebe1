"""Randomness."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Generator

from nogd.bench.process_state import restored, seed_generators
from nogd.engine.state import State
from nogd.testing.check import NotApplicable, broken, check
from nogd.testing.toys import first_fit
from nogd.testing.trial import SEED, Trial, difference
from nogd.training.learner import Learner


@check(
    "Take no randomness from the system, the clock, the order of a set or an object's address; seed whatever"
    " a library draws from the generator that `init` is given."
)
def same_seed_same_curve(learner: Learner) -> None:
    """Two runs with the same seed are equal bit for bit, so that a result can be reproduced."""
    toy, runs = first_fit(learner), []
    for _ in range(2):
        with _generators(1):
            runs.append(Trial(learner, toy).bits())
    _compare(runs[1], runs[0], "the second of two runs with the same seed")


@check(
    "Draw from the generator that `init` is given (`generator=state.rng`), never from torch's, numpy's or random's own."
)
def global_seed_changes_nothing(learner: Learner) -> None:
    """All randomness comes from the learner's generator, so that no other code can change a run."""
    toy, runs = first_fit(learner), []
    for seed in (1, 2):
        with _generators(seed):
            runs.append(Trial(learner, toy).bits())
    _compare(runs[1], runs[0], "a run under another global seed")


@check(
    "Draw from the generator that `init` is given as it comes: seed neither it nor another one by a constant."
)
def different_seeds_differ(learner: Learner) -> None:
    """A random learner gives different runs for different seeds, or repetitions would be meaningless."""
    toy = first_fit(learner)
    drawn, runs = False, []
    for seed in (SEED, SEED + 1):
        trial = Trial(learner, toy, seed=seed)
        fresh = trial.rng.get_state()
        runs.append(trial.bits())
        drawn |= holds_generator(trial.objective.state) and not torch.equal(fresh, trial.rng.get_state())
    if not drawn:
        raise NotApplicable("it keeps no generator in its state and draws from none: it is not random")
    if difference(runs[0], runs[1]) is None:
        broken("it draws random numbers, but runs with two seeds are the same.")


def holds_generator(state: State | None) -> bool:
    """Whether the state, or one within it, keeps a generator: this is how a learner says that it is random."""
    values = [] if state is None else list(vars(state).values())
    return any(
        isinstance(value, Generator) or (isinstance(value, State) and holds_generator(value))
        for value in values
    )


def _compare(found: object, expected: object, what: str) -> None:
    if (said := difference(found, expected)) is not None:
        broken(f"{what} goes another way: {said}.")


@contextmanager
def _generators(seed: int) -> Iterator[None]:
    with restored():
        seed_generators(seed)
        yield


CHECKS = (same_seed_same_curve, global_seed_changes_nothing, different_seeds_differ)
