"""Make the leaderboard's runs, as many as fit into a time: `python experiments/leaderboard/run.py --minutes 90`.

It goes through the parts of leaderboard.toml in their order, each with `nogd run`, and stops the one at work when
time is up; what has finished is kept, and the next call goes on from there. Stores are in the folder that `--stores`
names, one for each part. `nogd leaderboard experiments/leaderboard --stores FOLDER --publish` makes page, reading and
data of them.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from pathlib import Path

from nogd.leaderboard.plan import Part, read_plan

HERE = Path(__file__).parent
INTERRUPTED = 130


def main() -> None:
    """Run the parts that are named, or all."""
    options = _options()
    plan, end = read_plan(HERE), time.monotonic() + 60 * options.minutes
    known = {part.name: part for part in plan.parts}
    for name in options.parts or known:
        if name not in known:
            sys.exit(f"there is no part {name!r}; there are {', '.join(known)}.")
        print(f"{name}:", flush=True)
        if not _run(known[name], options, end - time.monotonic()):
            sys.exit("Time is up: finished runs are kept, and the same command goes on from here.")


def _run(part: Part, options: argparse.Namespace, seconds: float) -> bool:
    """Run one part; false if time was up first."""
    if seconds <= 0:
        return False
    plugins = [word for name in part.plugins for word in ("--plugin", str(HERE / name))]
    jobs = ["--jobs", str(options.jobs)] if options.jobs is not None else []
    command = [
        "nogd",
        *plugins,
        "run",
        str(HERE / f"{part.name}.toml"),
        "--out",
        str(options.stores / part.name),
    ]
    process = subprocess.Popen([sys.executable, "-m", *command, *jobs])
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        process.wait()
        return False
    except KeyboardInterrupt:
        process.wait()
        sys.exit(INTERRUPTED)
    return True


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", help="names of parts; all of them if none is given")
    parser.add_argument("--minutes", type=float, default=90.0, help="when to stop (default: 90)")
    parser.add_argument("--jobs", type=int, help="runs at once; the number of cores if not given")
    parser.add_argument(
        "--stores", type=Path, default=Path("nogd-leaderboard"), help="the folder of the stores"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
