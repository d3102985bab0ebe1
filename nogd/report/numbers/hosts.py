"""Which machines runs were made on, how fast each is, and whose seconds may be taken together.

Seconds of unlike machines are never put together. Two are alike where the same work takes both as long, to 10 %, which
is seen from the runs themselves: seconds per forward of the same learner on the same task.
"""

from __future__ import annotations

import numpy as np
from pandas import DataFrame, Series

from nogd.report.names import counted
from nogd.report.numbers.finals import finite
from nogd.report.numbers.tables import Tables

ALIKE = 1.1
"""How many times as fast one machine may be as another that is like it."""
FEWEST = 3
"""Of learners on tasks that both have run, without which nothing is known of their speed."""


def hosts(comparison: Tables) -> DataFrame:
    """A row for each machine whose runs have seconds: host, runs, speed, counted; the one with the most runs first.

    speed: how many times as fast as the first, NaN where they have run too little of the same; counted: whether its
    seconds are taken together with the first's.
    """
    return comparison.once(_hosts)


def on_one_clock(comparison: Tables, runs: DataFrame) -> DataFrame:
    """Those of the runs whose seconds may be taken together: of the machine with the most runs, and of ones like it."""
    found = hosts(comparison)
    if len(found) < 2:
        return runs
    return runs[_host(runs).isin(found.loc[found["counted"], "host"])]


def host_facts(comparison: Tables) -> DataFrame:
    """The same in the words of the page."""
    found = hosts(comparison)
    told = found.assign(counted=found["counted"].map({True: "taken together", False: "left out"}))
    return told.rename(columns={"host": "machine", "counted": "seconds"})


def hosts_told(comparison: Tables) -> str:
    """That there are several machines, and whose seconds count; empty where one made all runs."""
    found = hosts(comparison)
    if len(found) < 2:
        return ""
    if found["counted"].all():
        return f"Made on {len(found):,} machines, which are as fast as each other."
    taken = found[found["counted"]]
    whose = f"{len(taken):,} of them that are alike" if len(taken) > 1 else str(taken["host"].iloc[0])
    return (
        f"Made on {len(found):,} machines, not all of which are known to be alike: seconds are those of {whose} alone,"
        f" {counted(int(taken['runs'].sum()), 'run')}."
    )


def _hosts(comparison: Tables) -> DataFrame:
    runs = comparison.runs.assign(host=_host(comparison.runs), took=finite(comparison.runs, "seconds"))
    runs = runs[np.isfinite(runs["took"])]
    counts = runs.groupby("host").size()
    order = sorted(counts.index, key=lambda host: (-counts[host], host))
    speeds = [_speed(runs, order[0], host) for host in order]
    found = DataFrame({"host": order, "runs": [int(counts[host]) for host in order], "speed": speeds})
    return found.assign(counted=[1 / ALIKE <= speed <= ALIKE for speed in speeds])


def _speed(runs: DataFrame, first: str, host: str) -> float:
    """How many times as fast as the first: the geometric mean over what both have run."""
    if host == first:
        return 1.0
    spent = finite(runs, "forwards")
    pace = runs.assign(pace=runs["took"] / spent)[(spent > 0) & (runs["took"] > 0)]
    paces = (
        pace.groupby(["learner", "task", "budget", "threads", "device", "host"])["pace"].median().unstack()
    )
    if not {first, host} <= set(paces.columns):
        return np.nan
    ratios = np.log(paces[first] / paces[host]).dropna()
    return float(np.exp(ratios.mean())) if len(ratios) >= FEWEST else np.nan


def _host(runs: DataFrame) -> Series[str]:
    if "host" not in runs:
        return Series("", index=runs.index, dtype=str)
    return runs["host"].fillna("").astype(str)
