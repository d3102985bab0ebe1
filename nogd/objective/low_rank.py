"""Candidates that differ from theta by a matrix of low rank in each weight matrix: thin products, not wide ones."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from nogd.errors import InvalidSetting
from nogd.objective.losses import Loss
from nogd.objective.space import ParameterSpace
from nogd.objective.stack import CHUNK_ELEMENTS, Layer, Stack


@dataclass(frozen=True, eq=False)
class LowRank:
    """theta `[D]` plus, in each tensor of the parameter space, `scale * left @ right.T`.

    left, right: one entry for each tensor, in the space's order. A matrix `[out, in]` (a convolution's weight counts
    as `[out, everything else]`) takes left `[P, out, r]` and right `[P, in, r]`; a vector, such as a bias, takes left
    `[P, n]` and right None, and moves by `scale * left`. Source: Sarkar et al., arXiv:2511.16652.
    """

    theta: Tensor
    left: tuple[Tensor, ...]
    right: tuple[Tensor | None, ...]
    scale: float

    def __post_init__(self) -> None:
        sizes = [_size(left, right) for left, right in zip(self.left, self.right, strict=True)]
        if sum(sizes) != len(self.theta) or len({len(left) for left in self.left}) > 1:
            raise InvalidSetting(
                f"the factors of LowRank make up {sum(sizes)} parameters of"
                f" {sorted({len(left) for left in self.left})} candidates; theta has {len(self.theta)}."
            )

    @classmethod
    def draw(
        cls, space: ParameterSpace, theta: Tensor, count: int, sigma: float, rng: Generator, rank: int = 1
    ) -> LowRank:
        """`count` candidates whose factors are standard normal; each parameter then moves by a deviation of `sigma`."""
        left: list[Tensor] = []
        right: list[Tensor | None] = []

        def normal(*shape: int) -> Tensor:
            return theta.new_empty(count, *shape).normal_(generator=rng)

        for tensor in space:
            size = tensor.stop - tensor.start
            if len(tensor.shape) > 1:
                left.append(normal(tensor.shape[0], rank))
                right.append(normal(size // tensor.shape[0], rank))
            else:  # of the same deviation as a matrix, the product of whose factors has sqrt(rank)
                left.append(normal(size) * math.sqrt(rank))
                right.append(None)
        return cls(theta, tuple(left), tuple(right), sigma / math.sqrt(rank))

    def __len__(self) -> int:
        return len(self.left[0])

    @property
    def dimension(self) -> int:
        """D."""
        return len(self.theta)

    def dense(self) -> Tensor:
        return self.theta + self.scale * torch.cat([m.flatten(1) for m in self._moves()], dim=1)

    def at(self, k: int) -> Tensor:
        """Candidate k, `[D]`."""
        return self.part(k, k + 1).dense()[0]

    def part(self, start: int, stop: int) -> LowRank:
        """Candidates start to stop."""
        right = tuple(None if r is None else r[start:stop] for r in self.right)
        return LowRank(self.theta, tuple(left[start:stop] for left in self.left), right, self.scale)

    def combine(self, weights: Tensor, out: Tensor) -> None:
        """Add the weighted sum of the candidates' moves (without `scale`) to `out` `[D]`, in place. weights: `[P]`.

        One product for each tensor; never a `[P, D]` tensor.
        """
        if len(weights) != len(self):
            raise InvalidSetting(
                f"there are {len(self)} candidates but {len(weights)} weights; one for each, please."
            )
        start = 0
        for left, right in zip(self.left, self.right, strict=True):
            size = _size(left, right)
            place = out[start : start + size]
            if right is None:
                place.addmv_(left.T, weights.to(left.dtype))
            else:
                weighted = (left * weights[:, None, None]).permute(1, 0, 2).reshape(left.shape[1], -1)
                place.view(left.shape[1], -1).addmm_(
                    weighted, right.permute(0, 2, 1).reshape(-1, right.shape[1])
                )
            start += size

    def _moves(self) -> Iterator[Tensor]:
        for left, right in zip(self.left, self.right, strict=True):
            yield left if right is None else left @ right.transpose(1, 2)


def _size(left: Tensor, right: Tensor | None) -> int:
    return left.shape[1] if right is None else left.shape[1] * right.shape[1]


def low_rank_losses(
    stack: Stack, candidates: LowRank, inputs: Tensor, targets: Tensor, loss: Loss, tensors: dict[str, int]
) -> Tensor:
    """Losses `[P]`: one product with the base weights for all and thin ones for each, in chunks that fit the cache.

    inputs `[features, N]`, targets features first. tensors: place of each tensor's factors, by its name.
    """
    assert loss.batched is not None
    widest = max(layer.outputs for layer in stack.layers) * inputs.shape[1]
    chunk = max(1, CHUNK_ELEMENTS // max(1, widest))
    base = _base(stack.layers[0], candidates.theta, inputs)
    parts = (candidates.part(start, start + chunk) for start in range(0, len(candidates), chunk))
    return torch.cat([loss.batched(_forward(stack, part, inputs, base, tensors), targets) for part in parts])


def _forward(stack: Stack, part: LowRank, inputs: Tensor, base: Tensor, tensors: dict[str, int]) -> Tensor:
    first, *rest = stack.layers
    left, right = _factors(part, first, tensors)
    count, _, rank = right.shape
    thin = (right.transpose(1, 2).reshape(count * rank, -1) @ inputs).view(count, rank, -1)
    a = _finish(first, part, tensors, torch.baddbmm(base.expand(count, -1, -1), left, thin, alpha=part.scale))
    for layer in rest:
        left, right = _factors(part, layer, tensors)
        z = torch.matmul(layer.weights(part.theta), a)
        if layer.bias is not None:
            z += part.theta[layer.bias.start : layer.bias.stop, None]
        z.baddbmm_(left, right.transpose(1, 2) @ a, alpha=part.scale)
        a = _finish(layer, part, tensors, z)
    return a


def _base(layer: Layer, theta: Tensor, inputs: Tensor) -> Tensor:
    z = layer.weights(theta) @ inputs
    return z if layer.bias is None else z.add_(theta[layer.bias.start : layer.bias.stop, None])


def _finish(layer: Layer, part: LowRank, tensors: dict[str, int], z: Tensor) -> Tensor:
    if layer.bias is not None:
        z += part.scale * part.left[tensors[layer.bias.name]][:, :, None]
    return layer.activate(z)


def _factors(part: LowRank, layer: Layer, tensors: dict[str, int]) -> tuple[Tensor, Tensor]:
    place = tensors[layer.weight.name]
    right = part.right[place]
    assert right is not None
    return part.left[place], right
