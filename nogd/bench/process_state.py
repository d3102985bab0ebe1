"""What belongs to the whole process and a learner or task may change: found as it was by the next cell.

Otherwise a run in a process that is used again could differ from one in a fresh process.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch

from nogd.engine.modules.generators import OF_THE_PROCESS


def _folder() -> Path | None:
    """The working directory, None if it is gone."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None


def _go_to(folder: Path | None) -> None:
    if folder is not None:
        os.chdir(folder)


Belonging = tuple[str, Callable[[], Any], Callable[[Any], object]]

# What it is called, what to read, and what to give it back to.
_SETTINGS: tuple[Belonging, ...] = (
    ("torch's default type", torch.get_default_dtype, torch.set_default_dtype),
    ("torch's default device", torch.get_default_device, torch.set_default_device),
    ("torch's number of threads", torch.get_num_threads, torch.set_num_threads),
    ("torch's grad mode", torch.is_grad_enabled, torch.set_grad_enabled),
    (
        "torch's precision of products",
        torch.get_float32_matmul_precision,
        torch.set_float32_matmul_precision,
    ),
    (
        "torch's choice of deterministic algorithms",
        torch.are_deterministic_algorithms_enabled,
        torch.use_deterministic_algorithms,
    ),
    ("the working directory", _folder, _go_to),
)
_GENERATORS: tuple[Belonging, ...] = tuple((dice.name, dice.read, dice.write) for dice in OF_THE_PROCESS)


def readings() -> dict[str, Any]:
    """Everything as it is now, by name, in numbers and plain containers that can be compared."""
    found = {name: read() for name, read, _ in (*_SETTINGS, *_GENERATORS)}
    return {
        name: value.tolist() if isinstance(value, torch.Tensor | np.ndarray) else value
        for name, value in found.items()
    }


@contextmanager
def restored() -> Iterator[None]:
    """Afterwards, settings and random generators of the process are what they were."""
    settings = [(read, write, read()) for _, read, write in _SETTINGS]
    generators = [(write, read()) for _, read, write in _GENERATORS]
    try:
        yield
    finally:
        for read, write, before in settings:
            with suppress(OSError):  # a working directory that is gone
                if (
                    read() != before
                ):  # setting torch's default device, even to what it is, slows down all that follows
                    write(before)
        for write, before in generators:
            write(before)


def seed_generators(seed: int) -> None:
    """Seed the generators of the process, which nothing should draw from, for what does."""
    for dice in OF_THE_PROCESS:
        dice.seed(seed)
