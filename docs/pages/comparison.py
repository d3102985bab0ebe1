"""The runs behind the pictures: every learner on one task, made in the build."""

from __future__ import annotations

from pathlib import Path

import nogd
from nogd.plugins.manager import plugins
from nogd.report.results import Results

TASK = "breast-cancer"
SAME_METHOD = ("random-search,population=4", "random-search,population=128")
"""One method in two sizes of a step, to show what counting steps would do."""
FORWARDS = 1_000
REPETITIONS = 3


def compare(folder: Path) -> Results:
    """Every installed learner and SAME_METHOD on one task; runs that the folder has already are not made again."""
    folder.mkdir(parents=True, exist_ok=True)
    return nogd.run(
        learners=[*plugins().learners.names(), *SAME_METHOD],
        tasks=[TASK],
        repetitions=REPETITIONS,
        budget=FORWARDS,
        out=folder,
        progress=False,
    )
