"""Peak memory of training without back-propagation, beside plain inference and Adam: `python measure.py`.

Each figure comes from a process of its own, forked before anything is computed: it makes the network and its data, lets
the learner take steps on a tiny network so that everything is imported, notes its resident memory, and asks the kernel
(Linux) for the highest since then. What is in memory.csv already is kept; delete the file to measure anew. Then it
draws memory.svg and prints the tables. `python measure.py NETWORK` does so for one of the two networks.
"""

from __future__ import annotations

import csv
import itertools
import math
import multiprocessing
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib as mpl
import torch
import torch._dynamo  # torch.utils.checkpoint imports it at its first use: 100 MB that are no activations
import torch.nn.functional as F
import torch.utils.checkpoint
from matplotlib import pyplot as plt
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import nogd
from nogd.bench.memory import peak_megabytes, reset_peak

HERE = Path(__file__).parent
TABLE = HERE / "memory.csv"
COLUMNS = ["network", "parameters", "method", "peak_mb", "seconds", "forwards", "loss"]
STEPS = 2
# What is freed goes back to the system at once: what counts is what is held, not what the allocator keeps for later.
MALLOC = {"MALLOC_MMAP_THRESHOLD_": "1000000", "MALLOC_TRIM_THRESHOLD_": "1000000", "OMP_NUM_THREADS": "1"}
CLASSES = 10
MB = 1024**2 / 1e6  # in a MiB
INFERENCE, BY_HAND, BY_HAND_AGAIN = "inference", "AdamW by hand", "AdamW by hand, checkpointed"
METHODS = {
    INFERENCE: "one forward of all data",
    "mezo,lr=1e-6": "without gradient",
    "lozo,lr=1e-6": "without gradient",
    "openai-es,noise=seeds,optimizer=sgd,population=4,sigma=0.001,lr=1e-6": "without gradient",
    "eggroll,population=4,sigma=0.001": "without gradient",
    "sgd,lr=1e-4,momentum=0": "back-propagation",
    "adam,lr=1e-4,checkpointing=true": "back-propagation",
    "adam,lr=1e-4": "back-propagation",
    BY_HAND_AGAIN: "torch alone",
    BY_HAND: "torch alone",
}
# Colours that the colour-blind tell apart (Okabe and Ito).
COLOURS = {
    "one forward of all data": "#999999",
    "without gradient": "#0072b2",
    "back-propagation": "#e69f00",
    "torch alone": "#cc79a7",
}


