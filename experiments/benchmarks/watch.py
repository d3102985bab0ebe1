"""What the page of `nogd run --watch` costs: `python watch.py`, about three minutes."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from common import REPETITIONS, Row, in_turns, row, write

import nogd
from nogd.bench.experiment import make_experiment
from nogd.bench.progress import Silent
from nogd.bench.run import execute
from nogd.bench.run_progress import RunProgress
from nogd.bench.watch import Watch
from nogd.report.forms.watch import WatchPage


def main() -> None:
    """Measure everything."""
    with tempfile.TemporaryDirectory() as folder:
        write("watch", [*shares(Path(folder)), *pages(Path(folder))])


def shares(folder: Path) -> list[Row]:
    """The page's processor time as a share of the run's time on the clock."""
    found, spent = [], []
    for number in range(REPETITIONS):
        watch = Watch(Silent(), WatchPage(folder / str(number)))
        experiment = make_experiment(None, learners=["adam", "random-search"], repetitions=2)
        started = time.perf_counter()
        execute(experiment, folder / str(number), jobs=1, fresh=False, progress=watch)
        spent.append(time.perf_counter() - started)
        found.append(100 * watch.cost / spent[-1])
    run = "2 learners x 10 tasks x 2 repetitions, 1 job"
    return [
        row("a run that is watched", spent, "s", "", run),
        row("its page's share of that", found, "%", "<= 1", "seconds of the processor / seconds of the run"),
    ]


def pages(folder: Path) -> list[Row]:
    """One page without reading results, and one reading of 300 runs."""
    store = folder / "many"
    nogd.run(
        learners=["random-search,population=10", "random-search", "adam"],
        repetitions=10,
        budget=100,
        out=store,
        jobs=0,
        progress=False,
    )
    run_progress = RunProgress(300, 200, 0, 0, (("adam on iris", 3.0),), (), 60.0, datetime.now(UTC), False)
    page = WatchPage(store)
    page.read()
    writing, reading = in_turns(lambda: page.write(run_progress), page.read, calls=5)
    return [
        row("a page, every 5 s", [seconds * 1000 for seconds in writing], "ms"),
        row("reading 300 runs for it, so seldom that it is below 0.8 %", [s * 1000 for s in reading], "ms"),
    ]


if __name__ == "__main__":
    main()
