"""A network of leaky integrate-and-fire neurons, step by step: what it does in one step, and as a module."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

# Florian 2007, section 4.1, in mV above the resting potential and in steps of 1 ms.
THRESHOLD, LEAK, STRONGEST = 16.0, math.exp(-1 / 20), 5.0


def charged(potential: Tensor, weight: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
    """Potentials `[..., units]` and spikes a step later, from who spiked before them, `[..., inputs]`.

    The potential leaks by a twentieth a step, each spike adds its weight, and from the threshold on a neuron spikes and
    starts from rest again.
    """
    potential = torch.addmm(LEAK * potential, before, weight.T)
    spikes = (potential >= THRESHOLD).to(potential)
    return potential * (1 - spikes), spikes


class SpikingNetwork(nn.Module):
    """Layers of leaky integrate-and-fire neurons without biases, each of which passes its spikes on a step later.

    Of the inputs every second one is inhibitory: its weights begin between -5 and 0, all others between 0 and 5, in mV.

    :param sizes: neurons of each layer, the inputs first.
    :param full: spikes a step that count as an output of 1; 0.2 are 200 Hz, with steps of 1 ms.

    Source: Florian 2007, doi 10.1162/neco.2007.19.6.1468, sections 4.1 and 4.2.
    """

    def __init__(self, *sizes: int, full: float = 0.2) -> None:
        super().__init__()
        self.full = full
        layers = [nn.Linear(before, after, bias=False) for before, after in pairwise(sizes)]
        with torch.no_grad():
            for layer in layers:
                layer.weight.uniform_(0, STRONGEST)
            layers[0].weight[:, 1::2].neg_()
        self.layers = nn.ModuleList(layers)

    def forward(self, trains: Tensor) -> Tensor:
        """From spikes of the inputs, 0 or 1 `[N, steps, inputs]`, to the outputs' rates, `[N, outputs]`."""
        weights = [layer.weight for layer in self.layers if isinstance(layer, nn.Linear)]
        potentials = [trains.new_zeros(len(trains), len(weight)) for weight in weights]
        spikes = [torch.zeros_like(potential) for potential in potentials]
        total = spikes[-1]
        for now in trains.unbind(1):
            before = [now, *spikes[:-1]]
            found = [charged(*each) for each in zip(potentials, weights, before, strict=True)]
            potentials, spikes = [each for each, _ in found], [each for _, each in found]
            total = total + spikes[-1]
        return total / (trains.shape[1] * self.full)


def rate_coded_xor(draws: int, steps: int = 500, neurons: int = 30, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Exclusive or in rates: spike trains `[4 draws, steps, 2 neurons]`, and whether one bit of two is set, `[.., 1]`.

    A bit is a group of neurons that spike at 40 Hz, at random, if it is set, and are silent if it is not.

    :param draws: of each of the four pairs of bits.
    :param steps: of 1 ms.
    :param neurons: of a group; the groups alternate in pairs, so that half of each is inhibitory.
    """
    rng = torch.Generator().manual_seed(seed)
    bits = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]]).repeat(draws, 1)
    groups = torch.arange(2 * neurons) // 2 % 2
    random = torch.rand(len(bits), steps, 2 * neurons, generator=rng)
    trains = (random < 0.04 * bits[:, groups][:, None]).float()
    return trains, bits.sum(1, keepdim=True).eq(1).float()
