"""The exact minimum of the loss along one coordinate: breakpoints where it is piecewise a parabola, else a search."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nogd.engine.layers.stack import Layer

# Of the parabolas between breakpoints, those with the lowest minima are worked out once more without rounding's noise.
CONTENDERS = 8
# Elements that a block of examples may hold between two layers: 32 MiB in float64.
BLOCK_ELEMENTS = 1 << 22
SCAN_POINTS = 33
GOLDEN = (math.sqrt(5) - 1) / 2

Losses = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class LayerLink:
    """A layer behind the unit that varies: pre-activations `weights @ inputs + others`; `kinks` of its activation.

    weights `[outputs, inputs]`, others `[outputs, N]` or `[outputs, 1]`.
    """

    weights: Tensor
    others: Tensor
    layer: Layer
    kinks: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class PiecewisePath:
    """What one coordinate's value does to the residuals of each example, in float64; the loss is their mean square.

    The unit's pre-activation is `z + value * a`, both `[N]`; targets `[outputs, N]`, of those that it reaches.
    """

    z: Tensor
    a: Tensor
    layer: Layer
    kinks: tuple[float, ...]
    links: tuple[LayerLink, ...]
    targets: Tensor

    @property
    def is_kinked(self) -> bool:
        """Whether there are any breakpoints to look for."""
        return bool(self.kinks) or any(link.kinks for link in self.links)

    @property
    def widest(self) -> int:
        """Outputs of the widest layer."""
        return max((len(link.weights) for link in self.links), default=1)

    @property
    def flops(self) -> float:
        """Arithmetic of the residuals of one example at one value."""
        return 2.0 * (1 + sum(link.weights.numel() for link in self.links))

    def block(self, rows: slice) -> PiecewisePath:
        """The same for some of the examples."""
        links = tuple(
            LayerLink(
                k.weights, k.others if k.others.shape[1] == 1 else k.others[:, rows], k.layer, k.kinks
            )
            for k in self.links
        )  # fmt: skip
        return PiecewisePath(self.z[rows], self.a[rows], self.layer, self.kinks, links, self.targets[:, rows])

    def layers(self, values: Tensor) -> Iterator[tuple[Tensor, tuple[float, ...]]]:
        """Pre-activations `[units, n, K]` at each example's own values `[n, K]`, with their kinks, layer by layer."""
        z = torch.addcmul(self.z[:, None], values, self.a[:, None])[None]
        yield z, self.kinks
        a = self.layer.activate(z.clone())
        for link in self.links:
            z = (link.weights @ a.flatten(1)).view(-1, *values.shape) + link.others[..., None]
            yield z, link.kinks
            a = link.layer.activate(z.clone())

    def residuals(self, values: Tensor) -> Tensor:
        """Residuals `[outputs, n, K]` at each example's own values `[n, K]`."""
        layer = self.links[-1].layer if self.links else self.layer
        *_, (z, _) = self.layers(values)
        return layer.activate(z.clone()) - self.targets[..., None]


def kinks_of(layer: Layer) -> tuple[float, ...] | None:
    """Where the layer's activation has kinks, if it is linear elsewhere; else None."""
    if not layer.activations:
        return ()
    if len(layer.activations) > 1:
        return None
    (activation,) = layer.activations
    if activation is torch.relu_ or type(activation) is nn.LeakyReLU:
        return (0.0,)
    if type(activation) in (nn.Hardtanh, nn.ReLU6):
        return (float(activation.min_val), float(activation.max_val))  # type: ignore[attr-defined]  # both have them
    return None


def exact_minimum(
    losses: Losses, path: PiecewisePath, low: float, high: float, like: Tensor
) -> tuple[float, float, int, float] | None:
    """The lowest point between low and high: its value, its loss, how many values were scored, and other arithmetic.

    losses: of values `[G]`, infinite where not finite. like: a tensor of theta's type. None where not all residuals are
    finite, so that there are no parabolas.
    """
    contenders, flops = _contenders(path, low, high)
    if contenders is None:
        return None
    values = contenders.clamp_(low, high).to(like.dtype)
    found = losses(values)
    best = int(found.argmin())
    return float(values[best]), float(found[best]), len(values), flops


# -- exactly


def _contenders(path: PiecewisePath, low: float, high: float) -> tuple[Tensor | None, float]:
    """Values among which the minimum is, with what finding them took; None where not all residuals are finite."""
    ends = path.z.new_tensor([[low, high]])
    if low == high:
        return ends[0, :1], 0.0
    flops = 2.0 * CONTENDERS * path.flops * len(path.z)
    if not path.is_kinked:
        starts, stops = ends[:, 0], ends[:, 1]
    else:
        pieces, arithmetic = _pieces(path, low, high)
        flops += arithmetic
        if not all(bool(part.isfinite().all()) for part in pieces):
            return None, flops
        starts, stops = _lowest_intervals(*pieces, low, high)
    return torch.cat([_between(path, starts, stops), ends[0]]), flops


