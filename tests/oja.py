# oja.py
from __future__ import annotations

from typing import ClassVar

import torch
from nogd import Learner, State, hookimpl
from pydantic import Field


class Oja(Learner):
    """Hidden layers by Oja's rule (1982, doi 10.1007/BF00275687), the last by the delta rule (Widrow 1960)."""

    name: ClassVar[str] = "oja"
    needs: ClassVar[frozenset[str]] = frozenset({"layers", "curvature"})
    lr: float = Field(0.1, gt=0, description="length of a move")

    def supports(self, objective):
        learning = [each.module for each in objective.layers if each.weight] + [objective.layers[-1].module]
        linear = all(isinstance(module, torch.nn.Linear) for module in learning)
        return None if linear else "oja needs linear layers, the last of all among them"

    def init(self, objective, theta, rng):
        return State(theta=theta)

    def step(self, objective, state):
        *hidden, last = zip(objective.layers, objective.activations(state.theta), strict=True)
        error = objective.curvature(last[1].outputs).gradient
        if not error.isfinite().all():
            state.finished = "the error is not finite"
            return
        theta = state.theta.clone()
        with objective.work(1):  # one product per layer, as a forward pass has
            for layer, (x, y) in hidden:
                if layer.weight:
                    weight = theta[layer.weight].view(layer.module.weight.shape)
                    weight += self.lr * (y.T @ x / len(x) - y.square().mean(0)[:, None] * weight)
            layer, (x, _) = last
            if layer.weight:
                theta[layer.weight].view(layer.module.weight.shape).sub_(self.lr * error.T @ x)
            if layer.bias:
                theta[layer.bias].sub_(self.lr * error.sum(0))
        state.theta = theta
        state.iteration += 1


@hookimpl
def nogd_learners():
    return [Oja]
