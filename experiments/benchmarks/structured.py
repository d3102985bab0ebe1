"""Candidates with a structure, and what losses() itself costs: `python structured.py [cuda]`, some minutes."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path
from statistics import median

import torch
from common import REPETITIONS, Row, each_of, in_turns, memory_in_mb, minus, ratios_of, row, write
from torch import Generator, Tensor, nn
from torch.profiler import ProfilerActivity, profile

import nogd
from nogd.engine.candidates.scoring import score
from nogd.engine.making import make_network
from nogd.engine.modules.copies import private_copy
from nogd.engine.network import Network
from nogd.engine.objective import Objective
from nogd.engine.space import ParameterSpace

MICROSECONDS, GIGA = 1e6, 1e9
WIDE, ROWS_WIDE, VALUES = (784, 256, 10), 1_024, 100
CANDIDATES = {"cpu": 64, "cuda": 1_024}
SQUARE = {"cpu": 2_048, "cuda": 8_192}  # rows and columns of the matrices whose product is the peak
LARGE, ROWS_LARGE = (784, 3_072, 2_464, 10), 4_096  # D = 10,008,042
SEEDS = (1,)  # a mirrored pair
PEAK_OF = {"cpu": "GEMM peak, 2,048 x 2,048, 2 threads", "cuda": "GEMM peak, 8,192 x 8,192"}

# Which torch operations belong to what; all others are "rest", with the time in between.
PARTS = {
    "products": ("aten::mm", "aten::bmm", "aten::addmm", "aten::baddbmm", "aten::baddbmm_", "aten::addmm_"),
    "thin products": ("aten::addcmul", "aten::addcmul_"),
    "noise": ("aten::normal_",),
    "additions": ("aten::add_", "aten::mul_", "aten::mul", "aten::copy_", "aten::add", "aten::cat"),
    "activations": ("aten::relu_", "aten::relu", "aten::clamp_min", "aten::clamp_min_"),
}


def main(device: str) -> None:
    """Measure everything with two threads, a losses() call with one; on a GPU only what is to be had there."""
    if device == "cuda":
        write("structured", [*low_rank(device), *perturbed(device), *memory_of_gpu()], device)
        return
    torch.set_num_threads(2)
    rows = [*low_rank(device), *perturbed(device), *memory()]
    torch.set_num_threads(1)
    write("structured", [*rows, *losses_call()])


def make_work(widths: tuple[int, ...], rows: int, device: str = "cpu") -> tuple[nn.Module, Tensor, Tensor]:
    """Linear layers with ReLU between them, and random data."""
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    inputs, targets = torch.randn(rows, widths[0]), torch.randint(widths[-1], (rows,))
    return nn.Sequential(*layers[:-1]).to(device), inputs.to(device), targets.to(device)


def _forward_flops(widths: tuple[int, ...], rows: int) -> float:
    return 2.0 * rows * sum(a * b for a, b in itertools.pairwise(widths))


def _product(device: str) -> Callable[[], object]:
    """The product of two square matrices, by which the GEMM peak is measured."""
    a, b, out = (torch.randn(SQUARE[device], SQUARE[device], device=device) for _ in range(3))
    return lambda: torch.mm(a, b, out=out)


def _peaks(seconds: list[float], device: str) -> list[float]:
    return [2 * SQUARE[device] ** 3 / s / GIGA for s in seconds]


# -- LowRank


def low_rank(device: str) -> list[Row]:
    """LowRank of rank 1 against a Population of as many, and both against the GEMM peak."""
    population = CANDIDATES[device]
    module, inputs, targets = make_work(WIDE, ROWS_WIDE, device)
    objective = nogd.objective(module, inputs, targets, loss="cross-entropy")
    theta = objective.space.read(module)
    thin = nogd.LowRank.draw(objective.space, theta, population, 0.02, Generator(device).manual_seed(0))
    dense = nogd.Population(thin.dense())
    if not torch.allclose(objective.losses(thin), objective.losses(dense), rtol=1e-4):
        raise AssertionError("LowRank and the same written out have other losses")
    jobs = {"Population": lambda: objective.losses(dense), "LowRank, rank 1": lambda: objective.losses(thin)}
    lines = _lines(objective, theta)
    wide, narrow, line, product = in_turns(*jobs.values(), lines, _product(device), calls=10, device=device)
    peaks = _peaks(product, device)
    flops = population * _forward_flops(WIDE, ROWS_WIDE)
    shares = [100 * flops / s / GIGA / peak for s, peak in zip(wide, peaks, strict=True)]
    work = "784-256-10 x 1,024"
    return [
        row(PEAK_OF[device], peaks, "GFLOP/s"),
        row(f"{work}, P {population}: Population", [population / s for s in wide], "candidates/s"),
        row(f"{work}: Population's share of the GEMM peak", shares, "%", ">= 75", "torch.mm in the same run"),
        row(f"{work}, P {population}: LowRank, rank 1", [population / s for s in narrow], "candidates/s"),
        row(f"{work}: LowRank, times as fast", ratios_of(wide, narrow), "x", ">= 8", "Population"),
        row(f"{work}: values of a line in a walk, G {VALUES}", [VALUES / s for s in line], "values/s"),
        row(
            f"{work}: a line, times as fast",
            ratios_of(each_of(wide, population), each_of(line, VALUES)),
            "x",
            ">= 100",
            "Population",
        ),
        *_all_parts(work, jobs, 8, device),
    ]


def _lines(objective: Objective, theta: Tensor) -> Callable[[], object]:
    """The next coordinate of the first layer at each call, with a move, as a coordinate search would have it."""
    walk, values = objective.walk(theta.clone()), torch.linspace(-1, 1, VALUES, device=theta.device)
    coordinates = itertools.cycle(range(WIDE[0] * WIDE[1]))
    dense = nogd.Line(walk.theta, 1, values).dense()
    if not torch.allclose(walk.losses(1, values), objective.losses(nogd.Population(dense)), rtol=1e-4):
        raise AssertionError("a line of a walk and the same written out have other losses")

    def one() -> None:
        index = next(coordinates)
        place, _ = walk.lowest(index, values)
        walk.move(index, values[place])

    return one


# -- Perturbed


def perturbed(device: str) -> list[Row]:
    """A mirrored pair against as many forwards of the module by itself."""
    module, inputs, targets = make_work(LARGE, ROWS_LARGE, device)
    objective = nogd.objective(module, inputs, targets, loss="cross-entropy")
    theta = objective.space.read(module)
    candidates = nogd.Perturbed(theta, SEEDS, 1e-3, antithetic=True)
    _check(objective, module, candidates)
    count = len(candidates)

    def forwards() -> None:
        for _ in range(count):
            bare(module, inputs, targets)

    jobs = {"Perturbed": lambda: objective.losses(candidates), "the module by itself": forwards}
    ours, plain, product = in_turns(*jobs.values(), _product(device), calls=2, device=device)
    flops, peaks = count * _forward_flops(LARGE, ROWS_LARGE), _peaks(product, device)
    shares = [
        [100 * flops / s / GIGA / peak for s, peak in zip(t, peaks, strict=True)] for t in (ours, plain)
    ]
    against = "as many forwards of the module"
    return [
        row("D 10^7 x 4,096: a Perturbed candidate", [s / count for s in ours], "s"),
        row("D 10^7 x 4,096: a forward of the module", [s / count for s in plain], "s"),
        row("D 10^7 x 4,096: Perturbed, times as long", ratios_of(ours, plain), "x", "<= 1.3", against),
        row("D 10^7 x 4,096: Perturbed's share of the GEMM peak", shares[0], "%"),
        row("D 10^7 x 4,096: the module's share of the GEMM peak", shares[1], "%"),
        *_all_parts("D 10^7 x 4,096", jobs, 1, device),
    ]


def bare(module: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """The loss by the module itself."""
    with torch.no_grad():
        return nn.functional.cross_entropy(module(inputs), targets)


def _check(objective: Objective, module: nn.Module, candidates: nogd.Perturbed) -> None:
    """The first candidate's loss is that of the module with the same parameters; theta is as it was."""
    before = candidates.theta.clone()
    loss = objective.losses(candidates)[0]
    own = private_copy(module)
    objective.space.write(candidates.at(0), own)
    if not torch.allclose(loss, bare(own, objective.inputs, objective.targets), rtol=1e-4):
        raise AssertionError("Perturbed and the same written out have other losses")
    if not torch.equal(candidates.theta, before):
        raise AssertionError("theta was changed")


