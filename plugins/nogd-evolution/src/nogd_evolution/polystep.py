"""PolyStep: probes at the corners of small polytopes about theta, and their mean weighted by how good they are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd import AskTell, Objective, State, Subspace
from nogd_evolution import settings
from nogd_evolution.estimates import one_deviation

SHARE = 0.1
LARGEST = 2**30  # bytes of a step's directions


@dataclass(kw_only=True)
class PolyStepState(State):
    """sigma: length of a step at first. blocks: place, size and number of directions of each tensor.

    spent: candidates scored; total: as many as the run may take when it begins, 0 if it has no such end.
    """

    rng: Generator
    sigma: float
    blocks: list[tuple[int, int, int]]
    spent: int = 0
    total: int = 0


class PolyStep(AskTell[PolyStepState]):
    """Probe the corners of small polytopes about theta and move to the mean of these, weighted by their losses.

    Each step draws a subspace: random orthonormal directions of each weight matrix, and all coordinates of what is no
    larger, such as biases. It is cut into particles of `particle` coordinates. About each lies a simplex, turned at
    random, and each corner is scored with all other particles where they are. A particle moves to the mean of its
    corners, weighted by softmax(-loss / temperature), with losses in units of the mean difference to the best of all.
    Corners are probed at `reach` of the step's length. Lengths and temperature fall by a cosine to the share `final`
    over what the budget allows; without such a limit they stay. theta, which is recommended, is never scored itself. A
    step, which is an iteration, costs about `population` forwards. It assumes no more of the loss than
    that it differs at a finite distance. Source: Le 2026, arXiv:2605.01928; there a subspace is kept, here it is drawn
    in every step.
    """

    name: ClassVar[str] = "polystep"
    tags: ClassVar[frozenset[str]] = frozenset({"evolution", "subspace"})
    batches: ClassVar[bool] = True
    sigma: float | None = settings.sigma(
        "length from a particle to a corner at first, in theta's units; 10 % of the box's width if not given"
    )
    reach: float = Field(
        0.5, gt=0, allow_inf_nan=False, description="distance of the probes, as a share of sigma"
    )
    temperature: float = Field(0.1, gt=0, allow_inf_nan=False, description="of the weights at first")
    final: float = Field(0.1, gt=0, le=1, description="share of the lengths and the temperature at the end")
    population: int = Field(
        36, ge=2, description="candidates of a step, about; more where there are more tensors"
    )
    particle: int = Field(8, ge=1, description="most coordinates of a particle")

    @property
    def size(self) -> int:
        """Coordinates of the subspace."""
        return max(1, self.population * self.particle // (self.particle + 1))

    def supports(self, objective: Objective) -> str | None:
        size = (self.population + len(objective.space.tensors)) * objective.D * objective.dtype.itemsize
        if size <= LARGEST:
            return None
        return (
            f"{self.population} directions of {objective.D:,} parameters take {size / 2**30:.1f} GiB, and 1 GiB is the"
            " most; openai-es and eggroll keep none"
        )

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> PolyStepState:
        left = objective.left
        return PolyStepState(
            theta=theta,
            rng=rng,
            sigma=one_deviation(objective, self.sigma, SHARE),
            blocks=shared_out([(t.start, t.stop - t.start) for t in objective.space], self.size),
            total=objective.room() if min(left.forwards, left.evaluations) < math.inf else 0,
        )

    def ask(self, state: PolyStepState) -> Subspace:
        groups, width = self._particles(state)
        basis = draw_basis(state.theta, state.blocks, groups * width, state.rng)
        groups = max(1, min(groups, state.room // (width + 1)))
        parts = basis[: groups * width].view(groups, width, -1)
        corners = turned_simplices(state.theta, groups, width, state.rng) @ parts
        return Subspace(state.theta, corners.flatten(0, 1), self._shrunk(state) * state.sigma * self.reach)

    def tell(self, state: PolyStepState, candidates: Any, losses: Tensor) -> None:
        shrunk = self._shrunk(state)
        _, width = self._particles(state)
        weights = corner_weights(losses.view(-1, width + 1), shrunk * self.temperature).flatten()
        move = candidates.directions.T @ weights.to(state.theta)
        state.theta = torch.add(state.theta, move, alpha=shrunk * state.sigma)
        state.spent += len(losses)
        state.iteration += 1

    def _particles(self, state: PolyStepState) -> tuple[int, int]:
        """Number of particles, and coordinates of each."""
        size = sum(count for *_, count in state.blocks)
        groups = -(-size // self.particle)
        return groups, -(-size // groups)

    def _shrunk(self, state: PolyStepState) -> float:
        """Share of the first lengths and temperature that is left."""
        if not state.total:
            return 1.0
        way = min(1.0, state.spent / state.total)
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * way)) / 2


def shared_out(places: list[tuple[int, int]], size: int) -> list[tuple[int, int, int]]:
    """Place, size and number of directions of each tensor: the smallest first, so that biases keep all of theirs.

    Each gets an equal part of what the smaller ones left, one at least, and no more than it has coordinates.
    """
    left, blocks = size, []
    for number, (start, length) in enumerate(sorted(places, key=lambda place: place[1])):
        count = min(length, max(1, left // (len(places) - number)))
        blocks.append((start, length, count))
        left -= count
    return blocks


def draw_basis(theta: Tensor, blocks: list[tuple[int, int, int]], rows: int, rng: Generator) -> Tensor:
    """Orthonormal directions, `[rows, D]`: of each tensor as many as it has; those that are left over are 0."""
    basis, first = theta.new_zeros(rows, len(theta)), 0
    for start, length, count in blocks:
        if count == length:
            own = torch.eye(length, dtype=theta.dtype, device=theta.device)
        else:
            own = torch.linalg.qr(theta.new_empty(length, count).normal_(generator=rng)).Q.T
        basis[first : first + count, start : start + length] = own
        first += count
    return basis


def turned_simplices(theta: Tensor, groups: int, width: int, rng: Generator) -> Tensor:
    """Corners of regular simplices about 0 at distance 1, each turned at random, `[groups, width + 1, width]`."""
    noise = theta.new_empty(groups, width, width).normal_(generator=rng)
    turns, upper = torch.linalg.qr(noise)
    # Without these signs not all turns would be equally likely.
    turned: Tensor = turns * upper.diagonal(dim1=1, dim2=2).sign()[:, None]
    return simplex(width).to(theta) @ turned.mT


def simplex(width: int) -> Tensor:
    """Corners of a regular simplex about 0 at distance 1, `[width + 1, width]`, in float64."""
    root = math.sqrt(width + 1)
    corners = math.sqrt(1 + 1 / width) * torch.eye(width, dtype=torch.float64, device="cpu")
    last = torch.full((1, width), 1 / math.sqrt(width), dtype=torch.float64, device="cpu")
    return torch.cat([corners - (root + 1) / width**1.5, last])


def corner_weights(losses: Tensor, temperature: float) -> Tensor:
    """Weights of each particle's corners, `[groups, corners]`, adding up to 1; none where no loss is finite."""
    known = losses.isfinite()
    if not known.any():
        return torch.zeros_like(losses)
    above = losses - losses[known].min()
    mean = above[known].mean()
    costs = torch.where(known, above / torch.where(mean > 0, mean, 1.0), torch.inf)
    lowest = costs.min(1, keepdim=True).values
    weights = torch.softmax((torch.where(lowest.isfinite(), lowest, 0.0) - costs) / temperature, 1)
    return torch.where(lowest.isfinite(), weights, 0.0)
