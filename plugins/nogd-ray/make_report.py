"""Draw the README's picture, by runs on a ray that is started here; runs that are stored are not done again."""

from __future__ import annotations

from pathlib import Path

import nogd

PICTURE = Path(__file__).with_name("learning-curves.svg")
TASK = "iris"
LEARNERS = ["adam", "unit-search", "random-search"]


def main() -> None:
    """Compare three learners, and keep the picture."""
    results = nogd.run(
        learners=LEARNERS, tasks=TASK, repetitions=3, budget=500, executor="ray", jobs=2, progress=False
    )
    print(results)
    results.figures()[f"learning-curves-{TASK}"].savefig(PICTURE, metadata={"Date": None})
    print(PICTURE)


if __name__ == "__main__":
    main()