class Block(nn.Module):
    """Attention and a perceptron, normalised before (Xiong et al., arXiv:2002.04745)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix, self.join = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.perceptron = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        parts = self.mix(self.before(x)).unflatten(-1, (3, self.heads, -1))
        found = F.scaled_dot_product_attention(*parts.permute(2, 0, 3, 1, 4))
        x = x + self.join(found.transpose(1, 2).flatten(2))
        return x + self.perceptron(self.between(x))


class Transformer(nn.Module):
    """Words to one of some classes."""

    def __init__(self, words: int, length: int, width: int, depth: int) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(words, width), nn.Parameter(torch.zeros(length, width))
        self.blocks = nn.ModuleList([Block(width, 8) for _ in range(depth)])
        self.last, self.classes = nn.LayerNorm(width), nn.Linear(width, CLASSES)

    def forward(self, words: Tensor) -> Tensor:
        x = self.words(words) + self.places
        for block in self.blocks:
            x = block(x)
        return self.classes(self.last(x).mean(1))


def _perceptron(width: int, depth: int) -> nn.Sequential:
    hidden = [part for _ in range(depth) for part in (nn.Linear(width, width), nn.ReLU())]
    return nn.Sequential(nn.Linear(64, width), nn.ReLU(), *hidden, nn.Linear(width, CLASSES))


def perceptron(small: bool) -> tuple[nn.Module, Tensor]:
    """40 hidden layers, 10^7 parameters, and 2,048 examples."""
    return (
        (_perceptron(8, 2), torch.randn(8, 64)) if small else (_perceptron(496, 40), torch.randn(2_048, 64))
    )


def transformer(small: bool) -> tuple[nn.Module, Tensor]:
    """8 blocks, 10^7 parameters, and 32 sequences of 64 words."""
    if small:
        return Transformer(16, 4, 8, 2), torch.randint(16, (8, 4))
    return Transformer(16_384, 64, 256, 8), torch.randint(16_384, (32, 64))


NETWORKS: dict[str, Callable[[bool], tuple[nn.Module, Tensor]]] = {
    "perceptron": perceptron,
    "transformer": transformer,
}
Figures = tuple[float, float, float]  # seconds and forwards of a step, and the last loss


def main() -> None:
    """Measure what is missing, of all networks or of those that are named; draw and print."""
    if not os.environ.keys() >= MALLOC.keys():  # which are read where a process begins
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | MALLOC)
    _complete(sys.argv[1:] or list(NETWORKS))
    _draw()
    _print()


def _complete(networks: list[str]) -> None:
    done = {(row["network"], row["method"]) for row in _rows()}
    for network, method in itertools.product(networks, METHODS):
        if (network, method) not in done:
            _append(network, method)


def measured(network: str, method: str) -> tuple[float, ...]:
    """Parameters, peak MB above what there is before, and the figures of a step."""
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    _take_steps(NETWORKS[network](True), method)
    module, inputs = NETWORKS[network](False)
    reset_peak()
    before = peak_megabytes()
    figures = _take_steps((module, inputs), method)
    size = sum(p.numel() for p in module.parameters())
    return (size, round((peak_megabytes() - before) * MB, 1), *figures)


def _take_steps(work: tuple[nn.Module, Tensor], method: str) -> Figures:
    module, inputs = work
    targets = torch.arange(len(inputs)) % CLASSES
    if method in (INFERENCE, BY_HAND, BY_HAND_AGAIN):
        return _by_hand(module, inputs, targets, method)
    run = nogd.fit(
        module,
        inputs,
        targets,
        learner=method,
        loss="cross-entropy",
        budget=nogd.Budget(iterations=STEPS),
        progress=False,
    )
    later = run.curve.iloc[1:].diff().iloc[1:]  # without the first step, which warms up
    return (
        round(float(later["seconds"].median()), 3),
        round(float(later["forwards"].median()), 2),
        round(run.loss, 4),
    )


def _by_hand(module: nn.Module, inputs: Tensor, targets: Tensor, method: str) -> Figures:
    """What one writes without nogd. A gradient is counted as nogd does."""
    seconds: list[float] = []
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-4)
    for _ in range(STEPS):
        started = time.perf_counter()
        with torch.set_grad_enabled(method != INFERENCE):
            outputs = _segments(module, inputs) if method == BY_HAND_AGAIN else module(inputs)
            loss = F.cross_entropy(outputs, targets)
        if method != INFERENCE:
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        seconds.append(time.perf_counter() - started)
    forwards = {INFERENCE: 1, BY_HAND: 3, BY_HAND_AGAIN: 4}[method]
    return round(statistics.median(seconds[1:]), 3), forwards, round(float(loss.detach()), 4)


def _segments(module: nn.Module, inputs: Tensor) -> Tensor:
    """The perceptron in segments of about the root of its length, the transformer block by block."""
    if isinstance(module, nn.Sequential):
        return torch.utils.checkpoint.checkpoint_sequential(
            module, math.isqrt(len(module)), inputs, use_reentrant=False
        )
    x = module.words(inputs) + module.places
    for block in module.blocks:
        x = checkpoint(block, x, use_reentrant=False)
    return module.classes(module.last(x).mean(1))


def _rows() -> Iterator[dict[str, str]]:
    if TABLE.exists():
        with TABLE.open(newline="") as file:
            yield from csv.DictReader(file)


def _append(network: str, method: str) -> None:
    with multiprocessing.get_context("fork").Pool(1) as fresh:
        size, *figures = fresh.apply(measured, (network, method))
    new = not TABLE.exists()
    with TABLE.open("a", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        if new:
            writer.writerow(COLUMNS)
        writer.writerow([network, size, method, *figures])
    print(network, method, *figures, flush=True)


def _draw() -> None:
    mpl.rcParams |= {"svg.hashsalt": "nogd", "svg.fonttype": "none", "font.size": 9}
    figure, panels = plt.subplots(1, len(NETWORKS), figsize=(10, 3.6), sharey=True, layout="constrained")
    for axes, network in zip(panels, NETWORKS, strict=True):
        rows = [row for row in _rows() if row["network"] == network]
        for row in rows:
            axes.barh(row["method"], float(row["peak_mb"]), color=COLOURS[METHODS[row["method"]]])
            axes.text(float(row["peak_mb"]), row["method"], f" {float(row['peak_mb']):.0f}", va="center")
        axes.set(title=network)
        axes.margins(x=0.15)
    panels[0].invert_yaxis()
    figure.supxlabel("peak memory above module, data and Python, MB", fontsize=9)
    handles = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in COLOURS.values()]
    figure.legend(handles, COLOURS, loc="outside upper center", ncols=len(COLOURS), frameon=False)
    figure.savefig(HERE / "memory.svg", metadata={"Date": None})


def _print() -> None:
    for network in NETWORKS:
        rows = {row["method"]: row for row in _rows() if row["network"] == network}
        if INFERENCE not in rows:
            continue
        plain = float(rows[INFERENCE]["peak_mb"])
        print(f"\n{network}\n\n| method | peak MB | MB over inference | seconds a step | forwards a step |")
        print("| --- | ---: | ---: | ---: | ---: |")
        for method, row in rows.items():
            peak = float(row["peak_mb"])
            figures = f"{float(row['seconds']):.1f} | {float(row['forwards']):.3g}"
            print(f"| `{method}` | {peak:.0f} | {peak - plain:.0f} | {figures} |")


if __name__ == "__main__":
    main()
