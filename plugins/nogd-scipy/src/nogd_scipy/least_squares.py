"""Least squares by scipy, on the outputs of networks a little way along each weight."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from scipy import optimize
from torch import Generator, Tensor

from nogd import Learner, Objective, Population, State, UserError

Array = np.ndarray[Any, np.dtype[np.float64]]

LARGEST = 2**28
"""Bytes of a Jacobian matrix, of which scipy makes several."""


@dataclass(kw_only=True)
class SquaresState(State):
    """best: the loss of theta, the best of all points."""

    best: float = math.inf


class LeastSquares(Learner[SquaresState]):
    """`scipy.optimize.least_squares`: a trust region about theta, with the Jacobian of the residuals from differences.

    The residuals are outputs less targets, which the loss's gradient with respect to outputs tells, so the loss must be
    the mean squared error. A Jacobian is made of the outputs of D networks, each a little way along one weight, that
    are asked for together. A step, which is an iteration, lets scipy try `trials` points from theta on, and so begins
    with a new radius. A Jacobian costs D forwards and its decomposition, 2 N out D^2 operations, which is about as much
    again; a point costs 1. It assumes a smooth network of few parameters. Source:
    Branch, Coleman and Li 1999, doi 10.1137/S1064827595289108; scipy (Virtanen et al. 2020, doi
    10.1038/s41592-019-0686-2).
    """

    name: ClassVar[str] = "scipy-least-squares"
    needs: ClassVar[frozenset[str]] = frozenset({"outputs", "curvature"})
    tags: ClassVar[frozenset[str]] = frozenset({"gauss-newton"})
    method: Literal["trf", "dogbox"] = Field("trf", description="scipy's method")
    trials: int = Field(10, ge=2, description="points that scipy tries before it begins anew")
    probe: float = Field(
        1e-3, gt=0, allow_inf_nan=False, description="distance of the networks whose outputs are compared"
    )

    def supports(self, objective: Objective) -> str | None:
        try:
            shape = objective.output_shape
        except UserError:
            return "scipy-least-squares needs a network: a black box does not show its outputs before it is called"
        size = 8 * objective.D * objective.N * math.prod(shape)
        if size > LARGEST:
            return f"its Jacobian matrix takes {size / 2**30:.1f} GiB, and 0.25 is the most; gauss-newton needs none"
        if not _is_squared_error(objective, shape):
            return (
                "scipy-least-squares needs the mean squared error; gauss-newton takes any loss with a slope"
            )
        return None

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> SquaresState:
        return SquaresState(theta=theta)

    def step(self, objective: Objective, state: SquaresState) -> None:
        before, residuals = state.best, _Residuals(objective, state, self.probe)
        start = state.theta.detach().cpu().numpy().astype(np.float64)
        if not np.isfinite(residuals.at(start)).all():
            state.finished = "the loss at the start is not finite"
            return
        found = optimize.least_squares(
            residuals.at, start, jac=residuals.jacobian, method=self.method, max_nfev=self.trials
        )
        state.iteration += 1
        if found.status > 0 or not state.best < before:
            state.finished = str(found.message)


class _Residuals:
    """What scipy asks for; the outputs of the latest point are kept, as its Jacobian begins with them."""

    def __init__(self, objective: Objective, state: SquaresState, probe: float) -> None:
        self._objective, self._state, self._probe = objective, state, probe
        self._point: Array | None = None
        self._outputs: Tensor = state.theta[:0]
        self._found: Array = np.empty(0)

    def at(self, x: Array) -> Array:
        """Residuals at a point, `[N * out]`."""
        if self._point is None or not np.array_equal(self._point, x):
            self._look(self._theta(x))
            self._point = x.copy()
        return self._found

    def jacobian(self, x: Array) -> Array:
        """Their derivatives, `[N * out, D]`."""
        self.at(x)
        theta = self._theta(x)
        near = self._objective.outputs(Population(theta + self._probe * torch.eye(len(theta)).to(theta)))
        slopes = (near - self._outputs).flatten(1) / self._probe
        flops = 2.0 * slopes.numel() * len(theta)  # scipy decomposes it
        passes = self._objective.forward_flops
        with self._objective.work(flops / passes if passes else 0.0, flops=flops):
            return slopes.nan_to_num(0.0, 0.0, 0.0).T.cpu().numpy().astype(np.float64)

    def _theta(self, x: Array) -> Tensor:
        return torch.as_tensor(x, dtype=self._state.theta.dtype, device=self._state.theta.device)

    def _look(self, theta: Tensor) -> None:
        state = self._state
        self._outputs = self._objective.outputs(Population(theta[None]))[0]
        curvature = self._objective.curvature(self._outputs)
        residuals = curvature.gradient * (self._outputs.numel() / 2)
        self._found = residuals.flatten().cpu().numpy().astype(np.float64)
        if float(curvature.loss) < state.best:
            state.best, state.theta = float(curvature.loss), theta.clone()


def _is_squared_error(objective: Objective, shape: tuple[int, ...]) -> bool:
    """Whether the loss is the mean of squares, by its slope and its bend at outputs of zero."""
    zeros = torch.zeros(objective.N, *shape, dtype=objective.dtype, device=objective.device)
    there, half = objective.curvature(zeros), zeros.numel() / 2
    squares = (there.gradient * half).square().mean()
    bend = there.product(torch.ones_like(zeros)) * half
    return torch.allclose(bend, torch.ones_like(bend)) and torch.allclose(
        squares, there.loss.to(squares), rtol=1e-3
    )
