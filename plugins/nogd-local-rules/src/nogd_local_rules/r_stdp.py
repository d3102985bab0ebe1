"""Reward-modulated spike-timing-dependent plasticity: synapses remember which spikes met, and a reward decides."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd import BatchState, Learner, Objective, next_rows, used_rows
from nogd.errors import InvalidSetting
from nogd_local_rules.spiking import SpikingNetwork, charged

# How the traces of spikes fade in a step of 1 ms: Florian 2007, section 4.1.
FADE = math.exp(-1 / 20)
# Of a forward: two products of spikes and traces for each weight, beside the one that moves the potentials.
COST = 3


@dataclass(kw_only=True)
class RStdpState(BatchState):
    """Of each layer: weights, potentials `[1, units]`, spikes, traces of what came in and went out, eligibility.

    low, high: between which each weight stays. gamma: the rate in use.
    """

    gamma: float
    low: list[Tensor]
    high: list[Tensor]
    potentials: list[Tensor]
    spikes: list[Tensor]
    pre: list[Tensor]
    post: list[Tensor]
    eligible: list[Tensor]


class RStdp(Learner[RStdpState]):
    """Strengthen synapses whose spikes caused rewarded spikes, in a network of integrate-and-fire neurons (MSTDPET).

    A synapse is eligible for growth by each spike that came in before its neuron spiked, and for decline by each that
    came after; both fade with 20 steps, the eligibility itself with `memory` (0: the last step alone, MSTDP). In each
    step all weights move by `lr` times reward times eligibility. Each spike of an output whose target is above a half
    is worth 1, each other -1: nothing is known but that sum, and no error is sent anywhere. Weights keep their sign and
    stay within the box. Neurons, traces and eligibility go on from one example to the next. It needs a
    `SpikingNetwork` of this package, with spike trains in memory. A step is one example and costs 3 / N forwards, an
    iteration is a pass over all; its access is "closed-form", as it plays the data to the network itself. Source:
    Florian 2007, doi 10.1162/neco.2007.19.6.1468, sections 3.2 and 4.
    """

    name: ClassVar[str] = "r-stdp"
    uses: ClassVar[frozenset[str]] = frozenset({"closed-form"})
    tags: ClassVar[frozenset[str]] = frozenset({"local-rule", "spiking"})
    memory: float = Field(
        25.0, ge=0, allow_inf_nan=False, description="steps in which the eligibility fades; 0 for none"
    )
    lr: float | None = Field(
        None,
        gt=0,
        allow_inf_nan=False,
        description="mV for a reward of 1; 0.625 with a memory and 0.1 without, if not given",
    )

    def supports(self, objective: Objective) -> str | None:
        if not isinstance(objective.module, SpikingNetwork):
            return "r-stdp learns spikes: it needs a SpikingNetwork of nogd-local-rules"
        try:
            objective.batch(torch.zeros(1, dtype=torch.long))
        except InvalidSetting:
            return "r-stdp needs data, and a black box has none"
        return None

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> RStdpState:
        weights = _weights(objective, theta)
        low, high = (objective.space.split(each) for each in (objective.space.low, objective.space.high))
        inhibits = [weight < 0 for weight in weights]
        units = [theta.new_zeros(1, len(weight)) for weight in weights]
        inputs = [theta.new_zeros(1, weight.shape[1]) for weight in weights]
        return RStdpState(
            theta=theta,
            rng=rng,
            gamma=self.lr or (0.625 if self.memory else 0.1),
            low=[each.where(no, 0.0).clamp(max=0) for each, no in zip(low.values(), inhibits, strict=True)],
            high=[
                each.where(~no, 0.0).clamp(min=0) for each, no in zip(high.values(), inhibits, strict=True)
            ],
            potentials=units,
            spikes=[each.clone() for each in units],
            pre=inputs,
            post=[each.clone() for each in units],
            eligible=[torch.zeros_like(weight) for weight in weights],
        )

    def step(self, objective: Objective, state: RStdpState) -> None:
        rows = next_rows(objective, state, 1)
        with objective.work(COST, rows):
            trains, targets = objective.batch(rows)
            assert isinstance(trains, Tensor)  # a SpikingNetwork takes one input
            worth = 2 * _wanted(targets, state.potentials[-1].shape[1]).to(state.theta) - 1
            weights = _weights(objective, state.theta)
            for now in trains[0].to(state.theta):
                self._live(state, weights, now[None], worth)
        state.iteration += used_rows(objective, state, 1)

    def _live(self, state: RStdpState, weights: list[Tensor], now: Tensor, worth: Tensor) -> None:
        """One step: spikes meet, the reward for those of the outputs comes, and all potentials move."""
        came = [now, *state.spikes[:-1]]
        reward = float((state.spikes[-1] * worth).sum())
        for k, weight in enumerate(weights):
            state.pre[k].mul_(FADE).add_(came[k])
            state.post[k].mul_(FADE).sub_(state.spikes[k])
            self._remember(state, k, came[k])
            if reward:
                weight.add_(state.eligible[k], alpha=state.gamma * reward)
                weight.clamp_(state.low[k], state.high[k])
        moved = [charged(*each) for each in zip(state.potentials, weights, came, strict=True)]
        state.potentials, state.spikes = [each for each, _ in moved], [each for _, each in moved]

    def _remember(self, state: RStdpState, k: int, came: Tensor) -> None:
        """Make a layer's synapses eligible by what meets now."""
        share = 1 / self.memory if self.memory else 1.0
        fade = math.exp(-share) if self.memory else 0.0
        state.eligible[k].mul_(fade)
        state.eligible[k].addmm_(state.spikes[k].T, state.pre[k], alpha=share)
        state.eligible[k].addmm_(state.post[k].T, came, alpha=share)


def _weights(objective: Objective, theta: Tensor) -> list[Tensor]:
    """The layers' weights, as views of theta."""
    return list(objective.space.split(theta).values())


def _wanted(targets: Tensor, outputs: int) -> Tensor:
    """Which outputs are to spike for the one example, `[1, outputs]`."""
    if targets.is_floating_point() or outputs == 1:
        return (targets.reshape(1, outputs) > 0.5).float()
    return torch.nn.functional.one_hot(targets.reshape(1), outputs).float()
