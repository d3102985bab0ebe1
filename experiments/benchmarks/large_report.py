"""What a large report costs: `python experiments/benchmarks/large_report.py [FOLDER]`; writes large_report.csv.

A made-up store of 40 learners on 30 tasks with 10 repetitions, 12,000 runs; a folder that has one already is used as it
is. In seconds of the processor, as in report.py, and with the peak memory of this process above what its imports take;
where a Chromium is named in NOGD_BROWSER, also how long its first screen takes. `--profile` writes where the time goes,
for snakeviz or pstats.
"""

from __future__ import annotations

import argparse
import cProfile
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from shutil import which

from common import Row, row, write
from report import ROUNDS, Shape, fill

from nogd.plugins.manager import PluginSettings, configure
from nogd.report.forms.page import write_report
from nogd.report.results import load_results

SHAPE = Shape(learners=40, tasks=30, repetitions=10)


def main() -> None:
    """Make the store if there is none, measure, and write the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--profile", type=Path)
    asked = parser.parse_args()
    configure(PluginSettings(thirdparty=False))
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary)
        if not (folder / "runs.sqlite").exists():  # in a process of its own, whose peak is not the report's
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                pool.submit(fill, folder, SHAPE).result()
        if asked.profile:
            profile = cProfile.Profile()
            profile.runcall(_report, folder)
            profile.dump_stats(asked.profile)
        else:
            write("large_report", list(_rows(folder)))


def _report(folder: Path) -> Path:
    return write_report(folder, load_results(folder))


def _rows(folder: Path) -> Iterator[Row]:
    before, started = _peak(), time.process_time()
    page = _report(folder)
    yield row("the whole report of 12,000 runs", [time.process_time() - started], "s", "at most 30")
    yield row(
        "its peak memory, above the imports",
        [_peak() - before],
        "MB",
        "at most 400",
        f"{before:.0f} MB before",
    )
    yield row("its page", [page.stat().st_size / 1e6], "MB", "at most 6")
    if browser := os.environ.get("NOGD_BROWSER"):
        yield row("its first screen in Chromium", list(_first_paints(page, browser)), "s", "at most 2")


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _first_paints(page: Path, browser: str) -> Iterator[float]:
    """Seconds from asking for the page until something of it is seen."""
    from playwright.sync_api import sync_playwright

    paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=which(browser), args=["--no-sandbox"])
        for _ in range(ROUNDS):
            shown = launched.new_page()
            shown.goto(page.absolute().as_uri())
            yield float(shown.evaluate(paint)) / 1000
            shown.close()
        launched.close()


if __name__ == "__main__":
    main()
