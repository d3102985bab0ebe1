"""What one run on several machines gains: `python shards.py [--workers 1 2 4]`, some minutes; writes shards.csv.

A run of openai-es with seeds on ray, divided among so many places of this machine, and the exchange of losses alone,
at 1 to 64 shards. From the times of one machine (scoring, the learner's own) and of one message follows what 1,000
machines would take: docs/how-to/one-big-run.md explains the model.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import ray
from nogd_ray.hub import Hub

import nogd
from nogd.bench.environment import environment

HERE = Path(__file__).parent
TASK, LEARNER = "digits,width=1024", "openai-es,noise=seeds,optimizer=sgd,population=256"
POPULATION, STEPS, ROUNDS = 256, 12, 3
SIMULATED = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_000)
SLOW, MANY = 1.0, 2_000  # what is divided in earnest: seconds of a candidate, and how many
MEETINGS = (1, 2, 4, 8, 16, 32, 64)
CALLS = 200


@dataclass(frozen=True)
class Line:
    """Seconds of one step, or of one exchange, at so many shards."""

    what: str
    shards: int
    seconds: float
    speedup: float | None = None
    efficiency: float | None = None


@dataclass(frozen=True)
class Model:
    """Seconds: scoring of all candidates, the learner's own work, an exchange at all, and each shard's part of it."""

    scoring: float
    own: float
    start: float
    message: float
    population: int = POPULATION

    def step(self, shards: int) -> float:
        """Seconds of a step: candidates come in pairs, and whoever has one more than others is waited for."""
        pairs = self.population // 2
        longest = -(-pairs // shards) / pairs
        exchange = self.start + self.message * shards if shards > 1 else 0.0
        return self.scoring * longest + self.own + exchange

    def slow(self) -> Model:
        """The same network with more examples and a larger population; the learner's own work is for each candidate."""
        own = self.own * MANY / self.population
        return replace(self, scoring=SLOW * MANY, own=own, population=MANY)


def main() -> None:
    """Measure, fit, simulate, and write it down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    places = sorted({1, *parser.parse_args().workers})
    rows = {shards: [_run(shards) for _ in range(ROUNDS)] for shards in places}
    measured = {shards: _median(each, "seconds") for shards, each in rows.items()}
    own = _median(rows[1], "overhead_seconds")
    scoring = measured[1] - own
    meetings = {shards: _exchange(shards) for shards in MEETINGS}
    start, message = _line(meetings)
    _tell(measured, meetings, Model(scoring, own, start, message))


def _tell(measured: dict[int, float], meetings: dict[int, float], model: Model) -> None:
    slow = model.slow()
    lines = [
        *_told("measured", measured),
        *_told("simulated", {each: model.step(each) for each in SIMULATED}),
        *_told(f"{MANY:,} x {SLOW:g} s", {each: slow.step(each) for each in SIMULATED}),
        *(Line("exchange", shards, seconds) for shards, seconds in meetings.items()),
    ]
    _write(lines, model)


def _told(what: str, steps: dict[int, float]) -> Iterator[Line]:
    alone = steps[min(steps)]
    for shards, seconds in steps.items():
        yield Line(what, shards, seconds, alone / seconds, alone / seconds / shards)


def _run(shards: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as out:
        found = nogd.run(
            learners=LEARNER,
            tasks=TASK,
            repetitions=1,
            budget=POPULATION * STEPS,
            executor=f"ray,shards={shards},cpus=0.25",
            jobs=1,
            out=out,
            progress=False,
            keep_thetas=False,
        ).runs
    (row,) = found.to_dict("records")
    assert row["status"] == "budget", row["reason"]
    return row


def _median(rows: Sequence[dict[str, float]], column: str) -> float:
    """Of a step, over some runs."""
    return statistics.median(row[column] / STEPS for row in rows)


def _exchange(shards: int) -> float:
    """Seconds of one exchange between so many, all in this process, so that none waits for a core but the hub's."""
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:
        hub = ray.remote(Hub).options(num_cpus=0, max_concurrency=shards + 1).remote(shards)
        share = bytes(12 + 4 * -(-POPULATION // shards))
        found = []
        for _ in range(CALLS):
            started = time.perf_counter()
            ray.get([hub.gather.remote(number, share) for number in range(shards)])
            found.append(time.perf_counter() - started)
    finally:
        ray.shutdown()
    return statistics.median(found)


def _line(seconds: dict[int, float]) -> tuple[float, float]:
    """Start and slope of the least squares line."""
    slope, start = statistics.linear_regression(list(seconds), list(seconds.values()))
    return max(0.0, start), slope


def _write(lines: Sequence[Line], model: Model) -> None:
    facts = environment()
    with (HERE / "shards.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["what", "shards", "seconds", "speedup", "efficiency", "cpu", "cores"])
        for each in lines:
            figures = (
                "" if value is None else f"{value:.4g}"
                for value in (each.seconds, each.speedup, each.efficiency)
            )
            writer.writerow([each.what, each.shards, *figures, facts["cpu"], facts["cores"]])
        for name, value in vars(model).items():
            writer.writerow([f"model: {name}", "", f"{value:.4g}", "", "", facts["cpu"], facts["cores"]])
    for each in lines:
        gain = "" if each.speedup is None else f"{each.speedup:8.3g} x {each.efficiency:6.1%}"
        print(f"{each.what:12} {each.shards:5} {each.seconds:10.4g} s {gain}")


if __name__ == "__main__":
    main()
