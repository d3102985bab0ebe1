"""A gradient that vanishes on its way through the layers."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field
from torch import nn

from nogd import SupervisedTask

Width = Annotated[int, Field(ge=1, le=1 << 14, description="units of each hidden layer")]


class DeepSigmoid(SupervisedTask):
    """Which of three growers a wine comes from, through seven layers of sigmoids."""

    name: ClassVar[str] = "deep-sigmoid"
    why: ClassVar[str] = (
        "Each layer divides the gradient by about four or more: the first layers see none of it."
    )
    dataset: ClassVar[str] = "wine"
    loss: ClassVar[str] = "cross-entropy"
    metric: ClassVar[str] = "accuracy"
    bounds: ClassVar[tuple[float, float]] = (-2.0, 2.0)
    default: ClassVar[bool] = False
    tags: ClassVar[frozenset[str]] = frozenset({"classification", "hard-gradient"})
    width: Width = 8
    depth: int = Field(7, ge=1, le=64, description="hidden layers")

    def network(self) -> nn.Module:
        """Hidden layers of one width."""
        layers: list[nn.Module] = [nn.Linear(13, self.width), nn.Sigmoid()]
        for _ in range(self.depth - 1):
            layers += [nn.Linear(self.width, self.width), nn.Sigmoid()]
        return nn.Sequential(*layers, nn.Linear(self.width, 3))
