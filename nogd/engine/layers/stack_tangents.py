"""Directional derivatives of a stack: the first layer of all directions is one matrix product, as with candidates."""

from __future__ import annotations

import torch
from torch import Tensor

from nogd.engine.layers.chunks import chunk_size
from nogd.engine.layers.stack import Layer, Stack
from nogd.engine.losses import Loss


def stack_tangents(
    stack: Stack, theta: Tensor, directions: Tensor, inputs: Tensor, targets: Tensor, loss: Loss
) -> tuple[Tensor, Tensor]:
    """Loss at theta `[D]` and its derivatives along directions `[K, D]`, `[K]`.

    inputs `[features, N]`; targets as the loss itself takes them. The slopes of the activations and of the loss come
    from autograd, so that they are those of the gradient. The directions go in chunks that fit the cache.
    """
    activations, slopes = [inputs], []
    for layer in stack.layers:
        a, slope = _activated(layer, layer.affine(theta, activations[-1]))
        activations.append(a)
        slopes.append(slope)
    value, slope_of_loss = _loss(activations[-1], targets, loss)
    widest = max(layer.outputs for layer in stack.layers) * inputs.shape[1]
    parts = directions.split(chunk_size(widest, theta.device))
    along = [_along(stack, theta, part, activations, slopes) @ slope_of_loss.reshape(-1) for part in parts]
    return value, torch.cat(along)


def _along(
    stack: Stack, theta: Tensor, directions: Tensor, activations: list[Tensor], slopes: list[Tensor]
) -> Tensor:
    """Tangents of the outputs, `[K, outputs * N]`."""
    tangent: Tensor | None = None  # the inputs have none
    for layer, a, slope in zip(stack.layers, activations[:-1], slopes, strict=True):
        shape = len(directions), layer.outputs, a.shape[1]
        moved = (layer.weights(directions).flatten(0, 1) @ a).view(shape)
        if tangent is not None:
            moved += layer.weights(theta) @ tangent
        biases = layer.biases(directions)
        if biases is not None:
            moved += biases
        tangent = moved.mul_(slope)
    assert tangent is not None
    return tangent.flatten(1)


def _activated(layer: Layer, z: Tensor) -> tuple[Tensor, Tensor]:
    """Activations of z and their slopes there, both of its shape."""
    if not layer.activations:
        return z, torch.ones_like(z[:1, :1])
    with torch.enable_grad():
        at = z.detach().requires_grad_()
        a = layer.activate(at.clone())  # which may overwrite what it gets
        if not a.requires_grad:
            return a, torch.zeros_like(z)
        (slope,) = torch.autograd.grad(a.sum(), at)
    return a.detach(), slope


def _loss(outputs: Tensor, targets: Tensor, loss: Loss) -> tuple[Tensor, Tensor]:
    """The loss of outputs `[outputs, N]`, and its slopes, of that shape."""
    with torch.enable_grad():
        at = outputs.detach().requires_grad_()
        value = loss(at.T.clone(), targets)  # which may overwrite what it gets
        if not value.requires_grad:
            return value, torch.zeros_like(outputs)
        (slopes,) = torch.autograd.grad(value, at, materialize_grads=True, allow_unused=True)
    return value.detach(), slopes
