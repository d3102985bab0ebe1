"""What the compiled loops gain over torch on small networks: `python compiled.py`, one thread, in turns."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
from common import Row, in_turns, row, write
from torch import nn

import nogd

WORKS = {
    "10-5-4-1 x 442": ((10, 5, 4, 1), 442, "mse"),
    "30-8-1 x 569": ((30, 8, 1), 569, "binary-cross-entropy"),
    "64-32-10 x 1,797": ((64, 32, 10), 1797, "cross-entropy"),
}
ENGINES = ("compiled", "stack")
CALLS = 10
VALUES = 100


def network(sizes: tuple[int, ...]) -> nn.Sequential:
    """Linear layers with ReLU between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def gains(name: str, sizes: tuple[int, ...], examples: int, loss: str) -> list[Row]:
    """Times as fast as the same objective scored by torch: populations, and lines of a walk."""
    torch.manual_seed(0)
    module, inputs = network(sizes), torch.randn(examples, sizes[0])
    if loss == "mse":
        targets = torch.randn(examples, 1)
    else:
        classes = torch.randint(max(sizes[-1], 2), (examples,))
        targets = classes if loss == "cross-entropy" else classes[:, None].float()
    both = [nogd.objective(module, inputs, targets, loss=loss, engine=engine) for engine in ENGINES]
    theta, values = both[0].space.read(module), torch.linspace(-1, 1, VALUES)
    found = []
    for count in (1, 100):
        thetas = nogd.Population(torch.randn(count, len(theta)))
        found.append(ratio(f"{name}: population of {count}", [partial(each.losses, thetas) for each in both]))
    walks = [each.walk(theta) for each in both]
    for index, where in ((0, "first layer"), (len(theta) - 1, "last layer")):
        jobs = [partial(walk.losses, index, values) for walk in walks]
        found.append(ratio(f"{name}: {VALUES} values, {where}", jobs))
    return found


def ratio(what: str, jobs: list[Callable[[], object]]) -> Row:
    """How many times as fast the first job is as the second."""
    fast, slow = in_turns(*jobs, calls=CALLS)
    return row(what, [a / b for a, b in zip(slow, fast, strict=True)], "x as fast", "", "torch alone")


if __name__ == "__main__":
    torch.set_num_threads(1)
    write("compiled", [each for name, work in WORKS.items() for each in gains(name, *work)])
