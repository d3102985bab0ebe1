"""Recognise a module that is a chain of known layers; anything half-understood is not one, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from nogd.engine.layers.chain import Chain, make_chain
from nogd.engine.layers.parts import IN_PLACE, NotUnderstood, Part, read_parts
from nogd.engine.layers.steps import (
    BatchNorm,
    Elementwise,
    Flatten,
    LayerNorm,
    Pair,
    Pool,
    Product,
    Shape,
    Step,
    StepInput,
    Unfold,
)
from nogd.engine.space import ParameterSpace, Tensors

_ELEMENTWISE = (
    nn.CELU, nn.ELU, nn.GELU, nn.Hardshrink, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh, nn.LeakyReLU, nn.LogSigmoid,
    nn.Mish, nn.ReLU6, nn.SELU, nn.SiLU, nn.Softplus, nn.Softshrink, nn.Softsign, nn.Tanhshrink, nn.Threshold,
)  # fmt: skip
_DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout)
_CHANNELS_AND_IMAGE = 3


def read_chain(
    module: nn.Module, space: ParameterSpace, inputs: Tensor
) -> tuple[Chain, Sequence[tuple[str, Part]]]:
    """The module as a Chain for such inputs `[N, ...]`, and its parts by name. Raises NotUnderstood with the reason."""
    if inputs.dtype != space.dtype:
        raise NotUnderstood(f"its inputs are of {inputs.dtype}, its parameters of {space.dtype}")
    if inputs.ndim == 1:
        raise NotUnderstood("its inputs have one dimension")
    reader, shape = _Reader(module, space), tuple(inputs.shape[1:])
    features, steps = shape, []
    parts = read_parts(module)
    for name, part in parts:
        for step in reader.steps(name, part, shape):
            steps.append(step)
            shape = step.shape(shape)
    return make_chain(steps, features), parts


class _Reader:
    """Turns parts into steps; knows where in theta each parameter lies."""

    def __init__(self, module: nn.Module, space: ParameterSpace) -> None:
        named = dict(module.named_parameters())
        self._places: dict[int, Tensors] = {id(named[t.name]): t for t in space}
        self._space = space
        self._known: dict[type[nn.Module], Callable[[str, Any, Shape], Iterator[Step]]] = {
            nn.Linear: self._linear,
            nn.Conv2d: self._convolution,
            nn.Flatten: self._flatten,
            nn.MaxPool2d: self._greatest,
            nn.AvgPool2d: self._mean,
            nn.AdaptiveAvgPool2d: self._mean_of_all,
            nn.LayerNorm: self._layer_norm,
            nn.BatchNorm1d: self._batch_norm,
            nn.BatchNorm2d: self._batch_norm,
            nn.RReLU: self._random_slope,
            **dict.fromkeys((nn.Identity, *_DROPOUTS), self._nothing),
        }

    def steps(self, name: str, part: nn.Module | Callable[[Tensor], Tensor], shape: Shape) -> Iterator[Step]:
        """What the part does to values of that shape."""
        if not isinstance(part, nn.Module):
            yield Elementwise(part)
        elif type(part) in IN_PLACE:
            yield Elementwise(IN_PLACE[type(part)])
        elif type(part) in self._known:
            yield from self._known[type(part)](name, part, shape)
        elif type(part) in _ELEMENTWISE or self._says_elementwise(part):
            yield Elementwise(part)
        else:
            raise NotUnderstood(f"{name or 'it'} is a {type(part).__name__}")

    @staticmethod
    def _says_elementwise(part: nn.Module) -> bool:
        return getattr(type(part), "elementwise", False) and not [*part.parameters(), *part.buffers()]

    def _source(self, name: str, tensor: Tensor | None) -> StepInput | None:
        if tensor is None:
            return None
        if (place := self._places.get(id(tensor))) is not None:
            return StepInput(place)
        if (tensor.dtype, tensor.device) != (self._space.dtype, self._space.device):
            raise NotUnderstood(f"{name} has values of {tensor.dtype} on {tensor.device}")
        return StepInput(None, tensor)

    def _sources(self, name: str, part: nn.Module, *attributes: str) -> list[Any]:
        return [self._source(name, getattr(part, attribute)) for attribute in attributes]

    def _linear(self, name: str, part: nn.Linear, shape: Shape) -> Iterator[Step]:
        self._expect(shape == (part.in_features,), name, shape)
        weight, bias = self._sources(name, part, "weight", "bias")
        yield Product(weight, bias, part.in_features, part.out_features)

    def _convolution(self, name: str, part: nn.Conv2d, shape: Shape) -> Iterator[Step]:
        self._expect(len(shape) == _CHANNELS_AND_IMAGE and shape[0] == part.in_channels, name, shape)
        if part.groups != 1 or part.padding_mode != "zeros" or isinstance(part.padding, str):
            raise NotUnderstood(f"{name} convolves in groups, or pads by itself")
        kernel = _pair(part.kernel_size)
        unfold = Unfold(kernel, _pair(part.stride), _pair(part.padding), _pair(part.dilation))
        self._expect(min(unfold.shape(shape)) > 0, name, shape)
        if unfold != Unfold((1, 1), (1, 1), (0, 0), unfold.dilation):
            yield unfold
        weight, bias = self._sources(name, part, "weight", "bias")
        yield Product(weight, bias, part.in_channels * kernel[0] * kernel[1], part.out_channels)

    def _flatten(self, name: str, part: nn.Flatten, shape: Shape) -> Iterator[Step]:
        if part.start_dim != 1 or part.end_dim not in (-1, len(shape)):
            raise NotUnderstood(f"{name} flattens only some dimensions")
        if len(shape) > 1:
            yield Flatten()

    def _greatest(self, name: str, part: nn.MaxPool2d, shape: Shape) -> Iterator[Step]:
        if part.dilation not in (1, (1, 1)) or part.return_indices:
            raise NotUnderstood(f"{name} pools in an unusual way")
        yield self._pool(name, part, shape, greatest=True)

    def _mean(self, name: str, part: nn.AvgPool2d, shape: Shape) -> Iterator[Step]:
        if part.divisor_override is not None:
            raise NotUnderstood(f"{name} pools in an unusual way")
        yield self._pool(name, part, shape, greatest=False)

    def _pool(self, name: str, part: nn.MaxPool2d | nn.AvgPool2d, shape: Shape, *, greatest: bool) -> Pool:
        if part.padding not in (0, (0, 0)) or part.ceil_mode:
            raise NotUnderstood(f"{name} pools over more than its input")
        self._expect(len(shape) == _CHANNELS_AND_IMAGE, name, shape)
        pool = Pool(_pair(part.kernel_size), _pair(part.stride), greatest)
        self._expect(min(pool.shape(shape)) > 0, name, shape)
        return pool

    def _mean_of_all(self, name: str, part: nn.AdaptiveAvgPool2d, shape: Shape) -> Iterator[Step]:
        if part.output_size not in (1, (1, 1)):
            raise NotUnderstood(f"{name} pools in an unusual way")
        self._expect(len(shape) == _CHANNELS_AND_IMAGE, name, shape)
        yield Pool((shape[1], shape[2]), (1, 1), greatest=False)

    def _layer_norm(self, name: str, part: nn.LayerNorm, shape: Shape) -> Iterator[Step]:
        normalised = tuple(part.normalized_shape)
        self._expect(shape[-len(normalised) :] == normalised, name, shape)
        weight, bias = self._sources(name, part, "weight", "bias")
        yield LayerNorm(normalised, part.eps, weight, bias)

    def _batch_norm(self, name: str, part: nn.BatchNorm1d | nn.BatchNorm2d, shape: Shape) -> Iterator[Step]:
        if part.training or part.running_mean is None:
            raise NotUnderstood(f"{name} normalises by the batch")
        dimensions = (1, 2) if type(part) is nn.BatchNorm1d else (_CHANNELS_AND_IMAGE,)
        self._expect(len(shape) in dimensions and shape[0] == part.num_features, name, shape)
        mean, variance, weight, bias = self._sources(
            name, part, "running_mean", "running_var", "weight", "bias"
        )
        yield BatchNorm(mean, variance, part.eps, weight, bias)

    def _random_slope(self, name: str, part: nn.RReLU, shape: Shape) -> Iterator[Step]:
        if part.training:
            raise NotUnderstood(f"{name} draws its slope at random")
        yield Elementwise(nn.LeakyReLU((part.lower + part.upper) / 2))

    def _nothing(self, name: str, part: nn.Module, shape: Shape) -> Iterator[Step]:
        if isinstance(part, _DROPOUTS) and part.training:
            raise NotUnderstood(f"{name} drops out at random")
        yield from ()

    @staticmethod
    def _expect(fits: bool, name: str, shape: Shape) -> None:
        if not fits:
            raise NotUnderstood(f"{name or 'it'} is given values of an unusual shape {list(shape)}")


def _pair(value: Any) -> Pair:
    pair = (value, value) if isinstance(value, int) else tuple(value)
    if len(pair) != 2 or not all(isinstance(number, int) for number in pair):
        raise NotUnderstood(f"{value} is no pair of whole numbers")
    return pair


def check_chain(
    chain: Chain, outputs: Callable[[Tensor, Tensor], Tensor], theta: Tensor, inputs: Tensor
) -> None:
    """Compare what the chain gives with the module's own outputs(theta, inputs), for a few examples.

    A last guard for what no structure shows, such as an autocast in a forward that was traced. Raises NotUnderstood.
    """
    try:
        found = chain.forward(theta[None], inputs.movedim(0, -1))[0].movedim(-1, 0)
        own = outputs(theta, inputs.clone())
    except Exception as error:  # an activation of one's own that knows how many examples there are
        raise NotUnderstood(f"a few of the examples are not processed as all are ({error!r:.80})") from error
    tolerance = torch.finfo(theta.dtype).eps ** 0.5
    same = (own.shape, own.dtype) == (found.shape, found.dtype)
    scale = float(own.abs().nan_to_num(0.0, 0.0, 0.0).amax()) if same and own.numel() else 0.0
    if not same or not torch.allclose(found, own, rtol=tolerance, atol=tolerance * scale, equal_nan=True):
        raise NotUnderstood("it gives other outputs when it is taken apart than by itself")
