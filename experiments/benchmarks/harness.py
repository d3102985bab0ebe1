"""What the harness costs around the work itself: `python harness.py`, about two minutes."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count, pairwise
from pathlib import Path
from statistics import mean, median

import numpy as np
import torch
from common import REPETITIONS, Row, in_turns, minus, row, write
from torch import Tensor, nn

import nogd
from nogd.bench.columns import CURVE_COLUMNS
from nogd.bench.events import Event, Finished
from nogd.bench.experiment import Experiment, make_experiment
from nogd.bench.plan import plan
from nogd.bench.record import Record, cell_columns
from nogd.bench.run import execute
from nogd.bench.store import Store
from nogd.engine.accounts.meter import Limit
from nogd.engine.making import make_network
from nogd.engine.modules.copies import private_copy
from nogd.engine.network import Network
from nogd.engine.objective import Objective
from nogd.engine.space import ParameterSpace
from nogd.engine.state import State
from nogd.training.recorder import Recorder

MICROSECONDS, MILLISECONDS = 1e6, 1e3
CELLS = 40
NAMES = ["random-search,population=10", "random-search,population=11"]


def main() -> None:
    """Measure everything, one thread."""
    torch.set_num_threads(1)
    write("harness", [*cells(), skipped_cell(), *curve_point(), *losses_call(), *adam_step(), store_write()])


# -- cells


class Clock:
    """A Progress that notes when each cell was finished and kept."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def begin(self, total: int, done: int) -> None:
        self.times.append(time.perf_counter())

    def tell(self, event: Event) -> None:
        if isinstance(event, Finished):
            self.times.append(time.perf_counter())

    def done_elsewhere(self) -> None:
        pass

    def end(self) -> None:
        pass

    @property
    def first(self) -> float:
        """Seconds of the first cell, the start of everything with it."""
        return self.times[1] - self.times[0]

    @property
    def each(self) -> list[float]:
        """Seconds from one cell's end to the next one's; the first cell is not counted."""
        return [b - a for a, b in pairwise(self.times[1:])]


