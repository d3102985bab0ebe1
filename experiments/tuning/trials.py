"""The same number of trials for every learner, by `nogd tune`: `python trials.py [LEARNER ...]`.

Six trials each on two tuning tasks, 2 repetitions of 500 forwards: the first with the defaults, the others drawn at
random from the ranges that `nogd tune` takes from a learner's fields, all but the size of mini-batches, which changes
what a step costs. A trial's value is the validation loss at the end as a share of that at the start, the mean over
repetitions and tasks; a failed run counts as 10. Writes trials.csv, a row a trial, after each learner, and leaves out
learners that have all theirs there, so it can be stopped at any time; those that are named are tried anew. Then it
writes trials-best.csv, a row a learner, and prints it; with `--table` it only does that.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from settings import learners
from tasks import Circles, Friedman2

from nogd.bench.experiment import Experiment, make_experiment
from nogd.errors import UserError
from nogd.training.names import build
from nogd.tuning.search import Search
from nogd.tuning.space import search_space

HERE = Path(__file__).resolve().parent
TABLE, BEST = HERE / "trials.csv", HERE / "trials-best.csv"
TRIALS, REPETITIONS, FORWARDS = 6, 2, 500
BATCHES = "rows"


def main() -> None:
    """Search for each learner that has not all its trials yet."""
    table = pd.read_csv(TABLE) if TABLE.exists() else pd.DataFrame(columns=["learner"])
    named = [name for name in sys.argv[1:] if name != "--table"]
    missing = [name for name in learners() if (table["learner"] == name).sum() < TRIALS]
    for learner in [] if "--table" in sys.argv else named or missing:
        began = time.monotonic()
        found = pd.DataFrame(tried(learner))
        table = pd.concat([table[table["learner"] != learner], found], ignore_index=True)
        table.to_csv(TABLE, index=False)
        print(f"{learner}: {len(found)} trials, {time.monotonic() - began:.0f} s", flush=True)
    best = best_of(table)
    best.to_csv(BEST, index=False)
    print(best.to_string(index=False))


def tried(learner: str) -> Iterator[dict[str, object]]:
    """The trials of a learner, none where it has nothing to search or refuses a task."""
    made = build(learner)
    try:
        names = [each.name for each in search_space(made) if each.name != BATCHES]
        space = search_space(made, names)
        search = Search(made, space, experiment(), HERE / "nogd-runs" / "trials", sampler="random")
        for trial in search.trials(TRIALS, 1, lambda _: None):
            yield {
                "learner": learner,
                "trial": trial.number,
                "use": trial.use,
                "value": round(trial.worth.value, 5),
            }
    except UserError as error:
        print(f"{learner}: left out, as {error}")


def experiment() -> Experiment:
    """Tasks, repetitions and budget of every trial."""
    return make_experiment(
        None,
        tasks=[Friedman2, Circles],
        repetitions=REPETITIONS,
        budget={"forwards": FORWARDS},
    )


def best_of(table: pd.DataFrame) -> pd.DataFrame:
    """A row a learner: what the defaults came to, the best trial, and their ratio; the largest gain first."""
    default = table[table["trial"] == 1].set_index("learner")["value"]
    best = table.loc[table.groupby("learner")["value"].idxmin()].set_index("learner")
    found = pd.DataFrame({"default": default, "best": best["value"], "setting": best["use"]}).reset_index()
    found.insert(3, "ratio", (found["best"] / found["default"]).round(3))
    return found.sort_values("ratio")


if __name__ == "__main__":
    main()
