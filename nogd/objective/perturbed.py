"""Candidates theta + sigma * noise(seed): the noise is made anew wherever it is needed, and never stored."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nogd.errors import InvalidSetting
from nogd.objective.losses import Loss
from nogd.objective.noise import blocks, noise
from nogd.objective.stack import Layer, Stack

# Elements of a weight matrix that are perturbed at a time: large enough for a fast product, small beside a network.
_PIECE = 1 << 20


@dataclass(frozen=True, eq=False)
class Perturbed:
    """theta `[D]` plus sigma times the standard normal noise of each seed.

    seeds: whole numbers, K of them. antithetic: each noise is also subtracted; the candidates are then first all sums,
    then all differences, 2 K in all. theta is only read. Source of the memory-free form: Malladi et al.,
    arXiv:2305.17333; of the mirrored pairs: Salimans et al., arXiv:1703.03864.
    """

    theta: Tensor
    seeds: tuple[int, ...]
    sigma: float
    antithetic: bool = False

    def __post_init__(self) -> None:
        if self.theta.ndim != 1:
            raise InvalidSetting(
                f"Perturbed takes theta [D], but this one has shape {list(self.theta.shape)}."
            )
        object.__setattr__(self, "seeds", tuple(int(seed) for seed in self.seeds))

    def __len__(self) -> int:
        return len(self.seeds) * (2 if self.antithetic else 1)

    @property
    def dimension(self) -> int:
        """D."""
        return len(self.theta)

    def dense(self) -> Tensor:
        if not self.seeds:
            return self.theta.new_empty(0, len(self.theta))
        return torch.stack([self.at(k) for k in range(len(self))])

    def at(self, k: int) -> Tensor:
        """Candidate k, `[D]`."""
        seed, scale = self.moves()[k]
        return self.theta + scale * noise(seed, 0, len(self.theta), self.theta)

    def moves(self) -> list[tuple[int, float]]:
        """Of each candidate the seed of its noise and the factor before it."""
        sums = [(seed, self.sigma) for seed in self.seeds]
        return sums + [(seed, -self.sigma) for seed in self.seeds] if self.antithetic else sums

    def combine(self, weights: Tensor, out: Tensor) -> None:
        """Add the weighted sum of the candidates' noises to `out` `[D]`, in place; of a difference's noise, minus.

        weights: `[P]`. Needs the memory of one block of noise.
        """
        if len(weights) != len(self):
            raise InvalidSetting(
                f"there are {len(self)} candidates but {len(weights)} weights; one for each, please."
            )
        factors = weights.tolist()
        if self.antithetic:
            half = len(self.seeds)
            factors = [plus - minus for plus, minus in zip(factors[:half], factors[half:], strict=True)]
        for start, stop in blocks(len(out)):
            for seed, factor in zip(self.seeds, factors, strict=True):
                if factor:
                    out[start:stop].add_(noise(seed, start, stop, self.theta), alpha=factor)


def perturbed_losses(
    stack: Stack, candidates: Perturbed, inputs: Tensor, targets: Tensor, loss: Loss
) -> Tensor:
    """Losses `[P]` of perturbed stacks, one after the other, in the memory of a plain forward pass.

    inputs `[features, N]`, targets features first.
    """
    assert loss.batched is not None
    losses = [
        loss.batched(_forward(stack, candidates.theta, seed, scale, inputs)[None], targets)
        for seed, scale in candidates.moves()
    ]
    return torch.cat(losses)


def _forward(stack: Stack, theta: Tensor, seed: int, scale: float, inputs: Tensor) -> Tensor:
    a = inputs
    for layer in stack.layers:
        z = a.new_empty(layer.outputs, a.shape[1])
        units = max(1, _PIECE // layer.inputs)
        for unit in range(0, layer.outputs, units):
            rows = z[unit : unit + units]
            torch.mm(_weights(layer, theta, seed, scale, unit, len(rows)), a, out=rows)
        if layer.bias is not None:
            z += _moved(theta, seed, scale, layer.bias.start, layer.bias.stop)[:, None]
        a = layer.activate(z)
    return a


def _weights(layer: Layer, theta: Tensor, seed: int, scale: float, unit: int, count: int) -> Tensor:
    start = layer.weight.start + unit * layer.inputs
    return _moved(theta, seed, scale, start, start + count * layer.inputs).view(count, layer.inputs)


def _moved(theta: Tensor, seed: int, scale: float, start: int, stop: int) -> Tensor:
    return noise(seed, start, stop, theta).mul_(scale).add_(theta[start:stop])