def cells() -> list[Row]:
    """The same cells in worker processes, one at a time, and in this process."""
    inline, reused, fresh, mixed_inline, mixed = [], [], [], [], []
    first: list[float] = []
    for _ in range(REPETITIONS):
        inline.append(median(_each(_small(CELLS), 0)))
        reused.append(median(_each(_small(CELLS), 1, first)))
        # Two learners in turns leave each cell a fresh process.
        fresh.append(median(_each(_small(CELLS // 2, learners=2), 1)))
        mixed_inline.append(mean(_each(_mixed(), 0)))
        mixed.append(mean(_each(_mixed(), 1)))
    same_here = "the same cell in the harness's own process"
    return [
        row("a cell in this process", [t * MILLISECONDS for t in inline], "ms"),
        row("an isolated cell, process reused, above it", _ms(reused, inline), "ms", "<= 16", same_here),
        row("an isolated cell, fresh process, above it", _ms(fresh, inline), "ms", "<= 60", same_here),
        row(
            "the average cell of all default tasks, in this process",
            [t * MILLISECONDS for t in mixed_inline],
            "ms",
        ),
        row("the average isolated one, above it", _ms(mixed, mixed_inline), "ms", "<= 16", same_here),
        row("the first isolated cell, imports and all", first, "s"),
    ]


def _ms(these: list[float], those: list[float]) -> list[float]:
    return minus(these, those, MILLISECONDS)


def _each(experiment: Experiment, jobs: int, first: list[float] | None = None) -> list[float]:
    """Seconds of each cell but the first, run one after the other; the lesser of two, as the machine is shared."""
    rounds = []
    for _ in range(2):
        clock = Clock()
        with _folder() as folder:
            execute(experiment, folder, jobs=jobs, fresh=False, progress=clock)
        rounds.append(clock.each)
        if first is not None:
            first.append(clock.first)
    return [min(cell) for cell in zip(*rounds, strict=True)]


def _mixed() -> Experiment:
    """As `nogd run --all` plans it: all default tasks with one learner, then with the next; one in ten is fresh."""
    return make_experiment(None, learners=NAMES[:2], repetitions=2, budget={"forwards": 50})


def _small(repetitions: int, learners: int = 1) -> Experiment:
    """Cells of 50 forwards each."""
    tasks, budget = ["iris"], {"forwards": 50}
    return make_experiment(
        None, learners=NAMES[:learners], tasks=tasks, repetitions=repetitions, budget=budget
    )


def skipped_cell() -> Row:
    """A second run of 1,000 cells that are done, above a second run of one."""
    with _folder() as many, _folder() as one:
        thousand, single = _done(many, 1_000), _done(one, 1)
        long, short = in_turns(
            lambda: execute(thousand, many, jobs=1, fresh=False, progress=Clock()),
            lambda: execute(single, one, jobs=1, fresh=False, progress=Clock()),
            calls=5,
        )
    return row(
        "a skipped cell, among 1,000", minus(long, short, MILLISECONDS / 999), "ms", "<= 0.1", "a run of one"
    )


def _done(folder: Path, cells: int) -> Experiment:
    experiment = _small(cells)
    store = Store(folder, create=True)
    for planned in plan(experiment):
        row_ = cell_columns(planned.cell) | {"status": "budget", "loss": 1.0, "finished": "2000-01-01"}
        store.add(Record(planned.cell.id, row_, np.zeros((2, len(CURVE_COLUMNS)))))
    store.close()
    return experiment


def store_write() -> Row:
    """Keep a run with a curve of 100 points and a thousand parameters, durably."""
    [planned] = plan(_small(1))
    curve = np.random.default_rng(0).random((100, len(CURVE_COLUMNS)))
    record = Record(
        planned.cell.id, cell_columns(planned.cell) | {"status": "ok"}, curve, theta=np.zeros(1_000)
    )
    with _folder() as folder:
        store = Store(folder, create=True)
        [seconds] = in_turns(lambda: store.add(record), calls=50)
        store.close()
    return row("a write to the store", [s * MILLISECONDS for s in seconds], "ms")


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


# -- inside a run


def _network() -> tuple[nn.Module, Tensor, Tensor]:
    """The network of the diabetes task, with as much data."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(10, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 1))
    return module, torch.randn(265, 10), torch.randn(265, 1)


def curve_point() -> list[Row]:
    """A point of the curve, with a measurement that costs nothing."""
    module, inputs, targets = _network()
    objective = nogd.objective(module, inputs, targets)
    figures = dict.fromkeys(("loss", "metric", "test_loss", "test_metric"), 0.5)
    recorder = Recorder(lambda _: dict(figures), by_iteration=True)
    till = objective.begin(torch.zeros(objective.D), Limit(), recorder, None)
    objective.follow(State(theta=torch.zeros(objective.D)))
    recorder.begin(objective, None, till)
    numbers = count(1)

    def points() -> None:
        for _ in range(10):
            recorder.iteration_ended(next(numbers) % 1_000)

    [seconds] = in_turns(points, calls=100)
    return [
        row("a curve point above its measurement", [s / 10 * MICROSECONDS for s in seconds], "us", "<= 10")
    ]


def losses_call() -> list[Row]:
    """objective.losses(Population) above the engine's own work, for one candidate and for a hundred."""
    module, inputs, targets = _network()
    working = private_copy(module)
    network = make_network(working, inputs, targets, "mse", ParameterSpace(working))
    objective = Objective(network)
    return [_losses_call(objective, network, size) for size in (1, 100)]


def _losses_call(objective: Objective, network: Network, size: int) -> Row:
    thetas = torch.randn(size, objective.D)
    population = nogd.Population(thetas)
    through, engine = in_turns(
        lambda: objective.losses(population), lambda: network.losses(thetas), calls=500
    )
    what = f"a losses() call above the engine, {size} candidate{'s' * (size > 1)}"
    against = f"the engine, {median(engine) * MICROSECONDS:.0f} us"
    return row(what, minus(through, engine, MICROSECONDS), "us", "<= 30", against)


def adam_step() -> list[Row]:
    """A step of adam outside the objective, and a whole step against torch's own optimiser."""
    module, inputs, targets = _network()
    steps = 300

    own, whole, plain = [], [], []
    for _ in range(REPETITIONS):
        rounds = [
            (*_nogd_step(module, inputs, targets, steps), _torch_step(module, inputs, targets, steps))
            for _ in range(8)
        ]
        for figures, least in zip((own, whole, plain), map(min, zip(*rounds, strict=True)), strict=True):
            figures.append(least * MICROSECONDS)
    ratio = [a / b for a, b in zip(whole, plain, strict=True)]
    return [
        row("adam's own overhead a step", own, "us", "<= 100"),
        row("a whole step of adam, its curve point not counted", whole, "us"),
        row("  the same with torch.optim.Adam", plain, "us"),
        row("  times as long", ratio, "x", "", "torch.optim.Adam in a plain loop"),
    ]


def _nogd_step(module: nn.Module, inputs: Tensor, targets: Tensor, steps: int) -> tuple[float, float]:
    """Seconds of a step outside the objective, and of a whole step."""
    meter = nogd.fit(module, inputs, targets, learner="adam", budget=nogd.Budget(iterations=steps)).meter
    return (meter.seconds - meter.inside) / steps, meter.seconds / steps


def _torch_step(module: nn.Module, inputs: Tensor, targets: Tensor, steps: int) -> float:
    optimiser = torch.optim.Adam(module.parameters(), lr=1e-4)
    loss_of: Callable[[Tensor, Tensor], Tensor] = nn.functional.mse_loss
    lowest = math.inf
    started = time.perf_counter()
    for _ in range(steps):
        optimiser.zero_grad()
        loss = loss_of(module(inputs), targets)
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
        optimiser.step()
        lowest = min(lowest, loss.item())
    return (time.perf_counter() - started) / steps


if __name__ == "__main__":
    main()
