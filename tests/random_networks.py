"""Random networks of every supported layer, for hypothesis."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import plain
import torch
from hypothesis import strategies as st
from torch import nn

ACTIVATIONS: list[Callable[[], nn.Module]] = [
    nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.ELU, nn.SELU, nn.CELU, nn.SiLU, nn.Mish, nn.Softplus, nn.Softsign,
    nn.LeakyReLU, nn.Hardtanh, nn.ReLU6, nn.Hardsigmoid, nn.Hardswish, nn.LogSigmoid, nn.Tanhshrink, nn.Softshrink,
    nn.Hardshrink, nn.Identity, nn.Dropout, lambda: nn.ReLU(inplace=True), lambda: nn.ELU(inplace=True),
    lambda: nn.Threshold(0.1, -0.2),
]  # fmt: skip
COMPILED_ACTIVATIONS: list[Callable[[], nn.Module]] = [
    nn.Identity, nn.ReLU, nn.LeakyReLU, nn.Tanh, nn.Sigmoid, nn.ReLU6, lambda: nn.Hardtanh(-0.5, 0.75),
]  # fmt: skip
FEATURES = st.integers(1, 64)
HALVES = st.booleans()


@st.composite
def stacks(draw: st.DrawFn, features: int, activations: list[Callable[[], nn.Module]]) -> list[nn.Module]:
    """Linear layers with activations between them, or none; one output or several."""
    widths = [features, *(draw(FEATURES) for _ in range(draw(st.integers(0, 4)))), draw(st.integers(1, 4))]
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers.append(nn.Linear(before, after, bias=draw(HALVES)))
        layers.append(draw(st.sampled_from(activations))())
    return layers if draw(HALVES) else layers[:-1]


@st.composite
def vectors(draw: st.DrawFn, features: int) -> list[nn.Module]:
    """Layers for inputs of that many features, with several outputs."""
    layers: list[nn.Module] = []
    for _ in range(draw(st.integers(0, 4))):
        width = draw(FEATURES)
        layers.append(nn.Linear(features, width, bias=draw(HALVES)))
        if draw(HALVES):
            layers.append(draw(st.sampled_from(ACTIVATIONS))())
        if draw(HALVES):
            layers.append(nn.LayerNorm(width, elementwise_affine=draw(HALVES)))
        if draw(st.integers(0, 3)) == 0:
            layers.append(nn.BatchNorm1d(width))
        if draw(st.integers(0, 3)) == 0:
            layers += [nn.Identity(), nn.Linear(width, width)]
        if draw(st.integers(0, 3)) == 0:  # the same layer a second time
            layers += [nn.Sequential(again := nn.Linear(width, width), nn.Tanh()), again]
        if draw(st.integers(0, 3)) == 0:  # another layer with the same weight
            layers += [one := nn.Linear(width, width), nn.Tanh(), other := nn.Linear(width, width)]
            other.weight = one.weight
        features = width
    return [*layers, nn.Linear(features, draw(st.integers(2, 4)))]


@st.composite
def images(draw: st.DrawFn, channels: int, side: int) -> list[nn.Module]:
    """Layers for square images, with several outputs."""
    layers: list[nn.Module] = []
    shape = torch.Size([channels, side, side])
    for _ in range(draw(st.integers(1, 2))):
        width = draw(st.integers(1, 5))
        kernel = draw(st.sampled_from([1, 2, 3, (2, 3)] if min(shape[1:]) > 2 else [1]))
        options = {"stride": draw(st.integers(1, 2)), "padding": draw(st.sampled_from([0, 1, (0, 1)]))}
        layers.append(nn.Conv2d(shape[0], width, kernel, bias=draw(HALVES), **options))
        layers.append(draw(st.sampled_from(ACTIVATIONS))())
        if draw(HALVES) and min(_shape(layers, channels, side)[1:]) > 1:
            layers.append(draw(st.sampled_from([nn.MaxPool2d(2), nn.AvgPool2d(2, 1), nn.MaxPool2d(1, 2)])))
        if draw(HALVES):
            layers.append(nn.BatchNorm2d(width))
        shape = _shape(layers, channels, side)
    if draw(HALVES):
        layers.append(nn.AdaptiveAvgPool2d(1))
    shape = _shape(layers, channels, side)
    if draw(HALVES):
        layers.append(nn.LayerNorm(list(shape[-draw(st.integers(1, 3)) :])))
    return [*layers, nn.Flatten(), *draw(vectors(math.prod(shape)))]


def _shape(layers: list[nn.Module], channels: int, side: int) -> torch.Size:
    """Of what the layers give."""
    return nn.Sequential(*layers).eval()(torch.zeros(1, channels, side, side)).shape[1:]


@st.composite
def freezings(draw: st.DrawFn, module: nn.Module) -> nn.Module:
    """The module with values drawn, some parameters frozen, at least the last one searched."""
    plain.drawn(module.double().eval(), draw(st.integers(0, 99)), 0.5)
    for name, buffer in module.named_buffers():
        if buffer.is_floating_point():
            buffer.copy_(torch.linspace(0.5, 1.5, buffer.numel()) if "var" in name else buffer + 0.25)
    for parameter in list(module.parameters())[:-1]:
        parameter.requires_grad_(draw(st.integers(0, 3)) > 0)
    return module
