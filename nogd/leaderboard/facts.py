"""What is known of a task before anything is trained: sizes, and whether there is a gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd

from nogd.atomic_write import atomic_write
from nogd.problem.task import Task

FILE = "tasks.csv"


@dataclass(frozen=True)
class Facts:
    """A task as far as its size and kind go.

    parameters: those that are searched; layers: how many modules have such; examples: of the training split, 0 where
    there are no data; gradient: whether there is one; simulated: whether episodes take the place of data.
    """

    task: str
    parameters: int
    layers: int
    examples: int
    gradient: bool
    simulated: bool

    def is_like(self, other: Facts) -> bool:
        """Whether the two are of one kind: both with or without a gradient, both data or both simulated."""
        return self.gradient == other.gradient and self.simulated == other.simulated


def facts_of(name: str, task: Task) -> Facts:
    """The facts of a task, which is built for that.

    :raises UserError: if it cannot be built.
    """
    problem = task.problem(seed=0)
    searched = [
        sum(each.numel() for each in module.parameters(recurse=False) if each.requires_grad)
        for module in problem.module.modules()
    ]
    return Facts(
        task=name,
        parameters=sum(searched),
        layers=sum(count > 0 for count in searched),
        examples=len(problem.train) if problem.is_supervised else 0,
        gradient=problem.differentiable and problem.is_supervised,
        simulated=problem.simulator is not None,
    )


def read_facts(path: Path) -> dict[str, Facts]:
    """Facts by task from a CSV file; none where there is no such file."""
    if not path.is_file():
        return {}
    rows = pd.read_csv(path, dtype={"task": str}).to_dict("records")
    names = [field.name for field in fields(Facts)]
    return {str(row["task"]): Facts(**{name: row[name] for name in names}) for row in rows}


def write_facts(path: Path, facts: Mapping[str, Facts]) -> Path:
    """Write facts as CSV, by name. Raises StoreError if that cannot be."""
    table = pd.DataFrame([asdict(facts[name]) for name in sorted(facts)])
    return atomic_write(path, table.to_csv(index=False, lineterminator="\n"))
