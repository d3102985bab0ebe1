"""What outputs, Gram matrices and solved last layers cost: `python outputs.py [PART]`, some minutes, one thread."""

from __future__ import annotations

import functools
import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from common import Row, each_of, in_turns, memory_in_mb, ratios_of, row, write
from structured import bare, make_work
from torch import Tensor, nn

import nogd
from nogd.engine.objective import Objective

LARGE, ROWS_LARGE, PROBES = (784, 768, 512, 10), 4_096, 64  # D = 1,001,738


@dataclass(frozen=True)
class Small:
    """A small network on data; count: candidates of a call."""

    name: str
    widths: tuple[int, ...]
    rows: int
    count: int

    @property
    def objective(self) -> Objective:
        """Squared error for one output, cross-entropy for several."""
        torch.manual_seed(0)
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(self.widths):
            layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        inputs, last = torch.randn(self.rows, self.widths[0]), self.widths[-1]
        targets = torch.randn(self.rows, 1) if last == 1 else torch.randint(last, (self.rows,))
        loss = "mse" if last == 1 else "cross-entropy"
        return nogd.objective(nn.Sequential(*layers[:-1]), inputs, targets, loss=loss)


SMALL = (Small("10-5-4-1 x 442", (10, 5, 4, 1), 442, 100), Small("64-32-10 x 1,797", (64, 32, 10), 1_797, 32))


def main(part: str) -> None:
    """Measure everything, or one part of it without writing it down."""
    torch.set_num_threads(1)
    parts: dict[str, Callable[[], list[Row]]] = {
        "gram": gram,
        "small": small,
        "readout": readout,
        "memory": memory,
    }
    rows = [each for name, found in parts.items() if part in ("", name) for each in found()]
    write("outputs", rows) if not part else print(*rows, sep="\n")


# -- a Gram matrix of a large network


def _large() -> tuple[Objective, nn.Module, Tensor, Tensor]:
    module, inputs, targets = make_work(LARGE, ROWS_LARGE)
    return nogd.objective(module, inputs, targets, loss="cross-entropy"), module, inputs, targets


def _probes(objective: Objective, kind: str) -> nogd.Subspace:
    theta = objective.space.read(objective.module)
    if kind == "seeds":
        return nogd.Subspace(theta, None, 1e-2, seeds=tuple(range(PROBES)))
    place = objective.layers[2].weight
    assert place is not None
    directions = torch.randn(PROBES, place.stop - place.start) / 100
    return nogd.Subspace(theta, directions, 1e-2, within=place)


def gram() -> list[Row]:
    """K probes against K + 1 forwards of the module by itself."""
    objective, module, inputs, targets = _large()
    rows, name = [], "784-768-512-10 x 4,096, K 64"
    jobs = [functools.partial(objective.gram, _probes(objective, kind)) for kind in ("seeds", "stored")]

    def forwards() -> None:
        for _ in range(13):
            bare(module, inputs, targets)

    seeds, stored, alone = in_turns(*jobs, forwards, calls=1, repetitions=3)
    all_alone = [(PROBES + 1) / 13 * s for s in alone]
    rows.append(row(f"{name}: {PROBES + 1} forwards of the module", all_alone, "s"))
    for what, found, goal in (("seeds", seeds, "<= 1.3"), ("directions in one layer", stored, "<= 1.3")):
        rows.append(row(f"{name}: gram, {what}", found, "s"))
        rows.append(
            row(f"{name}: gram, {what}, times", ratios_of(found, all_alone), "x", goal, "the forwards")
        )
    return rows


def memory() -> list[Row]:
    """Peak memory of a Gram matrix and of a forward of the module, each in a process of its own."""
    figures: dict[str, list[float]] = {"plain": [], "seeds": [], "stored": []}
    for _ in range(3):
        for kind, found in figures.items():
            command = [sys.executable, str(Path(__file__)), kind]
            out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found.append(json.loads(out))
    name = "784-768-512-10 x 4,096, K 64: peak memory of the call"
    return [row(f"{name}, {kind}", found, "MB") for kind, found in figures.items()]


