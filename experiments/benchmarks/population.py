"""Unrelated candidates against torch.func.vmap and the plain loop: `python population.py [THREADS | cuda]`, 1 thread
if not given.

All engines of a work take turns with a square matrix product, whose speed is the peak that shares are taken of.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from common import Row, in_turns, row, write
from torch import Tensor, nn

import nogd

CALLS = 4
PEAK = {"cpu": 1024, "cuda": 8192}  # rows and columns of the matrices
CHUNKS = (16, 128, 1024)  # of vmap; the fastest one counts
MORE = {"cpu": 1, "cuda": 32}  # times as many candidates: a GPU has room for them
AT_MOST = 48  # candidates of a call of the slower engines, which gain nothing from more


@dataclass(frozen=True)
class Work:
    """A module on data; goal: against vmap or the loop, whichever is named."""

    name: str
    module: nn.Module
    inputs: Tensor
    outputs: int
    count: int
    goal: str = ""
    against: str = "vmap"

    @property
    def loss(self) -> str:
        """Squared error for one output, cross-entropy for several."""
        return "mse" if self.outputs == 1 else "cross-entropy"

    @property
    def targets(self) -> Tensor:
        """Random ones."""
        rows = len(self.inputs)
        return torch.randn(rows, 1) if self.outputs == 1 else torch.randint(self.outputs, (rows,))


class Residual(nn.Module):
    """No chain: layers that add to what they are given."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(features, width), nn.Linear(width, 1)
        self.inner = nn.ModuleList([nn.Linear(width, width) for _ in range(2)])

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x).relu()
        for layer in self.inner:
            x = x + layer(x).relu()
        return self.last(x)


class ResidualImages(nn.Module):
    """The same with convolutions."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, padding=1)
        self.inner, self.last = nn.Conv2d(width, width, 3, padding=1), nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x).relu()
        return self.last((x + self.inner(x).relu()).mean((2, 3)))


class Attention(nn.Module):
    """One head over a sequence."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.first, self.mix = nn.Linear(features, width), nn.Linear(width, 3 * width)
        self.last = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        query, key, value = self.mix(x).chunk(3, -1)
        return self.last((x + torch.softmax(query @ key.mT, -1) @ value).mean(1))


def main() -> None:
    """Measure every work and write population.csv (population-2.csv with two threads)."""
    asked = sys.argv[1] if len(sys.argv) > 1 else "1"
    device, threads = ("cuda", 1) if asked == "cuda" else ("cpu", int(asked))
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    rows = [each for work in (*_known(), *_others()) for each in _measure(work, device)]
    write("population" if threads == 1 else f"population-{threads}", rows, device)


def _known() -> list[Work]:
    """Networks that are taken apart."""
    return [
        Work("10-5-4-1 x 442", _layers(10, 5, 4, 1), torch.randn(442, 10), 1, 2_000, ">= 6"),
        Work("64-32-10 x 1,797", _layers(64, 32, 10), torch.randn(1_797, 64), 10, 64, ">= 2.5"),
        Work("784-256-10 x 1,024", _layers(784, 256, 10), torch.randn(1_024, 784), 10, 8),
        Work("ConvNet 8 x 8 x 512", _images(8), torch.randn(512, 1, 8, 8), 10, 32, ">= 2"),
        Work("ConvNet 28 x 28 x 128", _images(28), torch.randn(128, 1, 28, 28), 10, 16, ">= 2"),
    ]


def _others() -> list[Work]:
    """Modules that are called, under vmap or one by one."""
    works = []
    for width, examples in ((5, 442), (32, 442), (256, 512)):
        inputs = torch.randn(examples, 10)
        works.append(_other(f"residual {width} x {examples}", Residual(10, width), inputs, 1))
    for width, side, examples in ((4, 8, 32), (16, 28, 32)):
        inputs, module = torch.randn(examples, 1, side, side), ResidualImages(1, width)
        works.append(_other(f"residual ConvNet {width}, {side} x {side} x {examples}", module, inputs, 10))
    for width, examples in ((16, 32), (64, 128)):
        inputs = torch.randn(examples, 16, 8)
        works.append(_other(f"attention {width} x {examples}", Attention(8, width), inputs, 1))
    return works


