"""Policies of the tests' own."""

from __future__ import annotations

import torch
from nogd_control.world import World
from torch import Tensor


class Constant:
    """In place of nogd's policies: each gives its own outputs, whatever it sees."""

    def __init__(self, outputs: list[list[float]]) -> None:
        self._outputs = torch.tensor(outputs, dtype=torch.float64)
        self.count, self.dtype = len(outputs), torch.float32

    def __call__(self, seen: Tensor, *memory: Tensor, running: Tensor):
        outputs = self._outputs[:, None].expand(-1, seen.shape[1], -1)
        return (outputs, *memory) if memory else outputs


def returns(task: World, outputs: list[list[float]], episodes: int) -> Tensor:
    """Mean returns of constant outputs."""
    return task.rollout(Constant(outputs), torch.arange(episodes)).mean(1)
