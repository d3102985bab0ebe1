"""Networks that act: from what is observed to what is done."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

Width = Annotated[int, Field(ge=1, le=1 << 14, description="units of a hidden layer, or of a memory")]
Depth = Annotated[int, Field(ge=0, le=64, description="hidden layers")]


def feed_forward(inputs: int, outputs: int, width: int, depth: int) -> nn.Sequential:
    """Hidden layers of tanh units between the inputs and the outputs."""
    modules: list[nn.Module] = []
    for before, after in pairwise([inputs, *[width] * depth, outputs]):
        modules += [nn.Linear(before, after), nn.Tanh()]
    return nn.Sequential(*modules[:-1])


class Recurrent(nn.Module):
    """Tanh units that see the inputs and all units of the step before; the first one is the output."""

    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.cell = nn.Linear(inputs + units, units)

    def forward(self, inputs: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs `[N, 1]` and the new memory `[N, units]`, from inputs `[N, inputs]` and the memory."""
        memory = self.cell(torch.cat([inputs, memory], dim=-1)).tanh()
        return memory[..., :1], memory
