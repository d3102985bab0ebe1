"""Write default-1000-tuned.toml: every learner with the best of its trials (../tuning/trials-best.csv)."""

from __future__ import annotations

import csv
import tomllib
from pathlib import Path

import tomli_w

HERE = Path(__file__).parent
TRIALS = HERE.parent / "tuning" / "trials-best.csv"
LEFT_OUT = {"scipy-minimize"}
HEAD = """\
# Written by tuned.py: the default suite, each learner with the best of six trials on two tuning tasks. scipy-minimize
# is left out: the trials chose COBYQA, which takes 163 s for one run on breast-cancer, where most take 0.2 s.
"""


def main() -> None:
    """Take the default suite, its budget, and half of its repetitions."""
    with TRIALS.open(encoding="utf-8", newline="") as file:
        learners = [{"use": row["setting"], "label": row["learner"]} for row in csv.DictReader(file)]
    learners = [learner for learner in learners if learner["label"] not in LEFT_OUT]
    default = tomllib.loads((HERE / "default-1000.toml").read_text(encoding="utf-8"))
    experiment = default | {"repetitions": 5, "learners": learners}
    text = HEAD + tomli_w.dumps(experiment)
    (HERE / "default-1000-tuned.toml").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
