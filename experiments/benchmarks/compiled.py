"""What the compiled loops gain over torch on small networks: `python compiled.py`, one thread, in turns."""

from __future__ import annotations

import torch
from common import Row, in_turns, row, write
from torch import nn

import nogd

WORKS = {
    "10-5-4-1 x 442": ((10, 5, 4, 1), 442, "mse"),
    "30-8-1 x 569": ((30, 8, 1), 569, "binary-cross-entropy"),
    "64-32-10 x 1,797": ((64, 32, 10), 1797, "cross-entropy"),
}
CALLS = 10
VALUES = 100


def network(sizes: tuple[int, ...]) -> nn.Sequential:
    """Linear layers with ReLU between them."""
    layers: list[nn.Module] = []
    for inputs, outputs in zip(sizes, sizes[1:], strict=False):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def gains(name: str, sizes: tuple[int, ...], examples: int, loss: str) -> list[Row]:
    """Times as fast as the same objective scored by torch: populations, and lines of a walk."""
    torch.manual_seed(0)
    module, inputs = network(sizes), torch.randn(examples, sizes[0])
    outputs = sizes[-1]
    targets = torch.randint(max(outputs, 2), (examples,)) if loss != "mse" else torch.randn(examples, 1)
    targets = targets[:, None].float() if loss == "binary-cross-entropy" else targets
    found = []
    for count in (1, 100):
        thetas = nogd.Population(torch.randn(count, sum(each.numel() for each in module.parameters())))
        compiled, stack = (
            nogd.objective(module, inputs, targets, loss=loss, engine=engine) for engine in ("compiled", "stack")
        )
        fast, slow = in_turns(lambda: compiled.losses(thetas), lambda: stack.losses(thetas), calls=CALLS)
        ratios = [a / b for a, b in zip(slow, fast, strict=True)]
        found.append(row(f"{name}: population of {count}", ratios, "x as fast", "", "the stack engine (torch)"))
    values, theta = torch.linspace(-1, 1, VALUES), compiled.space.read(module)
    lines = [each.walk(theta) for each in (compiled, stack)]
    for index, where in ((0, "first layer"), (compiled.D - 1, "last layer")):
        fast, slow = in_turns(*(lambda walk=walk: walk.losses(index, values) for walk in lines), calls=CALLS)
        ratios = [a / b for a, b in zip(slow, fast, strict=True)]
        found.append(row(f"{name}: {VALUES} values, {where}", ratios, "x as fast", "", "the stack engine (torch)"))
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    write("compiled", [each for name, work in WORKS.items() for each in gains(name, *work)])
