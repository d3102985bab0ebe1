"""Draw the README's picture, with the package installed; runs that are stored are not done again."""

from __future__ import annotations

from pathlib import Path

from nogd_scipy import nogd_learners

import nogd

PICTURE = Path(__file__).with_name("learning-curves.svg")
TASK = "diabetes"  # squared errors, which least squares takes


def main() -> None:
    """Compare the package's learners with random search and Adam, and keep the picture of one task."""
    learners = [*(lazy.name for lazy in nogd_learners()), "random-search", "adam"]
    results = nogd.run(learners=learners, tasks=[TASK], repetitions=3, budget={"forwards": 1_000})
    print(results)
    results.figures()[f"learning-curves-{TASK}"].savefig(PICTURE, metadata={"Date": None})
    print(PICTURE)


if __name__ == "__main__":
    main()
