"""Draw the README's picture, with the package installed; runs that are stored are not done again."""

from __future__ import annotations

from pathlib import Path

import nogd

PICTURE = Path(__file__).with_name("learning-curves.svg")
TASK = "bytes-gru"
LEARNERS = ["adam,lr=0.01", "adam", "unit-search", "readout(random-search)", "random-search"]


def main() -> None:
    """Compare learners, and keep the picture."""
    results = nogd.run(learners=LEARNERS, tasks=[TASK], repetitions=3, budget={"forwards": 300})
    print(results)
    results.figures()[f"learning-curves-{TASK}"].savefig(PICTURE, metadata={"Date": None})
    print(PICTURE)


if __name__ == "__main__":
    main()
