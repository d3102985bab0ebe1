"""Candidates that differ from theta by a matrix of low rank in each weight matrix: thin products, not wide ones."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from nogd.engine.candidates.sets import weights_of
from nogd.engine.layers.chunks import chunk_elements, chunk_size
from nogd.engine.layers.stack import Layer, Stack
from nogd.engine.losses import Loss
from nogd.engine.space import ParameterSpace, Tensors
from nogd.errors import InvalidSetting

# Up to this rank the thin products are added column by column: a product of so few terms takes longer than all the
# passes over its result (rank 2: 190 against 50 microseconds for 256 x 1,024 numbers).
_BY_COLUMNS = 4
_VECTORS, _MATRICES = 2, 3  # axes of a factor


@dataclass(frozen=True, eq=False)
class LowRank:
    """theta plus, in each tensor of the parameter space, `scale * left @ right.T`.

    A matrix `[out, in]` (a convolution's weight counts as `[out, everything else]`) takes left `[P, out, r]` and right
    `[P, in, r]`. A vector, such as a bias, takes left `[P, n]` and right None, and moves by `scale * left`. Source:
    Sarkar et al., arXiv:2511.16652.

    :param theta: `[D]`.
    :param left: one factor per tensor, in the space's order.
    :param right: one factor per tensor, or None.
    :param scale: factor of all moves.
    """

    theta: Tensor
    left: tuple[Tensor, ...]
    right: tuple[Tensor | None, ...]
    scale: float

    def __post_init__(self) -> None:
        if self.theta.ndim != 1 or not self.left or len(self.left) != len(self.right):
            raise InvalidSetting(
                f"LowRank takes theta [D] and a left and a right factor for each tensor, not theta"
                f" {list(self.theta.shape)}, {len(self.left)} left ones and {len(self.right)} right ones."
            )
        for number, (left, right) in enumerate(zip(self.left, self.right, strict=True)):
            if not _are_factors(left, right, len(self.left[0]), self.theta):
                raise InvalidSetting(
                    "a factor of LowRank is, for a matrix, left [P, out, r] and right [P, in, r], for a vector left"
                    f" [P, n] and right None, each of theta's type; tensor {number} has left {_shape(left)} and right"
                    f" {_shape(right)}."
                )
        size = sum(_size(left, right) for left, right in zip(self.left, self.right, strict=True))
        if size != len(self.theta):
            raise InvalidSetting(
                f"the factors of LowRank make up {size} parameters, but theta has {len(self.theta)}."
            )

    @classmethod
    def draw(
        cls, space: ParameterSpace, theta: Tensor, count: int, sigma: float, rng: Generator, rank: int = 1
    ) -> LowRank:
        """Candidates whose factors are standard normal; each parameter then moves with a standard deviation of `sigma`.

        :param space: the objective's.
        :param theta: the common point, `[D]`.
        :param count: number of candidates.
        :param sigma: standard deviation of a move, in theta's units.
        :param rng: the run's generator.
        :param rank: of each matrix's move, at least 1.
        """
        if rank < 1:
            raise InvalidSetting(f"a rank is a whole number of at least 1, not {rank!r:.60}.")
        left: list[Tensor] = []
        right: list[Tensor | None] = []

        def normal(*shape: int) -> Tensor:
            return theta.new_empty(count, *shape).normal_(generator=rng)

        for tensor in space:
            rows, columns = _as_matrix(tensor)
            if columns is not None:
                left.append(normal(rows, rank))
                right.append(normal(columns, rank))
            else:  # of the same deviation as a matrix, the product of whose factors has sqrt(rank)
                left.append(normal(rows) * math.sqrt(rank))
                right.append(None)
        return cls(theta, tuple(left), tuple(right), sigma / math.sqrt(rank))

    def __len__(self) -> int:
        return len(self.left[0])

    @property
    def dimension(self) -> int:
        """D."""
        return len(self.theta)

    def fits(self, space: ParameterSpace) -> bool:
        """Whether the factors are those of the space's tensors."""
        own = [
            (left.shape[1], None if right is None else right.shape[1])
            for left, right in zip(self.left, self.right, strict=True)
        ]
        return own == [_as_matrix(tensor) for tensor in space]

    def dense(self) -> Tensor:
        return self.theta + self.scale * torch.cat([m.flatten(1) for m in self._moves()], dim=1)

    @torch.no_grad()
    def at(self, k: int, out: Tensor | None = None) -> Tensor:
        """Candidate k, `[D]`; needs no second vector of that length. out: where to put it."""
        made, start = torch.empty_like(self.theta) if out is None else out, 0
        for move in self.part(torch.tensor([k], device=self.theta.device))._moves():
            stop = start + move.numel()
            torch.mul(move.flatten(), self.scale, out=made[start:stop]).add_(self.theta[start:stop])
            start = stop
        return made

    def part(self, numbers: Tensor) -> LowRank:
        """Candidates of these numbers."""
        right = tuple(None if r is None else r[numbers] for r in self.right)
        return LowRank(self.theta, tuple(left[numbers] for left in self.left), right, self.scale)

    @torch.no_grad()
    def combine(self, weights: Tensor, out: Tensor) -> None:
        """Add the weighted sum of the candidates' moves (without `scale`) to `out`, in place.

        Takes one product per tensor; never a `[P, D]` tensor.

        :param weights: `[P]`.
        :param out: `[D]`, like theta.
        """
        weights = weights_of(weights, len(self), self.theta, out).to(self.theta)
        start = 0
        for left, right in zip(self.left, self.right, strict=True):
            size = _size(left, right)
            place = out[start : start + size]
            if right is None:
                place.addmv_(left.T, weights)
            else:
                weighted = (left * weights[:, None, None]).permute(1, 0, 2).reshape(left.shape[1], -1)
                place.view(left.shape[1], -1).addmm_(
                    weighted, right.permute(0, 2, 1).reshape(-1, right.shape[1])
                )
            start += size

    def _moves(self) -> Iterator[Tensor]:
        for left, right in zip(self.left, self.right, strict=True):
            yield left if right is None else left @ right.transpose(1, 2)


def _as_matrix(tensor: Tensors) -> tuple[int, int | None]:
    """Rows and columns of a tensor; of a vector its length and None."""
    if len(tensor.shape) > 1:
        return tensor.shape[0], math.prod(tensor.shape[1:])
    return tensor.stop - tensor.start, None


def _are_factors(left: Tensor, right: Tensor | None, count: int, theta: Tensor) -> bool:
    """Whether they are factors of so many candidates, like theta."""
    factors = [left] if right is None else [left, right]
    matrices = right is not None and left.ndim == right.ndim == _MATRICES and left.shape[2] == right.shape[2]
    return (matrices or (right is None and left.ndim == _VECTORS)) and all(
        (len(factor), factor.dtype, factor.device) == (count, theta.dtype, theta.device) for factor in factors
    )


def _shape(factor: Tensor | None) -> str:
    return "None" if factor is None else f"{list(factor.shape)} of {factor.dtype}"


def _size(left: Tensor, right: Tensor | None) -> int:
    return left.shape[1] if right is None else left.shape[1] * right.shape[1]


@dataclass(frozen=True)
class _Moves:
    """How the candidates' weights differ from theta's in one layer, with `scale` in `left`.

    left `[P, outputs, r]`, right `[P, r, inputs]`, bias `[P, outputs, 1]` or None without a bias.
    """

    left: Tensor
    right: Tensor
    bias: Tensor | None

    def part(self, start: int, stop: int) -> _Moves:
        """Those of candidates start to stop."""
        bias = None if self.bias is None else self.bias[start:stop]
        return _Moves(self.left[start:stop], self.right[start:stop], bias)


def _moves(layer: Layer, candidates: LowRank, tensors: dict[str, int]) -> _Moves:
    place = tensors[layer.weight.name]
    right = candidates.right[place]
    assert right is not None
    scale, bias = candidates.scale, None
    if layer.bias is not None:
        bias = candidates.left[tensors[layer.bias.name]].mul(scale).unsqueeze(-1)
    return _Moves(candidates.left[place] * scale, right.transpose(1, 2), bias)


def low_rank_losses(
    stack: Stack, candidates: LowRank, inputs: Tensor, targets: Tensor, loss: Loss, tensors: dict[str, int]
) -> Tensor:
    """Losses `[P]`; targets features first, the others as `low_rank_outputs` takes them."""
    assert loss.batched is not None
    batched = loss.batched
    return torch.cat(
        [batched(outputs, targets) for outputs in low_rank_outputs(stack, candidates, inputs, tensors)]
    )


def low_rank_outputs(
    stack: Stack, candidates: LowRank, inputs: Tensor, tensors: dict[str, int]
) -> Iterator[Tensor]:
    """Outputs `[some, out, N]`: one product with the base weights for all and thin ones for each, in chunks that fit
    the cache.

    inputs `[features, N]`. tensors: place of each tensor's factors, by its name. A candidate with an infinite
    activation has no finite outputs here, even where the next activation would cut the infinity off.
    """
    moves = [_moves(layer, candidates, tensors) for layer in stack.layers]
    base = stack.layers[0].affine(candidates.theta, inputs)
    for start, stop, thin in _thin_products(moves[0], inputs, _chunk(stack, inputs)):
        part = [move.part(start, stop) for move in moves]
        yield _forward(stack, candidates.theta, part, base, thin)


def _chunk(stack: Stack, inputs: Tensor) -> int:
    """How many candidates are scored at once."""
    return chunk_size(max(layer.outputs for layer in stack.layers) * inputs.shape[1], inputs.device)


def _thin_products(first: _Moves, inputs: Tensor, chunk: int) -> Iterator[tuple[int, int, Tensor]]:
    """Of each chunk of candidates start, stop and `right @ inputs`, `[P, r, N]`.

    One product makes those of many chunks: all of the inputs is read for it, which for a single chunk takes as long
    as all the rest.
    """
    count, rank, _ = first.right.shape
    block = chunk * chunk_size(chunk * rank * inputs.shape[1], inputs.device)
    for start in range(0, count, block):
        right = first.right[start : start + block]
        thin = (right.flatten(0, 1) @ inputs).view(len(right), rank, -1)
        for k, part in enumerate(thin.split(chunk)):
            yield start + k * chunk, start + k * chunk + len(part), part


def _forward(stack: Stack, theta: Tensor, moves: list[_Moves], base: Tensor, thin: Tensor) -> Tensor:
    """Outputs `[P, outputs, N]`. base: the first layer of theta itself; thin: what `right` makes of the inputs."""
    first, *rest = stack.layers
    a = _finish(first, moves[0], _plus_product(base, moves[0].left, thin))
    for layer, move in zip(rest, moves[1:], strict=True):
        z, thin = _products(layer.weights(theta), move.right, a)
        if layer.bias is not None:
            z.add_(theta[layer.bias.start : layer.bias.stop, None])
        a = _finish(layer, move, _plus_product(z, move.left, thin))
    return a


def _products(weights: Tensor, right: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
    """The shared weights `[outputs, inputs]` and the thin ones `[P, r, inputs]` times a `[P, inputs, N]`."""
    outputs = len(weights)
    if len(a) * weights.numel() <= chunk_elements(a.device):  # both in one product, so that a is read once
        both = torch.cat([weights.expand(len(a), -1, -1), right], dim=1) @ a
        return both[:, :outputs], both[:, outputs:]
    side_by_side = a.transpose(0, 1).flatten(1)
    return (weights @ side_by_side).view(outputs, len(a), -1).transpose(0, 1), right @ a


def _plus_product(z: Tensor, left: Tensor, thin: Tensor) -> Tensor:
    """z `[(P,) outputs, N]` + left @ thin, as a new tensor `[P, outputs, N]`."""
    rank = left.shape[2]
    if rank > _BY_COLUMNS:
        return torch.baddbmm(z.expand(len(left), -1, -1), left, thin)
    total = torch.addcmul(z, left[:, :, :1], thin[:, :1])
    for k in range(1, rank):
        total.addcmul_(left[:, :, k, None], thin[:, k, None])
    return total


def _finish(layer: Layer, move: _Moves, z: Tensor) -> Tensor:
    return layer.activate(z if move.bias is None else z.add_(move.bias))
