"""Run an experiment and publish it beside its file: `python experiments/publish.py original`.

It runs what is not done yet of experiments/NAME.toml, in the store nogd-runs/NAME, and writes experiments/NAME/: the
page (report.html), the figures (figures/*.svg) and the data behind them (data/). `--only-report` runs nothing and
publishes what the store holds. `--redraw` needs no store either: it draws the same from the published data, all but the
pictures that need more than runs and curves. `--repetitions 5` runs, or publishes, the first five of them.
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

import nogd
from nogd.report.drawing.canvas import house_style
from nogd.report.forms.page import write_report
from nogd.report.published import TABLES, read_published, write_published
from nogd.report.results import load_results

HERE = Path(__file__).parent


def main() -> None:
    """Run and publish the experiments that are named."""
    options = _options()
    for name in options.names:
        results = _results(name, options)
        folder = HERE / name
        if not options.redraw:
            write_data(results, folder / "data")
        write_figures(results, folder / "figures")
        print(write_report(folder, results))


def _results(name: str, options: argparse.Namespace) -> nogd.Results:
    if options.redraw:
        tables = read_published(HERE / name / "data")
        return nogd.Results(**vars(replace(tables, meta={**tables.meta, "published": True})))
    store, repetitions = options.stores / name, options.repetitions
    if not options.only_report:
        return nogd.run(HERE / f"{name}.toml", out=store, jobs=options.jobs, repetitions=repetitions)
    results = load_results(store)
    return results if repetitions is None else first_repetitions(results, repetitions)


def first_repetitions(results: nogd.Results, number: int) -> nogd.Results:
    """Of a store that is not finished, the repetitions that are; all the others count as missing."""
    tables = {table: getattr(results, table) for table in TABLES}
    kept = {table: frame[frame["repetition"] < number] for table, frame in tables.items()}
    missing = results.meta["missing"] + len(results.runs) - len(kept["runs"])
    return nogd.Results(**kept, meta={**results.meta, "missing": missing}, pictures=results.pictures)


def write_data(results: nogd.Results, folder: Path) -> None:
    """The tables as compressed CSV, the leaderboard as plain CSV, and the sessions as JSON."""
    write_published(results, folder)
    results.leaderboard.to_csv(folder / "leaderboard.csv", index=False, float_format="%.6g")


def write_figures(results: nogd.Results, folder: Path) -> None:
    """Each picture as SVG; those of an earlier publication go."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with house_style():
        for name, canvas in results.figures().items():
            canvas.savefig(folder / f"{name}.svg", facecolor="white", metadata={"Date": None})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="+", help="names of experiments, such as original")
    parser.add_argument("--stores", type=Path, default=Path("nogd-runs"), help="the folder of the stores")
    parser.add_argument("--jobs", type=int, help="cells at once; the number of cores if not given")
    parser.add_argument("--repetitions", type=int, help="only the first so many repetitions")
    parser.add_argument("--only-report", action="store_true", help="publish what the store holds")
    parser.add_argument("--redraw", action="store_true", help="draw again from the published data")
    return parser.parse_args()


if __name__ == "__main__":
    main()
