"""What a hundred thousand cells cost: `python scale.py [FOLDER] [--cells 100000]`, about ten minutes; writes scale.csv.

Planning, keeping runs, skipping those that are done, looking through them, and two harnesses on one folder. Each figure
comes from a process of its own, so that memory is its own; a folder that has such a store already is used as it is.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner
from common import Row, memory_in_mb, row, write

from nogd.bench.columns import CURVE_COLUMNS, TRACE_COLUMNS, run_row
from nogd.bench.experiment import Experiment, make_experiment
from nogd.bench.plan import plan
from nogd.bench.progress import Silent
from nogd.bench.record import Record, cell_columns
from nogd.bench.run import execute
from nogd.bench.store import Store
from nogd.cli import main as nogd
from nogd.plugins.manager import PluginSettings, configure

LEARNERS = [f"random-search,population={size}" for size in range(1, 41)]
TASKS = [
    "breast-cancer",
    "cart-pole",
    "diabetes",
    "digits",
    "iris",
    "original",
    "parity",
    "two-spirals",
    "wine",
]
TASKS = [*TASKS, "diabetes-ternary"]
BLOCKS, MISSING, ROUNDS = 10, 400, 3


def main() -> None:
    """Measure everything, one thread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--cells", type=int, default=100_000)
    asked = parser.parse_args()
    configure(PluginSettings(thirdparty=False))
    experiment = _experiment(asked.cells)
    with tempfile.TemporaryDirectory() as made:
        folder = asked.folder or Path(made)
        rows = list(_planning(experiment))
        if not (folder / "runs.sqlite").exists():
            rows += _filling(folder, experiment)
        rows += [*_skipping(folder, experiment), *_looking(folder), *_two_at_once(folder, experiment)]
    write("scale", rows)


def _experiment(cells: int) -> Experiment:
    repetitions = cells // (len(LEARNERS) * len(TASKS))
    return make_experiment(
        {"learners": LEARNERS, "tasks": TASKS, "repetitions": repetitions, "budget": 50, "keep_thetas": False}
    )


def _planning(experiment: Experiment) -> Iterator[Row]:
    def ids() -> int:
        return len({planned.cell.id for planned in plan(experiment)})

    plan(experiment.model_copy(update={"repetitions": 1}))  # imports, and what is read once of each learner
    found = [_alone(ids) for _ in range(ROUNDS)]
    cells = found[0][0]
    yield row(f"{cells:,} cells planned, with their ids", [seconds for _, seconds, _ in found], "s", "<= 5")
    yield row("  memory for it", [memory for *_, memory in found], "MB", "<= 200")


def _filling(folder: Path, experiment: Experiment) -> list[Row]:
    """Each run with a curve of 30 points and a trace of 20, as a small run leaves them."""
    rng = np.random.default_rng(0)
    cells = [planned.cell for planned in plan(experiment)]
    blocks: list[tuple[float, float, float]] = []
    with closing(Store(folder, create=True)) as store:
        session = store.begin_session("2000-01-01", {}, {})
        store.plan([(cell.id, cell.label, cell.task, cell.repetition) for cell in cells], session)
        for block in np.array_split(np.arange(len(cells)), BLOCKS):
            before, started = _size(folder), time.perf_counter()
            for place in block:
                store.add(_record(cells[place], session, int(place), rng))
            each = (time.perf_counter() - started) / len(block)
            blocks.append((each * 1e3, (_size(folder) - before) / len(block) / 1e3, memory_in_mb("VmRSS")))
    first, last = blocks[0], blocks[-1]
    return [
        row("a write to the store, first tenth", [first[0]], "ms"),
        row("a write to the store, last tenth", [last[0]], "ms", "flat"),
        row("growth of the store by a run, first tenth", [first[1]], "kB"),
        row("growth of the store by a run, last tenth", [last[1]], "kB", "flat"),
        row("memory added from the first tenth to the last", [last[2] - first[2]], "MB", "flat"),
    ]


