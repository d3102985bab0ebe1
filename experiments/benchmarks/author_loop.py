"""The loop that authors live in (edit a learner, run, look), against what it has to import: `python author_loop.py`.

Rounds of three commands in turn, so that a busy machine slows all of them alike; two minutes where nothing else is to
do. Compiled loops are on disk, as they are after a machine's first run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from common import REPETITIONS, Row, row, write

IMPORTS = "import torch, pandas, seaborn, sklearn, scipy"
AGAINST = f"python -c '{IMPORTS}'"
LEARNER = """
from dataclasses import dataclass
from typing import ClassVar

import torch
from nogd import Learner, Population, State, hookimpl

@dataclass(kw_only=True)
class HillState(State):
    rng: torch.Generator
    loss: float = float("inf")

class HillClimb(Learner):
    name: ClassVar[str] = "hill-climb"
    sigma: float = SIGMA
    def init(self, objective, theta, rng):
        return HillState(theta=theta, rng=rng)
    def step(self, objective, state):
        thetas = state.theta + self.sigma * torch.randn(16, len(state.theta), generator=state.rng)
        losses = objective.losses(Population(thetas))
        if losses.min() < state.loss:
            state.theta, state.loss = thetas[losses.argmin()].clone(), float(losses.min())
        state.iteration += 1

@hookimpl
def nogd_learners():
    return [HillClimb]
"""


@dataclass
class Times:
    """Of one command, a figure a round: seconds to the leaderboard, to the command's end, and of the processor."""

    board: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def add(self, words: list[str], settings: dict[str, str]) -> None:
        """Run it; the leaderboard is the first that it prints."""
        before, started = os.times(), time.perf_counter()
        with subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=settings
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            self.board.append(time.perf_counter() - started)
            process.stdout.read()
        if process.returncode:
            raise SystemExit(f"{words} ended with {process.returncode}")
        self.whole.append(time.perf_counter() - started)
        after = os.times()
        spent = after.children_user + after.children_system - before.children_user - before.children_system
        self.cpu.append(spent)


def main() -> None:
    """Measure everything."""
    with tempfile.TemporaryDirectory() as folder:
        imports, edited, unchanged = _rounds(Path(folder))
    again = [*_rows(imports, edited, "after an edit", 1.5), *_rows(imports, unchanged, "nothing new", 0.7)]
    write("author_loop", [row("the imports alone", imports.whole, "s", "", AGAINST), *again])


def _rounds(folder: Path) -> tuple[Times, Times, Times]:
    learner = folder / "mine.py"
    run = [sys.executable, "-m", "nogd", "run", "--plugin", str(learner), "-l", "hill-climb", "-t", "iris"]
    run += ["--out", str(folder / "runs")]
    settings = _settings(folder)
    imports, edited, unchanged, warm_up = Times(), Times(), Times(), Times()
    for number in range(-1, REPETITIONS):  # the first round writes byte code, and compiles
        learner.write_text(LEARNER.replace("SIGMA", f"{0.1 + number / 100}"))
        times = (imports, edited, unchanged) if number >= 0 else (warm_up,) * 3
        for each, words in zip(times, ([sys.executable, "-c", f"{IMPORTS}; print()"], run, run), strict=True):
            each.add(words, settings)
    return imports, edited, unchanged


def _settings(folder: Path) -> dict[str, str]:
    """Byte code is kept, as it is wherever nogd is installed, whatever this machine is set to."""
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return settings | {"PYTHONPYCACHEPREFIX": str(folder / "byte-code")}


def _rows(imports: Times, run: Times, what: str, goal: float) -> list[Row]:
    shares = {name: _ratios(getattr(run, name), getattr(imports, name)) for name in ("board", "whole", "cpu")}
    return [
        row(f"to the leaderboard, {what}", run.board, "s"),
        row("  as a multiple of the imports", shares["board"], "x", f"<= {goal}", AGAINST),
        row("  the same, to the end of the command", shares["whole"], "x", "", AGAINST),
        row("  the same, seconds of the processor", shares["cpu"], "x", "", AGAINST),
    ]


def _ratios(these: list[float], those: list[float]) -> list[float]:
    return [a / b for a, b in zip(these, those, strict=True)]


if __name__ == "__main__":
    main()
