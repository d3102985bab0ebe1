"""Zeroth-order descent in the memory of inference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Generator, Tensor

from nogd import Objective, Perturbed
from nogd_zeroth_order import settings
from nogd_zeroth_order.draws import draw_seeds
from nogd_zeroth_order.stepping import Look, SteppingState
from nogd_zeroth_order.two_sided import TwoSided, mean_of


@dataclass(kw_only=True)
class MezoState(SteppingState):
    """seeds, weights: of the directions that the latest step was made of, so that it can be taken back."""

    seeds: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()


@final
class Mezo(TwoSided[MezoState]):
    """Descend along random directions that are kept as seeds, in no more memory than scoring takes (MeZO).

    A direction is made anew from its seed where a candidate is scored, and again where theta moves, block by block:
    there is no second theta, no gradient and no stored noise. Theta itself is never perturbed, so that nothing is lost
    on the way back. Where the engine has no path of its own for seeds (networks up to 65,536 parameters, and modules
    that it calls as they are) one candidate is written out. A step, which is an iteration, costs `population` forwards,
    the first one 16. Source: Malladi et al. 2023, arXiv:2305.17333, which takes 1e-3 for `sigma`, a grid of rates
    about 1e-6 and some 1e5 steps to fine-tune language models; `lr` takes such a rate.
    """

    name: ClassVar[str] = "mezo"
    population: int = settings.pairs(2)

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> MezoState:
        return MezoState(theta=theta, rng=rng)

    def probes(self, objective: Objective, state: MezoState, pairs: int) -> Perturbed:
        return Perturbed(state.theta, draw_seeds(state.rng, pairs), self.sigma, antithetic=True)

    def move(self, state: MezoState, found: Look) -> None:
        weights = mean_of(found, -state.rate)
        found.probes.combine(weights, out=state.theta)
        assert isinstance(found.probes, Perturbed)
        state.seeds = found.probes.seeds
        state.weights = tuple((2 * weights.chunk(2)[0]).tolist())

    def remember(self, state: MezoState) -> None:
        """Seeds and weights of the step are enough."""

    def retreat(self, state: MezoState) -> bool:
        if not state.seeds:
            return False
        back = -torch.tensor(state.weights, dtype=torch.float64, device="cpu")
        Perturbed(state.theta, state.seeds, self.sigma).combine(back, out=state.theta)
        state.seeds = state.weights = ()
        return True
