"""Draw the README's picture, with the package and nogd-evolution installed; runs that are stored are not done again."""

from __future__ import annotations

from pathlib import Path

import nogd

PICTURE = Path(__file__).with_name("learning-curves.svg")
TASK = "sign-board"
LEARNERS = ["unit-search", "gauss-newton", "cma-es", "snes", "grid-search", "random-search"]


def main() -> None:
    """Compare learners that need no gradient, and keep the picture."""
    results = nogd.run(learners=LEARNERS, tasks=[TASK], repetitions=3)
    print(results)
    results.figures()[f"learning-curves-{TASK}"].savefig(PICTURE, metadata={"Date": None})
    print(PICTURE)


if __name__ == "__main__":
    main()
