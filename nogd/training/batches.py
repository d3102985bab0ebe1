"""Mini-batches in shuffled order, every example once an epoch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from nogd.engine.objective import Objective
from nogd.engine.state import State


@dataclass(kw_only=True)
class BatchState(State):
    """rng: shuffles. order: the examples of this epoch, `[N]`; cursor: how many of them were used."""

    rng: Generator
    order: Tensor | None = None
    cursor: int = 0


def batch_size(objective: Objective, rows: int | None) -> int | None:
    """Rows of a query: the learner's own, else the run's, else None for all of them.

    :param rows: what the learner's hyper-parameter says, or None.
    """
    size = rows or objective.batch_size
    return None if size is None or size >= objective.N else size


def next_rows(objective: Objective, state: BatchState, size: int | None) -> Tensor | None:
    """Numbers of the examples of the next mini-batch, or None for all; changes nothing but the epoch's order.

    :param size: what `batch_size` gave.
    :returns: `[B]`, to be handed to the objective as `rows`.
    """
    if size is None:
        return None
    if state.order is None or state.cursor >= objective.N:
        state.order = torch.randperm(objective.N, generator=state.rng, device=objective.device)
        state.cursor = 0
    return state.order[state.cursor : state.cursor + size]


def used_rows(objective: Objective, state: BatchState, size: int | None) -> bool:
    """Go on behind the mini-batch that was just used; call it once the objective has answered.

    :returns: whether that ended an epoch.
    """
    if size is None:
        return True
    state.cursor += size
    return state.cursor >= objective.N
