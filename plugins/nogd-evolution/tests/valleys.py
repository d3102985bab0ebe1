"""Landscapes with known floors; each takes points `[..., D]` and gives losses `[...]`."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor

Landscape = Callable[[Tensor], Tensor]


def sphere(theta: Tensor) -> Tensor:
    """Equal squares; 0 at the origin."""
    return theta.square().sum(-1)


def ellipsoid(theta: Tensor) -> Tensor:
    """Squares about the origin, the last axis a million times as steep as the first; 0 there."""
    axes = torch.linspace(0, 6, theta.shape[-1], dtype=theta.dtype)
    return (10**axes * theta.square()).sum(-1)


def cigar(theta: Tensor) -> Tensor:
    """All axes but the first a million times as steep as that; 0 at the origin."""
    squares = theta.square()
    return squares[..., 0] + 1e6 * squares[..., 1:].sum(-1)


def rosenbrock(theta: Tensor) -> Tensor:
    """A curved valley; 0 at (1, ..., 1)."""
    ahead, here = theta[..., 1:], theta[..., :-1]
    return (100 * (ahead - here.square()).square() + (1 - here).square()).sum(-1)


def rastrigin(theta: Tensor) -> Tensor:
    """A sphere with ten minima along each axis of (-5, 5); 0 at the origin."""
    return (theta.square() - 10 * (2 * math.pi * theta).cos() + 10).sum(-1)


def rotated(landscape: Landscape, D: int, seed: int = 0) -> Landscape:
    """The landscape, turned about the origin at random."""
    noise = torch.randn(D, D, dtype=torch.float64, generator=Generator().manual_seed(seed))
    turn = torch.linalg.qr(noise).Q

    def turned(theta: Tensor) -> Tensor:
        return landscape(theta @ turn.to(theta))

    return turned
