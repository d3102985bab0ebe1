"""Draw the README's picture, with the package installed; runs that are stored are not done again."""

from __future__ import annotations

from pathlib import Path

from nogd_zeroth_order import nogd_learners

import nogd

PICTURE = Path(__file__).with_name("learning-curves.svg")
TASK = "breast-cancer"
LATTICE = "qes"  # for networks with rounded weights, and no rival on others


def main() -> None:
    """Compare the package's learners with random search and Adam, and keep the picture of one task."""
    own = [lazy.name for lazy in nogd_learners() if lazy.name != LATTICE]
    results = nogd.run(learners=[*own, "random-search", "adam"], tasks=[TASK], repetitions=5)
    print(results)
    results.figures()[f"learning-curves-{TASK}"].savefig(PICTURE, metadata={"Date": None})
    print(PICTURE)


if __name__ == "__main__":
    main()
