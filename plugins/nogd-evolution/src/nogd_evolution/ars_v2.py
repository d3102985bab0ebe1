"""Augmented random search in coordinates that are normalised by what the candidates have observed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Generator, Tensor, nn

from nogd import Learner, Objective, Population, State
from nogd_evolution.ars_steps import RATE, Directions, stepped
from nogd_evolution.estimates import Mirrored, draw, one_deviation, pairs_within

# A deviation below is that of a number that never changes; it is left out, as in the authors' code.
LEAST = 1e-7


@dataclass(kw_only=True)
class ArsV2State(State):
    """inner: the middle in normalised coordinates, `[D]`. count, mean, variance: of all inputs so far, by feature.

    weight, bias: where the first layer lies in theta, (start, stop). sigma: deviation of the noise. lr: the step size
    where none is given.
    """

    rng: Generator
    inner: Tensor
    weight: tuple[int, int]
    bias: tuple[int, int]
    sigma: float
    lr: float
    count: int = 0
    mean: Tensor
    variance: Tensor


class ArsV2(Directions, Learner[ArsV2State]):
    """ARS with inputs normalised by the mean and deviation of all that the candidates have observed (ARS V2, V2-t).

    As `ars`, but its directions are in the weights of a network that gets (x - mean) / deviation in place of x. The
    normalisation is part of the first layer, a linear one with a bias, into which it is written: weights are divided by
    the deviations, and the bias makes up for the mean. So the network is as it was, and what is recommended needs
    nothing beside it. Mean and deviation are those of all observations in scored episodes since the start; they stay as
    they are while a step's candidates act, and change after it. An input that never changes is left out. Of data in
    memory they are those of the data, which changes nothing where these are standardised. A step, which is an
    iteration, costs `population` forwards, and fewer where the budget ends; its access is "closed-form", as it looks at
    inputs. Source: Mania, Guy and Recht 2018, arXiv:1803.07055.
    """

    name: ClassVar[str] = "ars-v2"
    needs: ClassVar[frozenset[str]] = frozenset({"observations"})
    tags: ClassVar[frozenset[str]] = frozenset({"evolution", "zeroth-order"})

    def supports(self, objective: Objective) -> str | None:
        first = objective.layers[0]
        if isinstance(first.module, nn.Linear) and first.weight and first.bias:
            return None
        return "ars-v2 writes into a first layer that is linear, has a bias, and is searched; take ars"

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> ArsV2State:
        first = objective.layers[0]
        assert first.weight is not None, "it is not supported"
        assert first.bias is not None, "it is not supported"
        sigma = one_deviation(objective, self.sigma)
        features = (first.weight.stop - first.weight.start) // (first.bias.stop - first.bias.start)
        return ArsV2State(
            theta=theta,
            rng=rng,
            inner=theta.clone(),
            weight=(first.weight.start, first.weight.stop),
            bias=(first.bias.start, first.bias.stop),
            sigma=sigma,
            lr=RATE * sigma,
            mean=theta.new_zeros(features, dtype=torch.float64),
            variance=theta.new_ones(features, dtype=torch.float64),
        )

    def step(self, objective: Objective, state: ArsV2State) -> None:
        noise = draw(state.inner, pairs_within(self.population, objective.room()), state.rng)
        candidates = Mirrored(state.inner, noise, state.sigma).dense()
        with objective.watching() as seen:
            losses = objective.losses(Population(_written(candidates, state)))
        lr = state.lr if self.lr is None else self.lr
        state.inner = stepped(state.inner, noise, losses, self.top, lr)
        if state.count:
            seen.merge(type(seen)(state.count, state.mean, state.variance))
        if seen.count:
            state.count, state.mean, state.variance = seen.count, seen.mean, seen.variance
        state.theta = _written(state.inner[None].clone(), state)[0]
        state.iteration += 1


def _written(thetas: Tensor, state: ArsV2State) -> Tensor:
    """Networks for inputs as they are, `[P, D]`, of networks for normalised ones, in their place."""
    deviation = state.variance.sqrt()
    scale = torch.where(deviation > LEAST, 1 / deviation, 0.0).to(thetas)
    weights = thetas[:, slice(*state.weight)].view(len(thetas), -1, len(scale))
    weights *= scale
    thetas[:, slice(*state.bias)] -= weights @ state.mean.to(thetas)
    return thetas