# -- where the time goes


def _all_parts(work: str, jobs: dict[str, Callable[[], object]], calls: int, device: str) -> Iterator[Row]:
    """The shares of all jobs; not on a GPU, whose operations run while others are asked for."""
    if device == "cpu":
        for name, job in jobs.items():
            yield from _parts(f"{work}: {name}", job, calls)


def _parts(name: str, job: Callable[[], object], calls: int) -> Iterator[Row]:
    """Share of each part of a job's time by torch's profiler, one thread; of each repetition its quickest call."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    shares: dict[str, list[float]] = {part: [] for part in (*PARTS, "rest")}
    for _ in range(REPETITIONS):
        seconds, times = min((_profiled(job) for _ in range(calls)), key=itemgetter(0))
        known = {part: sum(times.get(key, 0.0) for key in keys) for part, keys in PARTS.items()}
        for part, spent in (known | {"rest": seconds - sum(known.values())}).items():
            shares[part].append(100 * spent / seconds)
    torch.set_num_threads(threads)
    for part, values in shares.items():
        yield row(f"{name}, time in {part}", values, "%")


def _profiled(job: Callable[[], object]) -> tuple[float, dict[str, float]]:
    """Seconds of one call, in all and in each torch operation by itself."""
    with profile(activities=[ProfilerActivity.CPU]) as found:
        started = time.perf_counter()
        job()
        seconds = time.perf_counter() - started
    return seconds, {event.key: event.self_cpu_time_total / MICROSECONDS for event in found.key_averages()}


# -- memory, each in a process of its own


def memory() -> list[Row]:
    """Peak memory of a mirrored pair and of a forward of the module; both processes import and load the same."""
    figures: dict[str, list[dict[str, float]]] = {"plain": [], "perturbed": []}
    for _ in range(REPETITIONS):
        for kind, found in figures.items():
            command = [sys.executable, str(Path(__file__)), kind]
            out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found.append(json.loads(out))
    rows = []
    for what, key in (
        ("the whole process", "process"),
        ("above the imports", "above imports"),
        ("the call alone", "call"),
    ):
        plain, ours = ([each[key] for each in figures[kind]] for kind in ("plain", "perturbed"))
        goal = "<= 1.25" if key == "process" else ""
        rows += [
            row(f"D 10^7 x 4,096: peak memory, {what}: the module", plain, "MB"),
            row(f"D 10^7 x 4,096: peak memory, {what}: Perturbed", ours, "MB"),
            row(
                f"D 10^7 x 4,096: peak memory, {what}, times", ratios_of(ours, plain), "x", goal, "the module"
            ),
        ]
    return rows


def one_process(kind: str) -> None:
    """Print this process's peaks in MB (10^6 bytes): of all, above the imports, and of the call alone."""
    torch.set_num_threads(2)
    imported = memory_in_mb("VmRSS")
    module, inputs, targets = make_work(LARGE, ROWS_LARGE)
    job = _job(kind, module, inputs, targets)
    before, peak = memory_in_mb("VmRSS"), memory_in_mb("VmHWM")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from here
    job()
    last = memory_in_mb("VmHWM")
    whole = max(peak, last)
    print(json.dumps({"process": whole, "above imports": whole - imported, "call": last - before}))


