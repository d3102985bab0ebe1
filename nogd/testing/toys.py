"""Small problems whose answers are known, for checks that must take no time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor, nn

from nogd.engine.device import find_device
from nogd.engine.making import AnyLoss, make_network
from nogd.engine.objective import Objective
from nogd.engine.several import Inputs, Several
from nogd.engine.space import DEFAULT_BOX, Bounds, ParameterSpace
from nogd.testing.check import NotApplicable
from nogd.training.learner import Learner, refusal

ROWS = 24


@dataclass(frozen=True)
class Toy:
    """A network with a bad but finite start, data and a loss.

    targets: of the inputs `[N, features]`. start: standard deviation of the start's parameters.
    """

    name: str
    network: Callable[[], nn.Module]
    targets: Callable[[Tensor], Tensor]
    loss: AnyLoss = "mse"
    features: int = 2
    start: float = 2.0
    bounds: Bounds = DEFAULT_BOX

    def inputs(self) -> Tensor:
        """The same numbers whenever they are asked for, `[N, features]` of float32."""
        return torch.randn(ROWS, self.features, generator=Generator().manual_seed(1))

    def objective(
        self,
        dtype: torch.dtype = torch.float32,
        device: str = "cpu",
        kind: type[Objective] = Objective,
    ) -> Objective:
        """A fresh objective of that type; the network stands at its start."""
        place = find_device(device)
        module = _drawn(self.network(), self.start).to(device=place, dtype=dtype)
        inputs = self.inputs()
        targets = self.targets(inputs).to(place)
        if targets.is_floating_point():
            targets = targets.to(dtype)
        space = ParameterSpace(module, self.bounds)
        given = self.given(inputs.to(place, dtype))
        return kind(make_network(module, given, targets, self.loss, space))

    def given(self, inputs: Tensor) -> Inputs:
        """The inputs as the network takes them."""
        return inputs


class TwoInputs(Toy):
    """Its network takes the columns by name, half of them each."""

    def given(self, inputs: Tensor) -> Inputs:
        first, second = inputs.chunk(2, dim=1)
        return Several({"first": first, "second": second})


class _Sum(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(1, 1), nn.Linear(1, 1)

    def forward(self, *, first: Tensor, second: Tensor) -> Tensor:
        out: Tensor = self.one(first) + self.other(second)
        return out


def _sum() -> nn.Module:
    with torch.random.fork_rng(devices=[]):  # what torch draws first is thrown away
        return _Sum()


def start_of(objective: Objective) -> Tensor:
    """Where a toy's network stands, `[D]`."""
    return objective.space.read(objective.module).clone()


def _drawn(module: nn.Module, spread: float) -> nn.Module:
    rng = Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(spread * torch.randn(parameter.shape, generator=rng))
    return module


def _wave(inputs: Tensor) -> Tensor:
    return torch.sin(inputs.sum(dim=1, keepdim=True))


def _plane(inputs: Tensor) -> Tensor:
    return inputs.sum(dim=1, keepdim=True) - 0.5


def _side(inputs: Tensor) -> Tensor:
    return (inputs[:, :1] > inputs[:, 1:2]).float()


def _corner(inputs: Tensor) -> Tensor:
    return (inputs[:, 0] > 0).long() + (inputs[:, 1] > 0).long()


def _layers(*layers: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    def network() -> nn.Module:
        with torch.random.fork_rng(devices=[]):  # what torch draws first is thrown away
            return nn.Sequential(*(layer() for layer in layers))

    return network


def _linear(inputs: int, outputs: int, bias: bool = True) -> Callable[[], nn.Module]:
    return lambda: nn.Linear(inputs, outputs, bias)


CURVE = Toy("a curve", _layers(_linear(2, 4), nn.Tanh, _linear(4, 1)), _wave)
CLASSES = Toy("three classes", _layers(_linear(2, 4), nn.ReLU, _linear(4, 3)), _corner, "cross-entropy")
PLANE = Toy("a plane", _layers(_linear(2, 1)), _plane)
SIDES = Toy("two classes", _layers(_linear(2, 1)), _side, "binary-cross-entropy")
SLOPE = Toy("a slope", _layers(_linear(1, 1, bias=False)), _plane, features=1)

UNBIASED = (
    Toy(
        "a curve without biases",
        _layers(_linear(2, 4, bias=False), nn.Tanh, _linear(4, 1, bias=False)),
        _wave,
    ),
    Toy(
        "classes without biases",
        _layers(_linear(2, 4, bias=False), nn.ReLU, _linear(4, 3, bias=False)),
        _corner,
        "cross-entropy",
    ),
)

PAIR = TwoInputs("a plane of two inputs", _sum, _plane)

ALL = (CURVE, CLASSES, PLANE, SIDES)
# Each has one minimum that is no plateau, or all but one, and starts far from it.
EASY = (PLANE, SIDES, replace(CURVE, name="a curve from near by", start=0.7))


def first_fit(learner: Learner, toys: Sequence[Toy] = ALL) -> Toy:
    """The first toy that the learner can work on. Raises NotApplicable, with its reason, if there is none."""
    reasons = []
    for toy in toys:
        reason = refusal(learner, toy.objective())
        if reason is None:
            return toy
        reasons.append(reason)
    raise NotApplicable(f"it refuses every small problem of this check: {reasons[0]}")
