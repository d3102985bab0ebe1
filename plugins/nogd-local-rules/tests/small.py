"""Small networks and data, and ways to take one step of a rule."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from nogd_local_rules.blocks import blocks_of
from torch import Generator, Tensor, nn

import nogd

CLASSES = 3


def data(examples: int = 6, features: int = 4, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Inputs and classes, all of them present."""
    rng = Generator().manual_seed(seed)
    inputs = torch.randn(examples, features, generator=rng, dtype=torch.float64)
    return inputs, torch.arange(examples) % CLASSES


def network(*sizes: int, activation: type[nn.Module] = nn.Tanh, seed: int = 1) -> nn.Sequential:
    """Linear layers of these sizes with activations between them, in float64."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            layers += [nn.Linear(before, after), activation()]
        return nn.Sequential(*layers[:-1]).double()


def begin(
    learner: nogd.Learner, module: nn.Module, *given: Tensor, seed: int = 3, **more: Any
) -> tuple[Any, Any]:
    """An objective and the learner's first state on it."""
    more.setdefault("loss", "cross-entropy")
    objective = nogd.objective(module, *given, **more)
    theta = objective.space.read(module).clone()
    return objective, learner.init(objective, theta, Generator().manual_seed(seed))


def moved(learner: nogd.Learner, module: nn.Module, *given: Tensor, **more: Any) -> tuple[Tensor, Any, Any]:
    """What one step subtracts from theta, the state after it, and the objective."""
    objective, state = begin(learner, module, *given, **more)
    before = state.theta.clone()
    learner.step(objective, state)
    return before - state.theta, state, objective


def weights(module: nn.Sequential) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weights and biases of the linear layers."""
    linear = [layer for layer in module if isinstance(layer, nn.Linear)]
    return [(layer.weight.detach().numpy().copy(), layer.bias.detach().numpy().copy()) for layer in linear]


class Changes:
    """What one step is to subtract from theta, gathered example by example."""

    def __init__(self, layers: list[tuple[np.ndarray, np.ndarray]]) -> None:
        self._parts = [(np.zeros_like(weight), np.zeros_like(bias)) for weight, bias in layers]

    def add(self, rate: float, deltas: Sequence[np.ndarray], inputs: Sequence[np.ndarray]) -> None:
        """A layer's delta times what came in, for each layer."""
        for (weight, bias), delta, came in zip(self._parts, deltas, inputs, strict=True):
            np.add(weight, rate * np.outer(delta, came), out=weight)
            np.add(bias, rate * delta, out=bias)

    def flat(self) -> Tensor:
        """Layer by layer, as theta has them."""
        return flat(self._parts)


def flat(changes: list[tuple[np.ndarray, np.ndarray]]) -> Tensor:
    """Changes of weights and biases, layer by layer, as theta has them."""
    return torch.cat([torch.from_numpy(np.concatenate([w.ravel(), b])) for w, b in changes])


def softmax_error(outputs: np.ndarray, label: int) -> np.ndarray:
    """Softmax less the label, for one example."""
    shares = np.exp(outputs - outputs.max())
    shares /= shares.sum()
    shares[label] -= 1
    return shares


def cosine(one: Tensor, other: Tensor) -> float:
    """Of the angle between two directions."""
    return float(one @ other / one.norm() / other.norm())


def cosines_of_hidden_layers(learner: Any, seed: int) -> list[float]:
    """In each of 100 steps, between what a rule changes in two hidden layers and the gradient there."""
    inputs, _ = data(60)
    labels = (inputs[:, 0] > 0).long() + (inputs[:, 1] > 0).long()
    objective, state = begin(learner, network(4, 12, 12, CLASSES, seed=seed), inputs, labels, seed=seed)
    hidden = slice(0, (4 * 12 + 12) + (12 * 12 + 12))
    cosines = []
    for _ in range(100):
        learner.step(objective, state)
        change = learner.change(objective, blocks_of(objective), state, None)
        cosines.append(cosine(change[hidden], objective.gradient(state.theta)[1][hidden]))
    return cosines
