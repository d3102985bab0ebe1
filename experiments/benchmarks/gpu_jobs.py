"""Parallel runs on one GPU: `python gpu_jobs.py`, some minutes; writes gpu_jobs-cuda.csv.

The same runs with 1, 2 and 4 at once: seconds until all have ended, the most memory of the GPU that was in use, and
whether the results are those of one at a time, bit for bit.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from common import Row, row, write

import nogd

JOBS, ROUNDS = (1, 2, 4), 3
ASKED = {
    "learners": ["random-search", "adam", "exact-line", "unit-search"],
    "tasks": ["digits"],
    "repetitions": 2,
    "budget": 3_000,
    "device": "cuda",
    "keep_thetas": False,
}
Results = dict[tuple[str, int], float]


def main() -> None:
    """Measure, or say why not."""
    if not torch.cuda.is_available():
        raise SystemExit("There is no GPU here that torch can use.")
    found = {jobs: [_run(jobs) for _ in range(ROUNDS)] for jobs in JOBS}
    alone = found[1][0][2]
    rows: list[Row] = []
    for jobs, rounds in found.items():
        assert all(losses == alone for *_, losses in rounds), f"--jobs {jobs} changes a result"
        rows.append(row(f"{len(alone)} runs, --jobs {jobs}", [seconds for seconds, *_ in rounds], "s"))
        rows.append(row("  memory of the GPU in use", [used for _, used, _ in rounds], "MB"))
    write("gpu_jobs", rows, "cuda")


def _run(jobs: int) -> tuple[float, float, Results]:
    with tempfile.TemporaryDirectory() as out, _watched() as used:
        started = time.perf_counter()
        runs = nogd.run(ASKED, jobs=jobs, out=Path(out), progress=False).runs
        seconds = time.perf_counter() - started
    assert set(runs["status"]) <= {"ok", "budget"}, runs[["learner", "status", "reason"]]
    places = zip(runs["learner"], runs["repetition"], strict=True)
    return seconds, max(used), dict(zip(places, runs["loss"], strict=True))


@contextmanager
def _watched() -> Iterator[list[float]]:
    """MB of the GPU that are in use by anybody, looked at ten times a second."""
    used, is_over = [0.0], threading.Event()

    def watch() -> None:
        while not is_over.wait(0.1):
            free, all_ = torch.cuda.mem_get_info()
            used.append((all_ - free) / 1e6)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield used
    finally:
        is_over.set()
        thread.join()


if __name__ == "__main__":
    main()
