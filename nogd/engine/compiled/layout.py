"""How a small stack of layers is described to the compiled kernels, and whether they know all that it is made of.

Needs no compiler and imports none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from nogd.engine.layers.parts import NotUnderstood
from nogd.engine.layers.stack import Layer, Stack
from nogd.engine.losses import Loss, binary_cross_entropy, cross_entropy, huber, mae, mse

# Examples of a block are a multiple of so many, and a pass over a block costs what as many more examples would.
GRAIN, PASS = 64, 128
# Bytes that a block's inputs and two of its widest layers may take, to stay in a core's second cache.
CACHE = 200_000
# Above these torch's own matrix products are faster than the kernels' loops.
MOST_PARAMETERS = 20_000
MOST_UNITS = 256
# So many float32 numbers in a row are added without losing digits that anybody would miss.
MOST_EXAMPLES = 1 << 16
# Rows that activations and losses work in: five of their own, and two more for an exponential.
ROOM = 7

NONE = 2**63  # no place in theta

# Columns of a plan's `layers`, the last for a walk: where it keeps the layer's activations.
INPUTS, OUTPUTS, WEIGHT, BIAS, ACTIVATION, BEHIND = range(COLUMNS := 6)
# Activations; up to CLAMP they are linear between kinks.
NOTHING, RELU, LEAKY, CLAMP, TANH, SIGMOID = range(ACTIVATIONS := 6)
# Losses, as `loops.losses` knows them; a network with another is scored by torch.
MSE, MAE, HUBER, BINARY_CROSS_ENTROPY, CROSS_ENTROPY = range(5)
LOSSES = {
    id(mse): MSE,
    id(mae): MAE,
    id(huber): HUBER,
    id(binary_cross_entropy): BINARY_CROSS_ENTROPY,
    id(cross_entropy): CROSS_ENTROPY,
}
# What `sizes` says of the data, and the last five of a walk's memory.
BLOCKS, EXAMPLES, FEATURES, TARGETS, Y, MASK, BLOCK, OTHERS, STAGE, SPARE, BUFFERS, SUMS = range(SIZES := 12)

Whole = npt.NDArray[np.uintp]
Real = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Plan:
    """layers `[L, 6]` and slopes `[L, 2]` as the kernels read them, the loss's number, units of the widest layer."""

    layers: Whole
    slopes: Real
    loss: int
    widest: int


def make_plan(stack: Stack, loss: Loss, theta: Tensor, examples: int) -> Plan:
    """The plan of a stack. Raises NotUnderstood with the reason where the kernels cannot score it, or are slower."""
    if theta.device.type != "cpu" or theta.dtype not in (torch.float32, torch.float64):
        raise NotUnderstood(f"its parameters are of {theta.dtype} on {theta.device}")
    if id(loss) not in LOSSES:
        raise NotUnderstood(f"loss {loss.name!r} is not compiled")
    widest = max(max(layer.inputs, layer.outputs) for layer in stack.layers)
    if len(theta) > MOST_PARAMETERS or widest > MOST_UNITS or examples > MOST_EXAMPLES:
        raise NotUnderstood("it is too large to gain from compiled loops")
    known = [_activation(layer) for layer in stack.layers]
    slopes = np.array([pair for _, pair in known])
    return Plan(_layers(stack, known), slopes, LOSSES[id(loss)], max(layer.outputs for layer in stack.layers))


def _layers(stack: Stack, known: list[tuple[int, tuple[float, float]]]) -> Whole:
    rows = []
    for layer, (kind, _) in zip(stack.layers, known, strict=True):
        bias = NONE if layer.bias is None else layer.bias.start
        rows.append([layer.inputs, layer.outputs, layer.weight.start, bias, kind, 0])
    return np.array(rows, dtype=np.uintp)


def _activation(layer: Layer) -> tuple[int, tuple[float, float]]:
    """Number of the layer's activation, and its settings."""
    if not layer.activations:
        return NOTHING, (0.0, 0.0)
    (activation, *more) = layer.activations
    simple = {torch.relu_: RELU, torch.tanh_: TANH, torch.sigmoid_: SIGMOID}
    if not more and not isinstance(activation, nn.Module) and activation in simple:
        return simple[activation], (0.0, 0.0)
    if not more and type(activation) is nn.LeakyReLU:
        return LEAKY, (float(activation.negative_slope), 0.0)
    if not more and type(activation) in (nn.Hardtanh, nn.ReLU6):
        return CLAMP, (float(activation.min_val), float(activation.max_val))  # type: ignore[attr-defined]  # both have them
    raise NotUnderstood("one of its activations is not compiled")


@dataclass(frozen=True)
class Data:
    """Examples in blocks of n, padded by copies of the last: what is where in `numbers`.

    inputs `[blocks, features, n]` at 0, then targets `[blocks, targets, n]`, then masks `[blocks, n]`.
    sizes: blocks, examples, features, targets, where the targets begin and where the masks do, and n.
    """

    numbers: Numbers
    sizes: Whole

    @property
    def block(self) -> int:
        """Examples of a block."""
        return int(self.sizes[BLOCK])


def make_data(inputs: Tensor, targets: Tensor, widest: int) -> Data:
    """Inputs `[features, N]` and targets `[targets, N]` or class numbers `[N]` as Data, in the inputs' type.

    widest: units of the widest layer that they go through.
    """
    targets = (targets if targets.ndim == 2 else targets[None]).to(inputs.dtype)
    features, examples = inputs.shape
    size = _block(examples, (features + 2 * widest) * inputs.element_size())
    blocks = -(-examples // size)
    mask = inputs.new_zeros(1, blocks * size)
    mask[:, :examples] = 1
    parts = [_blocks(inputs, blocks, size), _blocks(targets, blocks, size), mask.view(-1)]
    starts = [len(parts[0]), len(parts[0]) + len(parts[1])]
    sizes = [blocks, examples, features, len(targets), *starts, size]
    return Data(torch.cat(parts).numpy(), np.array(sizes, dtype=np.uintp))


def _block(examples: int, width: int) -> int:
    """Examples of a block, of which each takes `width` bytes: those that take the fewest steps and fit the cache."""
    sizes = range(GRAIN, max(GRAIN, CACHE // width) + 1, GRAIN)
    return min(sizes, key=lambda size: -(-examples // size) * (size + PASS))


def _blocks(rows: Tensor, blocks: int, size: int) -> Tensor:
    """`[K, N]` as `[blocks, K, size]`, flat."""
    padding = rows[:, -1:].expand(-1, blocks * size - rows.shape[1])
    return torch.cat([rows, padding], 1).view(len(rows), blocks, size).transpose(0, 1).reshape(-1)