def _other(name: str, module: nn.Module, inputs: Tensor, outputs: int) -> Work:
    return Work(name, module, inputs, outputs, 64, ">= 0.95", "plain loop")


def _layers(*widths: int) -> nn.Module:
    parts: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        parts += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def _images(side: int) -> nn.Module:
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(16 * (side // 4) ** 2, 10)),
    )


def _measure(work: Work, device: str) -> list[Row]:
    targets = work.targets.to(device)
    work = replace(work, module=work.module.to(device), inputs=work.inputs.to(device))
    fast = nogd.objective(work.module, work.inputs, targets, loss=work.loss)
    thetas = torch.randn(work.count * MORE[device], fast.D, device=device) * 0.1
    few, many = thetas[:AT_MOST], thetas[: 256 * MORE[device]]
    size = PEAK[device]
    matrix = torch.randn(size, size, device=device)
    jobs: list[Callable[[], object]] = [
        lambda: matrix @ matrix,
        lambda: fast.losses(nogd.Population(thetas)),
        lambda: _loop(work, targets, few),
        *(lambda chunk=chunk: _vmap(work, targets, many, chunk) for chunk in CHUNKS),
    ]
    _check(fast.losses(nogd.Population(few)), _loop(work, targets, few))
    peak, *times = in_turns(*jobs, calls=CALLS, device=device)
    counts = (len(thetas), len(few), *(len(many) for _ in CHUNKS))
    nogd_, loop, *vmaps = ([count / s for s in t] for count, t in zip(counts, times, strict=True))
    vmap = [max(speeds) for speeds in zip(*vmaps, strict=True)]
    other = vmap if work.against == "vmap" else loop
    flops = _flops(fast)
    shares = [speed * flops / (2 * size**3 / s) for speed, s in zip(nogd_, peak, strict=True)]
    engine = fast.engine.partition(":")[0]
    return [
        row(f"{work.name}: nogd ({engine})", nogd_, "candidates/s"),
        row(f"{work.name}: torch.func.vmap", vmap, "candidates/s"),
        row(f"{work.name}: plain loop", loop, "candidates/s"),
        row(f"{work.name}: times faster", _ratios(nogd_, other), "x", work.goal, work.against),
        row(
            f"{work.name}: share of the peak", shares, "", ">= 0.75" if work.count == 8 else "", "one product"
        ),
    ]


def _ratios(these: list[float], those: list[float]) -> list[float]:
    return [a / b for a, b in zip(these, those, strict=True)]


def _loop(work: Work, targets: Tensor, thetas: Tensor) -> Tensor:
    """What one would write: the module's own parameters set, its forward called, for each candidate."""
    loss = F.mse_loss if work.outputs == 1 else F.cross_entropy
    losses = []
    with torch.no_grad():
        for theta in thetas:
            nn.utils.vector_to_parameters(theta, work.module.parameters())
            losses.append(loss(work.module(work.inputs), targets))
    return torch.stack(losses)


def _vmap(work: Work, targets: Tensor, thetas: Tensor, chunk: int) -> Tensor:
    """The same as torch's documentation does an ensemble of models."""
    loss = F.mse_loss if work.outputs == 1 else F.cross_entropy
    places = [(name, p.shape, p.numel()) for name, p in work.module.named_parameters()]

    def loss_of(theta: Tensor) -> Tensor:
        parts = theta.split([size for *_, size in places])
        named = {name: part.view(shape) for (name, shape, _), part in zip(places, parts, strict=True)}
        return loss(torch.func.functional_call(work.module, named, (work.inputs,)), targets)

    with torch.no_grad():
        return torch.func.vmap(loss_of, chunk_size=chunk)(thetas)


def _flops(objective: nogd.Objective) -> float:
    """Arithmetic of one candidate's products, as the objective counts it."""
    before = objective.meter.flops
    objective.losses(nogd.Population(torch.zeros(1, objective.D, device=objective.device)))
    return objective.meter.flops - before


def _check(found: Tensor, expected: Tensor) -> None:
    if not torch.allclose(found, expected, rtol=1e-3, atol=1e-4):
        raise AssertionError(f"nogd gives {found}, the plain loop {expected}")


if __name__ == "__main__":
    main()
