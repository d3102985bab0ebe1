"""From an experiment to its cells, without loading any data."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pydantic import ValidationError

from nogd.bench.cell import Cell, identity
from nogd.bench.code import Code, CodeReader
from nogd.bench.experiment import Experiment, LearnerEntry
from nogd.bench.matching import chosen_learners
from nogd.bench.task_names import NamedTask, all_tasks, tasks_of
from nogd.engine.accounts.meter import Budget
from nogd.engine.modules.mode import checked_mode
from nogd.errors import InvalidSetting, PluginError
from nogd.plugins.manager import plugins
from nogd.plugins.registry import usable
from nogd.problem.task import Task
from nogd.training.learner import Learner, Sequence
from nogd.training.names import build, first_complaint, written


@dataclass(frozen=True)
class Planned:
    """A cell with what it takes to run it."""

    cell: Cell
    learner: Learner
    task: Task


@dataclass(frozen=True)
class _Labelled:
    label: str
    learner: Learner
    identity: dict[str, object]
    code: Code
    budget: Budget | None


@dataclass(frozen=True)
class _Placed:
    name: str
    task: Task
    package: str
    code: Code


def plan(experiment: Experiment) -> list[Planned]:
    """All cells, repetition by repetition and learner by learner, so that a process is used again for its learner.

    Raises UserError for unknown names, wrong hyper-parameters, labels or learners used twice, and an empty selection.
    """
    code = CodeReader()
    learners, tasks = _learners(experiment, code), _tasks(experiment, code)
    first = [
        Planned(_first_cell(experiment, learner, task), learner.learner, task.task)
        for learner in learners
        for task in tasks
    ]
    return [
        Planned(replace(each.cell, repetition=repetition), each.learner, each.task)
        for repetition in range(experiment.repetitions)
        for each in first
    ]


def _first_cell(experiment: Experiment, learner: _Labelled, task: _Placed) -> Cell:
    """The cell of repetition 0."""
    budget = learner.budget or experiment.budget or _budget_of(task)
    return Cell(
        label=learner.label,
        learner=learner.identity,
        task=task.name,
        task_package=task.package,
        code=tuple(sorted(learner.code | task.code)),
        task_version=task.task.version,
        repetition=0,
        mode=checked_mode(task.task.scored_in, f"the mode of task {task.name!r}"),
        budget=budget.model_dump(),
        threads=experiment.threads,
        device=experiment.device,
    )


def _budget_of(task: _Placed) -> Budget:
    try:
        return Budget(forwards=task.task.budget)
    except ValidationError as error:
        raise PluginError(
            f"the task {task.name!r} sets an invalid budget: {first_complaint(error)}"
        ) from None


def _learners(experiment: Experiment, code: CodeReader) -> list[_Labelled]:
    learners = plugins().learners
    named = chosen_learners(experiment.learners, learners)
    entries = named or [LearnerEntry(use=name) for name in usable(learners)]
    if not entries:
        raise InvalidSetting("there is no learner to run: none is registered; see 'nogd list plugins'.")
    found = [_labelled(entry, code) for entry in entries]
    _refuse_twins(found)
    return found


def _labelled(entry: LearnerEntry, code: CodeReader) -> _Labelled:
    learner = build(entry.use, entry.settings)
    package, version = _provenance(learner, code)
    label = entry.label or written(learner)
    return _Labelled(
        label, learner, identity(learner, package, version), code.of_learner(learner), entry.budget
    )


def _refuse_twins(learners: list[_Labelled]) -> None:
    labels: set[str] = set()
    same: dict[str, str] = {}
    for learner in learners:
        key = repr((learner.identity, learner.budget))
        if key in same:
            raise InvalidSetting(
                f"{same[key]!r} and {learner.label!r} are the same learner; leave one of them out."
            )
        if learner.label in labels:
            raise InvalidSetting(f"two learners are named {learner.label!r}; give one of them another label.")
        labels.add(learner.label)
        same[key] = learner.label


def _tasks(experiment: Experiment, code: CodeReader) -> list[_Placed]:
    given = tasks_of(experiment.tasks) if experiment.tasks else all_tasks(only_default=True)
    if not given:
        raise InvalidSetting("there is no task to run: none is registered; see 'nogd list plugins'.")
    names = [each.name for each in given]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InvalidSetting(f"task {twice!r} is given twice; leave one of them out.")
    return [_placed(each, code) for each in given]


def _placed(named: NamedTask, code: CodeReader) -> _Placed:
    task = named.task
    if named.entry is None:
        package, _ = code.provenance(type(task), plugins().tasks)
    else:
        package = named.entry.source.package
    return _Placed(named.name, task, package, code.of_task(task))


def _provenance(learner: Learner, code: CodeReader) -> tuple[str, str]:
    """Package and version of a learner's code; of all its parts' for a sequence."""
    if not isinstance(learner, Sequence):
        return code.provenance(type(learner), plugins().learners)
    packages, versions = zip(*(_provenance(part, code) for part in learner.parts), strict=True)
    return "+".join(dict.fromkeys(packages)), "+".join(dict.fromkeys(versions))