def _job(kind: str, module: nn.Module, inputs: Tensor, targets: Tensor) -> Callable[[], object]:
    if kind == "plain":
        bare(*make_work((784, 8, 10), 8))  # what torch itself takes at the first product
        return lambda: bare(module, inputs, targets)
    objective = nogd.objective(module, inputs, targets, loss="cross-entropy")
    candidates = nogd.Perturbed(objective.space.read(module), SEEDS, 1e-3, antithetic=True)
    return lambda: objective.losses(candidates)


def memory_of_gpu() -> list[Row]:
    """Peak memory on a GPU of a mirrored pair and of a forward of the module, each on its own."""
    peaks: dict[str, list[float]] = {"plain": [], "perturbed": []}
    for kind in [*peaks] * REPETITIONS:
        job = _job(kind, *make_work(LARGE, ROWS_LARGE, "cuda"))
        job()
        torch.cuda.reset_peak_memory_stats()
        job()
        peaks[kind].append(torch.cuda.max_memory_allocated() / 1e6)
        del job
        torch.cuda.empty_cache()
    plain, ours = peaks["plain"], peaks["perturbed"]
    work = "D 10^7 x 4,096: peak memory of the GPU"
    return [
        row(f"{work}: the module", plain, "MB"),
        row(f"{work}: Perturbed", ours, "MB"),
        row(f"{work}, times", ratios_of(ours, plain), "x", "<= 1.25", "the module"),
    ]


# -- losses() itself


def losses_call() -> list[Row]:
    """losses() of one candidate above the engine's own work, one thread."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(10, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 1))
    inputs, targets = torch.randn(442, 10), torch.randn(442, 1)
    working = private_copy(module)
    network = make_network(working, inputs, targets, "mse", ParameterSpace(working))
    objective = Objective(network)
    theta = objective.space.read(module)
    rng = Generator().manual_seed(0)
    kinds = {
        "Population": nogd.Population(theta[None]),
        "Perturbed": nogd.Perturbed(theta, (1,), 0.1),
        "LowRank": nogd.LowRank.draw(objective.space, theta, 1, 0.1, rng),
    }
    return [_losses_call(name, objective, network, candidates) for name, candidates in kinds.items()]


def _losses_call(
    name: str,
    objective: Objective,
    network: Network,
    candidates: nogd.Population | nogd.Perturbed | nogd.LowRank,
) -> Row:
    through, engine = in_turns(
        lambda: objective.losses(candidates), lambda: score(network, candidates, None), calls=1_000
    )
    what = f"losses({name}) above the engine, 10-5-4-1 x 442, P 1"
    against = f"the engine, {median(engine) * MICROSECONDS:.0f} us"
    return row(what, minus(through, engine, MICROSECONDS), "us", "<= 20", against)


if __name__ == "__main__":
    if sys.argv[1:] in ([], ["cuda"]):
        main(*sys.argv[1:] or ["cpu"])
    else:
        one_process(sys.argv[1])