def _record(cell: Any, session: int, place: int, rng: np.random.Generator) -> Record:
    values = cell_columns(cell) | {
        "status": "error" if place % 1_000 == 0 else "budget",
        "loss": 1.0,
        "started": "2000-01-01",
        "finished": "2000-01-01",
        "session": session,
    }
    curve, trace = (
        np.sort(rng.random((points, len(columns))), 0).round(4)
        for points, columns in ((30, CURVE_COLUMNS), (20, TRACE_COLUMNS))
    )
    return Record(cell.id, run_row(values), curve, trace)


def _skipping(folder: Path, experiment: Experiment) -> Iterator[Row]:
    """The errors among the runs would be tried again: they are made good first."""
    with closing(Store(folder, create=True)) as store:
        bad = {id_ for id_, (status, _) in store.endings().items() if status == "error"}
        rng = np.random.default_rng(1)
        for planned in plan(experiment):
            if planned.cell.id in bad:
                record = _record(planned.cell, 1, 1, rng)
                store.add(record)

    def skip() -> int:
        return execute(experiment, folder, jobs=0, fresh=False, progress=Silent()).ran

    planning = _alone(lambda: len([each.cell.id for each in plan(experiment)]))[1]
    found = [_alone(skip) for _ in range(ROUNDS)]
    assert not any(ran for ran, *_ in found)
    cells = experiment.repetitions * len(LEARNERS) * len(TASKS)
    skipped = [(seconds - planning) / cells * 1e3 for _, seconds, _ in found]
    yield row("a skipped cell, above planning it", skipped, "ms", "<= 0.1")
    yield row("  memory of a call that finds all done", [memory for *_, memory in found], "MB")


def _looking(folder: Path) -> Iterator[Row]:
    """`nogd runs` in a process that has imported nothing of it yet."""
    with closing(Store(folder)) as store:
        [id_] = list(store.endings())[:1]
    for told, options in {
        "of a learner on a task": ["-l", LEARNERS[3], "-t", "iris"],
        "of a status that no run has": ["--status", "timeout"],
        "by id": ["--id", id_[:8]],
    }.items():
        words = ["runs", "--out", str(folder), *options]
        found = [_alone(lambda words=words: CliRunner().invoke(nogd, words).exit_code) for _ in range(ROUNDS)]
        yield row(f"nogd runs, {told}", [seconds for _, seconds, _ in found], "s", "<= 1")


def _two_at_once(folder: Path, experiment: Experiment) -> Iterator[Row]:
    """Two harnesses make what is missing; each run is made by one of them."""
    with closing(Store(folder, create=True)) as store:
        store.delete(sorted(store.endings())[:MISSING])
    with multiprocessing.get_context("fork").Pool(2) as pool:
        started = time.perf_counter()
        made = pool.starmap(_make, [(experiment, folder)] * 2)
        seconds = time.perf_counter() - started
    assert sum(made) == MISSING, f"{made} runs were made in place of {MISSING}"
    share = f"{min(made)} and {max(made)} of them"
    yield row(f"{MISSING} runs made by two harnesses at once", [seconds], "s", "each once", share)


def _make(experiment: Experiment, folder: Path) -> int:
    return execute(experiment, folder, jobs=0, fresh=False, progress=Silent()).ran


def _alone(job: Callable[[], Any]) -> tuple[Any, float, float]:
    """What a job gives in a fork of this process, its seconds, and the megabytes that it added at its peak."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    pid = os.fork()
    if not pid:
        before, started = memory_in_mb("VmRSS"), time.perf_counter()
        given = job()
        sender.send((given, time.perf_counter() - started, memory_in_mb("VmHWM") - before))
        os._exit(0)
    os.waitpid(pid, 0)
    found: tuple[Any, float, float] = receiver.recv()
    return found


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


if __name__ == "__main__":
    main()
