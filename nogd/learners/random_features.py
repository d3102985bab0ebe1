"""Random features: hidden layers drawn at random, the last one solved."""

from __future__ import annotations

import math
from typing import ClassVar, final

from pydantic import Field
from torch import Generator, Tensor

from nogd.engine.objective import Objective
from nogd.learners.drawn_features import DrawnFeatures


@final
class RandomFeatures(DrawnFeatures):
    """Draw the hidden layers at random and solve the last one; keep the best of all (Schmidt et al. 1992, doi
    10.1109/ICPR.1992.201708; Huang et al. 2006, doi 10.1016/j.neucom.2005.12.126).

    Weights are normal with a variance of scale^2 / fan-in, biases uniform between -scale and scale. The control of
    every claim about a method that solves the last layer.
    """

    name: ClassVar[str] = "random-features"
    scale: float = Field(1.0, gt=0, allow_inf_nan=False, description="size of hidden weights and biases")

    def passes(self, objective: Objective) -> int:
        return 0

    def draw(self, objective: Objective, theta: Tensor, rng: Generator) -> Tensor:
        for tensor in objective.space:
            own = theta[tensor.start : tensor.stop]
            if len(tensor.shape) > 1:
                own.normal_(0, self.scale / math.sqrt(max(1, math.prod(tensor.shape[1:]))), generator=rng)
            elif tensor.is_bias:
                own.uniform_(-self.scale, self.scale, generator=rng)
        return theta