def _pieces(path: PiecewisePath, low: float, high: float) -> tuple[tuple[Tensor, Tensor, Tensor], float]:
    """Each example's stretches without a bend: starts `[M]`, stops `[M]`, and coefficients `[3, M]` of its squares.

    In the coordinate from 0 at low to 1 at high; the coefficients are those of its square, of itself and of 1.
    """
    size = max(1, BLOCK_ELEMENTS // (path.widest * (path.widest + 2)))
    parts, flops = [], 0.0
    for start in range(0, len(path.z), size):
        block = path.block(slice(start, start + size))
        breakpoints, arithmetic = _breakpoints(block, low, high)
        flops += arithmetic + 20.0 * breakpoints.numel()
        residuals = block.residuals(breakpoints)
        u = (breakpoints - low) / (high - low)
        width = u[:, 1:] - u[:, :-1]
        slopes = (residuals[..., 1:] - residuals[..., :-1]) / torch.where(width > 0, width, 1)
        at_zero = residuals[..., :-1] - slopes * u[:, :-1]
        squares = torch.stack(
            [slopes.square().sum(0), 2 * (slopes * at_zero).sum(0), at_zero.square().sum(0)]
        )
        real = width > 0
        parts.append((u[:, :-1][real], u[:, 1:][real], squares[:, real]))
    starts, stops, coefficients = (list(each) for each in zip(*parts, strict=True))
    return (torch.cat(starts), torch.cat(stops), torch.cat(coefficients, 1)), flops


def _breakpoints(path: PiecewisePath, low: float, high: float) -> tuple[Tensor, float]:
    """Each example's breakpoints between low and high, both included, in order: `[n, K]`, filled up with high.

    Layer by layer: between the breakpoints of the layers before it a pre-activation is linear, so that where it
    crosses a kink follows from its values at them.
    """
    breakpoints = path.z.new_tensor([low, high]).expand(len(path.z), 2)
    flops = 0.0
    for depth in range(1 + len(path.links)):
        z, kinks = next(pair for k, pair in enumerate(path.layers(breakpoints)) if k == depth)
        flops += path.flops * breakpoints.numel()
        if kinks:
            breakpoints = _with_crossings(breakpoints, z, kinks, high)
    return breakpoints, flops


def _with_crossings(breakpoints: Tensor, z: Tensor, kinks: tuple[float, ...], high: float) -> Tensor:
    before, after = z[..., :-1], z[..., 1:]
    start, width = breakpoints[:, :-1], breakpoints[:, 1:] - breakpoints[:, :-1]
    found = [breakpoints]
    for kink in kinks:
        crosses = (before < kink) != (after < kink)
        share = (kink - before) / torch.where(crosses, after - before, 1)
        at = torch.where(crosses, torch.addcmul(start, share, width), math.inf)
        found.append(at.permute(1, 0, 2).flatten(1))
    every = torch.cat(found, 1)
    most = int(every.isfinite().sum(1).max())
    return every.sort(1).values[:, :most].clamp(max=high)


def _lowest_intervals(
    starts: Tensor, stops: Tensor, squares: Tensor, low: float, high: float
) -> tuple[Tensor, Tensor]:
    """Where the sum of all examples' squares is lowest: starts and stops of a few intervals without any bend."""
    places, order = torch.cat([starts, stops]).sort()
    a, b, c = torch.cat([squares, -squares], 1)[:, order].cumsum(1)[:, :-1]
    left, right = places[:-1], places[1:]
    lowest = torch.where(a > 0, -b / (2 * torch.where(a > 0, a, 1)), left)
    lowest = torch.minimum(torch.maximum(lowest, left), right)
    height = (a * lowest + b) * lowest + c
    height[right <= left] = math.inf
    best = height.topk(min(CONTENDERS, len(height)), largest=False).indices
    return low + left[best] * (high - low), low + right[best] * (high - low)


def _between(path: PiecewisePath, starts: Tensor, stops: Tensor) -> Tensor:
    """The minimum of each interval `[C]` without a bend, from the residuals at both its ends."""
    count = len(starts)
    values = torch.cat([starts, stops]).expand(len(path.z), -1)
    residuals = path.residuals(values)
    first, last = residuals[..., :count], residuals[..., count:]
    change = last - first
    square = change.square().sum((0, 1))
    share = -(first * change).sum((0, 1)) / torch.where(square > 0, square, 1)
    return torch.lerp(starts, stops, share.nan_to_num(0.0).clamp(0, 1))


# -- by search


def searched_minimum(losses: Losses, low: float, high: float, like: Tensor) -> tuple[float, float]:
    """The value and the loss of the lowest point found by a scan of 33 values and a golden section around its best.

    To a billionth of the interval; a valley between two values of the scan may be missed. losses, like: as above. Where
    no value has a finite loss, the loss is infinite.
    """
    scan = torch.linspace(low, high, SCAN_POINTS, dtype=like.dtype, device=like.device)
    found = losses(scan)
    best = int(found.argmin())
    value, loss = float(scan[best]), float(found[best])
    left, right = float(scan[max(best - 1, 0)]), float(scan[min(best + 1, SCAN_POINTS - 1)])
    if not math.isfinite(loss):
        return value, loss

    def at(point: float) -> float:
        return float(losses(scan.new_tensor([point]))[0])

    a, b = right - GOLDEN * (right - left), left + GOLDEN * (right - left)
    loss_a, loss_b = at(a), at(b)
    while right - left > 1e-9 * (high - low) and left < a < b < right:
        if loss_a <= loss_b:
            right, b, loss_b = b, a, loss_a
            a = right - GOLDEN * (right - left)
            loss_a = at(a)
        else:
            left, a, loss_a = a, b, loss_b
            b = left + GOLDEN * (right - left)
            loss_b = at(b)
    point, lowest = (a, loss_a) if loss_a <= loss_b else (b, loss_b)
    point = float(scan.new_tensor(point))
    return (point, lowest) if lowest < loss else (value, loss)
