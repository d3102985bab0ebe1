"""Evolution strategy on a lattice of weights, which carries over what rounding takes away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd import BatchState, Learner, Objective, Population, batch_size, next_rows, used_rows
from nogd_zeroth_order import settings
from nogd_zeroth_order.draws import draw_normal
from nogd_zeroth_order.losses import any_finite, finite

# Of the authors' code: how far a standardised loss, and what is carried over, may go.
FURTHEST_LOSS, FURTHEST_REST = 3.0, 1.5


@dataclass(kw_only=True)
class QesState(BatchState):
    """codes: theta in units of the lattice, whole numbers from low to high; spacing: those units; all `[D]`.

    rest: what rounding has taken from the moves so far, in the same units. before: codes before the latest move.
    """

    codes: Tensor
    low: Tensor
    high: Tensor
    spacing: Tensor
    rest: Tensor
    before: Tensor


@final
class Qes(Learner[QesState]):
    """Evolve weights that are whole multiples of `spacing`; what rounding takes from a move is added to the next one.

    For networks whose weights are rounded. nogd does not tell how, so that the lattice is a setting: multiples of
    `spacing` within the search box, of `bias_spacing` for vectors. Candidates differ from theta by normal noise that is
    rounded up or down at random, in mirrored pairs, where that stays in the box. Theta moves by `lr` times the mean of
    noise times standardised loss, divided by `sigma`, plus `decay` of the rest so far, all rounded: without the rest
    every move of less than half a unit would be lost. A step, which is an iteration, costs `population` forwards.
    Source: Xu et al. 2026, arXiv:2602.03120; `decay`, the limits of losses and rests, and rests that start spread
    between -0.5 and 0.5 are those of the authors' code.
    """

    name: ClassVar[str] = "qes"
    tags: ClassVar[frozenset[str]] = frozenset({"zeroth-order"})
    batches: ClassVar[bool] = True
    sigma: float = Field(
        0.1,
        gt=0,
        allow_inf_nan=False,
        description="standard deviation of the noise before it is rounded, in units of the lattice",
    )
    population: int = settings.pairs(16)
    spacing: float = Field(
        1.0, gt=0, allow_inf_nan=False, description="distance between two values of a weight"
    )
    bias_spacing: float = Field(
        0.1, gt=0, allow_inf_nan=False, description="distance between two values of a bias, or of any vector"
    )
    lr: float = Field(0.3, gt=0, allow_inf_nan=False, description="learning rate, in units of the lattice")
    decay: float = Field(0.9, ge=0, le=1, description="share of the rest that is carried over")
    rows: int | None = Field(None, ge=1, description="examples of a mini-batch; all if not given")

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> QesState:
        spacing = torch.empty_like(theta)
        for t in objective.space:
            spacing[t.start : t.stop] = self.spacing if len(t.shape) > 1 else self.bias_spacing
        low = (objective.space.low / spacing).ceil()
        high = torch.maximum(low, (objective.space.high / spacing).floor())
        codes = (theta / spacing).round().clamp(low, high)
        rest = torch.empty_like(theta).uniform_(-0.5, 0.5, generator=rng)
        return QesState(
            theta=theta, rng=rng, codes=codes, low=low, high=high, spacing=spacing, rest=rest, before=codes
        )

    def step(self, objective: Objective, state: QesState) -> None:
        size = batch_size(objective, self.rows)
        rows = next_rows(objective, state, size)
        pairs = max(1, min(self.population, objective.room(rows)) // 2)
        noise = self._noise(state, pairs)
        losses = objective.losses(Population((state.codes + noise) * state.spacing), rows)
        used_rows(objective, state, size)
        if any_finite(losses):
            self._move(state, -(standardised(losses).to(noise) @ noise) / (len(noise) * self.sigma))
        else:
            state.codes = state.before
        state.theta.copy_(state.codes * state.spacing)
        state.iteration += 1

    def _noise(self, state: QesState, pairs: int) -> Tensor:
        """Whole numbers in mirrored pairs, 0 where they would lead out of the box, `[2 pairs, D]`."""
        noise = draw_normal(state.rng, pairs, state.codes).mul_(self.sigma)
        up = torch.rand(noise.shape, generator=state.rng, dtype=noise.dtype, device=noise.device)
        whole = noise.floor() + (up < noise - noise.floor())
        both = torch.cat([whole, -whole])
        reached = state.codes + both
        return both.masked_fill_((reached < state.low) | (reached > state.high), 0.0)

    def _move(self, state: QesState, ascent: Tensor) -> None:
        wanted = self.lr * ascent + self.decay * state.rest
        codes = state.codes + wanted.round()
        codes = torch.where((codes < state.low) | (codes > state.high), state.codes, codes)
        state.rest = (wanted - (codes - state.codes)).clamp_(-FURTHEST_REST, FURTHEST_REST)
        state.before, state.codes = state.codes, codes


def standardised(losses: Tensor) -> Tensor:
    """Losses with mean 0 and standard deviation 1, cut off at 3; those that are not finite count as the worst that is.

    0 where all are equal.
    """
    losses = finite(losses)
    spread = losses.std(unbiased=False)
    if not float(spread):
        return torch.zeros_like(losses)
    return ((losses - losses.mean()) / spread).clamp_(-FURTHEST_LOSS, FURTHEST_LOSS)