def one_process(kind: str) -> None:
    """Print the peak of the call in MB (10^6 bytes), above what there was before."""
    torch.set_num_threads(1)
    objective, module, inputs, targets = _large()
    few = make_work((784, 8, 10), 8)
    if kind == "plain":
        bare(*few)
        job: Callable[[], object] = functools.partial(bare, module, inputs, targets)
    else:
        small = nogd.objective(*few, loss="cross-entropy")
        small.gram(nogd.Subspace(small.space.read(few[0]), None, 0.1, seeds=(1,)))
        job = functools.partial(objective.gram, _probes(objective, kind))
    before = memory_in_mb("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from here
    job()
    print(json.dumps(memory_in_mb("VmHWM") - before))


# -- probes and planes of small networks


def small() -> list[Row]:
    """Probes and sets of a unit's weights against losses of as many unrelated candidates."""
    return [each for which in SMALL for each in _of_small(which)]


def _of_small(which: Small) -> Iterator[Row]:
    objective = which.objective
    theta, count = objective.space.read(objective.module), which.count
    population = nogd.Population(theta + 0.1 * torch.randn(count, objective.D))
    given = nogd.Subspace(theta, torch.randn(count, objective.D), 0.1)
    seeded = nogd.Subspace(theta, None, 0.1, seeds=tuple(range(count)))
    jobs: dict[str, tuple[Callable[[], object], str]] = {
        "losses of probes": (lambda: objective.losses(given), ">= 0.9"),
        "losses of probes from seeds": (lambda: objective.losses(seeded), ">= 0.9"),
        "outputs of probes": (lambda: objective.outputs(given), ">= 0.9"),
        "outputs of unrelated candidates": (lambda: objective.outputs(population), ""),
    }
    for layer in objective.layers:
        if isinstance(layer.module, nn.Linear):
            planes = nogd.Unit(theta, layer, 0, torch.randn(count, layer.module.in_features + 1))
            jobs[f"losses of a unit's planes, layer {layer.name}"] = (
                lambda p=planes: objective.losses(p),
                ">= 5",
            )
            jobs[f"outputs of a unit's planes, layer {layer.name}"] = (
                lambda p=planes: objective.outputs(p),
                "",
            )
    wide, *others = in_turns(
        lambda: objective.losses(population), *(job for job, _ in jobs.values()), calls=60, repetitions=5
    )
    name = f"{which.name}, {count} at once"
    yield row(f"{name}: losses of unrelated candidates", [count / s for s in wide], "candidates/s")
    for (what, (_, goal)), seconds in zip(jobs.items(), others, strict=True):
        yield row(f"{name}: {what}, times the rate", ratios_of(wide, seconds), "x", goal, "unrelated, losses")


# -- the last layer solved


def readout() -> list[Row]:
    """A solved candidate against a forward of an unrelated one."""
    return [each for which in SMALL for each in _readouts(which)]


def _readouts(which: Small) -> Iterator[Row]:
    objective = which.objective
    theta, count = objective.space.read(objective.module), which.count
    population = nogd.Population(theta + 0.1 * torch.randn(count, objective.D))
    jobs: dict[str, Callable[[], object]] = {"readout": lambda: objective.readout(population)}
    prices = {"readout": objective.readout_cost()}
    for layer in dict.fromkeys(unit.layer for unit in objective.units):
        unit = next(each for each in objective.units if each.layer == layer)
        weights, name = torch.randn(count, len(unit)), f"readout_unit, {layer}"
        jobs[name] = lambda u=unit, w=weights: objective.readout_unit(theta, u, w)
        prices[name] = objective.readout_unit_cost(unit, count) / count
    wide, *others = in_turns(lambda: objective.losses(population), *jobs.values(), calls=20, repetitions=5)
    for what, seconds in zip(jobs, others, strict=True):
        name = f"{which.name}, {count} at once: {what}, a candidate"
        yield row(name, [s * 1e6 for s in each_of(seconds, count)], "us")
        yield row(
            f"{name}, times a forward", ratios_of(seconds, wide), "x", f"priced {prices[what]:.3g}", "losses"
        )


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1] in ("plain", "seeds", "stored"):
        one_process(sys.argv[1])
    else:
        main(*sys.argv[1:] or [""])
