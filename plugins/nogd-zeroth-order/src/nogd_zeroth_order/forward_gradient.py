"""Descent along exact directional derivatives, in forward mode."""

from __future__ import annotations

from typing import ClassVar, final

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd import Objective, Subspace
from nogd_zeroth_order.draws import draw_normal
from nogd_zeroth_order.stepping import Look, Stepping, SteppingState


@final
class ForwardGradient(Stepping[SteppingState]):
    """Descend along normally distributed directions, each times the loss's exact derivative along it.

    The mean of (gradient . v) v over all v ~ N(0, I) is the gradient, so that the estimate has no bias; it would have
    with normalised v. Its variance grows with the number of parameters, and falls with that of the tangents. With
    `orthogonal=true` the estimate is the gradient's projection onto what the tangents span, which is shorter than the
    gradient by tangents / D on the average. No back-propagation: it needs derivatives along directions. A step, which
    is an iteration, costs 1 + tangents (gradient_cost - 1) forwards. Sources: Baydin et al. 2022, arXiv:2202.08587;
    several tangents: Fluegel et al. 2024, arXiv:2410.17764.
    """

    name: ClassVar[str] = "forward-gradient"
    needs: ClassVar[frozenset[str]] = frozenset({"directional"})
    tangents: int = Field(1, ge=1, description="directions of a step")
    orthogonal: bool = Field(
        False, description="whether to project the gradient onto the directions in place of their mean"
    )

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> SteppingState:
        return SteppingState(theta=theta, rng=rng)

    def look(self, objective: Objective, state: SteppingState, rows: Tensor | None) -> Look | None:
        tangents = draw_normal(state.rng, self._count(objective, state, rows), state.theta)
        loss, derivatives = objective.directional(state.theta, tangents, rows)
        if not (loss.isfinite() and derivatives.isfinite().all()):
            return None
        return Look(Subspace(state.theta, tangents, 1.0), derivatives)

    def gain(self, length: float, found: Look) -> float:
        estimate = torch.zeros_like(found.probes.theta)
        found.probes.combine(self._weights(found), out=estimate)
        size = float(estimate.norm())
        return length / size if size else 0.0

    def move(self, state: SteppingState, found: Look) -> None:
        found.probes.combine(self._weights(found) * -state.rate, out=state.theta)

    def _weights(self, found: Look) -> Tensor:
        """Of the tangents, `[K]`."""
        tangents = found.probes
        if not self.orthogonal or not isinstance(tangents, Subspace):
            return found.slopes / len(found.slopes)
        gram = tangents.given @ tangents.given.T
        weights: Tensor = torch.linalg.solve(gram, found.slopes)
        return weights

    def _count(self, objective: Objective, state: SteppingState, rows: Tensor | None) -> int:
        """Tangents that there is budget for."""
        share = 1.0 if rows is None else len(rows) / objective.N
        room = (objective.left.forwards / share - 1) / (objective.gradient_cost - 1)
        return max(1, int(min(self.directions(state, self.tangents), objective.D, room)))
