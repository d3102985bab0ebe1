"""The random generators of the process: what draws from them, and what it then gets."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor


@dataclass(frozen=True)
class Dice:
    """One generator. read: its state; write: takes a state; seed: starts it anew from a number of 63 bits."""

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]
    seed: Callable[[int], object]


def _seed_torch(seed: int) -> None:
    # Not torch.manual_seed: it seeds accelerators as well, which would not be put back.
    torch.default_generator.manual_seed(seed)


def _seed_numpy(seed: int) -> None:
    np.random.seed(seed % 2**32)  # noqa: NPY002  # what modules draw from


OF_THE_PROCESS = (
    Dice("torch's global generator", torch.get_rng_state, torch.set_rng_state, _seed_torch),
    Dice("numpy's global generator", np.random.get_state, np.random.set_state, _seed_numpy),
    Dice("random's global generator", random.getstate, random.setstate, random.seed),
)


def dice_of(generator: Generator) -> Dice:
    """A generator of somebody's own; a copy of these dice has a copy of it."""
    read, write, seed = (
        partial(method, generator)
        for method in (Generator.get_state, Generator.set_state, Generator.manual_seed)
    )
    return Dice("a generator", read, write, seed)


def dice_on(device: torch.device) -> tuple[Dice, ...]:
    """All generators of the process that a module on that device may draw from."""
    if device.type in ("cpu", "meta"):
        return OF_THE_PROCESS
    backend: Any = getattr(torch, device.type)
    where = () if device.type == "mps" else (device,)  # there is only one of them
    write = partial(_write, backend, where)
    own = Dice(
        f"the generator of {device}",
        partial(backend.get_rng_state, *where),
        write,
        partial(_seed, write, device),
    )
    return *OF_THE_PROCESS, own


def _write(backend: Any, where: tuple[torch.device, ...], state: Any) -> None:
    backend.set_rng_state(state, *where)


def _seed(write: Callable[[Any], object], device: torch.device, seed: int) -> None:
    write(Generator(device).manual_seed(seed).get_state())


@contextmanager
def watched(dice: Iterable[Dice], drawn: list[Dice]) -> Iterator[None]:
    """Afterwards all are as they were, and those that were drawn from are in the list."""
    before = [(each, each.read()) for each in dice]
    try:
        yield
    finally:
        for each, state in before:
            if _plain(each.read()) != _plain(state):
                drawn.append(each)
                each.write(state)


@contextmanager
def seeded(dice: Iterable[Dice], seed: int) -> Iterator[None]:
    """They start from the seed; afterwards all are as they were."""
    before = [(each, each.read()) for each in dice]
    try:
        for each, _ in before:
            each.seed(seed)
        yield
    finally:
        for each, state in before:
            each.write(state)


def _plain(state: object) -> object:
    """The state in values that can be compared."""
    if isinstance(state, Tensor):
        return state.numpy(force=True).tobytes()
    if isinstance(state, np.ndarray):
        return state.tobytes()
    return tuple(map(_plain, state)) if isinstance(state, tuple) else state
