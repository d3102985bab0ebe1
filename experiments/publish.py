"""Run an experiment and publish it beside its file: `python experiments/publish.py original`.

It runs what is not done yet in experiments/NAME.toml, in the store nogd-runs/NAME, and writes experiments/NAME/: the
page (report.html), the figures (figures/*.svg) and the data behind them (data/). `--only-report` runs nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import nogd

HERE = Path(__file__).parent


def main() -> None:
    """Run and publish the experiments that are named."""
    options = _options()
    for name in options.names:
        store = options.stores / name
        if not options.only_report:
            nogd.run(HERE / f"{name}.toml", out=store, jobs=options.jobs)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="+", help="names of experiments, such as original")
    parser.add_argument("--stores", type=Path, default=Path("nogd-runs"), help="the folder of the stores")
    parser.add_argument("--jobs", type=int, help="cells at once; the number of cores if not given")
    parser.add_argument("--only-report", action="store_true", help="publish what the store holds")
    return parser.parse_args()


if __name__ == "__main__":
    main()
