"""One run of a learner on a toy, and all of it that two equal runs have in common."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import torch
from torch import Generator

from nogd.engine.accounts.meter import Limit
from nogd.engine.objective import Objective
from nogd.engine.state import State, from_bytes, to_bytes
from nogd.testing.toys import Toy, start_of
from nogd.training.learner import Learner
from nogd.training.loop import Outcome, snapshot, train
from nogd.training.recorder import Measure, Recorder, budget_grid

SEED = 5
LEAST, MOST, STEPS = 80.0, 20_000.0, 4


class _Enough(Exception):
    """So many steps were taken."""


@dataclass
class Trial:
    """A learner on a toy; `run` gives its outcome once, everything else can be looked at after.

    forwards: the budget; what `enough` says if not given. recorded: whether the curve is written down densely.
    saved: what `snapshots` held, where the run goes on. keep: whether to keep a snapshot of each boundary.
    kind: the objective's type; measured: what the recorder measures with.
    """

    learner: Learner
    toy: Toy
    seed: int = SEED
    forwards: float | None = None
    recorded: bool = True
    saved: bytes | None = None
    keep: bool = False
    dtype: torch.dtype = torch.float32
    device: str = "cpu"
    kind: type[Objective] = Objective
    measured: Callable[[Any], Measure] = attrgetter("measure")
    between: Callable[[State], None] | None = None
    snapshots: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.objective = self.toy.objective(self.dtype, self.device, self.kind)
        self.start = start_of(self.objective)
        self.rng = Generator(self.objective.device).manual_seed(self.seed)
        self.recorder = Recorder(self.measured(self.objective), grid=self._grid(), by_iteration=self.recorded)

    def run(self) -> Outcome:
        """Train; what the learner raises passes through."""
        if self.forwards is None:
            self.forwards = enough(self.learner, self.toy)
        return train(
            self.learner,
            self.objective,
            self.start,
            self.rng,
            limit=Limit(forwards=self.forwards),
            recorder=self.recorder,
            saved=None if self.saved is None else from_bytes(self.saved),
            between_steps=self._between,
        )

    def bits(self) -> dict[str, Any]:
        """Run, and give all that must be equal between equal runs: everything but seconds."""
        outcome = self.run()
        return self.deciding_bits(outcome) | {
            "curve": [
                {name: value for name, value in point.items() if name != "seconds"}
                for point in self.recorder.points
            ]
        }

    def deciding_bits(self, outcome: Outcome) -> dict[str, Any]:
        """What is equal even where one of the runs keeps no curve."""
        meter = self.objective.meter.reading()
        return {
            "end": (outcome.status, outcome.reason),
            "theta": outcome.theta.tolist(),
            "cost": {name: value for name, value in meter.items() if name != "seconds"},
            "scored": self.objective.trace.table()[:, [0, 1, 2, 4]].tolist(),
        }

    def _grid(self) -> Iterable[float]:
        return budget_grid(math.inf, 1e-9) if self.recorded else ()

    def _between(self, state: State) -> None:
        if self.between is not None:
            self.between(state)
        if self.keep:
            self.snapshots.append(to_bytes(snapshot(self.objective, self.recorder, state)))


def enough(learner: Learner, toy: Toy, steps: int = STEPS) -> float:
    """A budget in forwards that shows some steps of the learner, whatever one of them costs."""
    taken = 0

    def count(_state: State) -> None:
        nonlocal taken
        if taken == steps:
            raise _Enough
        taken += 1

    trial = Trial(learner, toy, forwards=MOST, recorded=False, between=count)
    with suppress(_Enough):
        trial.run()
    return min(MOST, max(LEAST, math.ceil(trial.objective.meter.forwards)))


def difference(found: Any, expected: Any, where: str = "") -> str | None:
    """In words, the first place where two results differ; None where they are equal to the last bit."""
    if isinstance(found, dict) and isinstance(expected, dict) and found.keys() == expected.keys():
        pairs = ((f"{where} {name}".strip(), found[name], expected[name]) for name in found)
    elif (
        isinstance(found, list | tuple) and isinstance(expected, list | tuple) and len(found) == len(expected)
    ):
        pairs = (
            (f"{where}[{place}]", a, b) for place, (a, b) in enumerate(zip(found, expected, strict=True))
        )
    else:
        return None if repr(found) == repr(expected) else f"{where} is {found!r:.60}, not {expected!r:.60}"
    return next((said for name, a, b in pairs if (said := difference(a, b, name)) is not None), None)
