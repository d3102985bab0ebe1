"""nogd: train neural networks without gradient descent, and find out honestly when that beats gradient descent.

    run = nogd.fit(module, inputs, targets, learner="grid-search+adam", budget=3_000)
    results = nogd.run("experiment.toml")

Everything here is imported on first use, so that `import nogd` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nogd.version import __version__

if TYPE_CHECKING:
    from nogd import optim as optim
    from nogd.api import fit as fit
    from nogd.api import minimize as minimize
    from nogd.api import objective as objective
    from nogd.api import run as run
    from nogd.bench.experiment import Experiment as Experiment
    from nogd.engine.accounts.meter import Budget as Budget
    from nogd.engine.candidates.low_rank import LowRank as LowRank
    from nogd.engine.candidates.perturbed import Perturbed as Perturbed
    from nogd.engine.candidates.sets import Line as Line
    from nogd.engine.candidates.sets import Population as Population
    from nogd.engine.candidates.subspace import Subspace as Subspace
    from nogd.engine.candidates.unit import Unit as Unit
    from nogd.engine.losses import Loss as Loss
    from nogd.engine.objective import Objective as Objective
    from nogd.engine.policies import Policies as Policies
    from nogd.engine.space import ParameterSpace as ParameterSpace
    from nogd.engine.state import State as State
    from nogd.errors import NogdWarning as NogdWarning
    from nogd.errors import UserError as UserError
    from nogd.hookspecs import hookimpl as hookimpl
    from nogd.learners.restarts import Restarts as Restarts
    from nogd.plugins.registry import Lazy as Lazy
    from nogd.problem.simulator import SimulatorTask as SimulatorTask
    from nogd.problem.simulator import uniform as uniform
    from nogd.problem.table import TableData as TableData
    from nogd.problem.task import Dataset as Dataset
    from nogd.problem.task import Metric as Metric
    from nogd.problem.task import Problem as Problem
    from nogd.problem.task import Split as Split
    from nogd.problem.task import SupervisedTask as SupervisedTask
    from nogd.problem.task import Task as Task
    from nogd.report.results import Results as Results
    from nogd.training.batches import BatchState as BatchState
    from nogd.training.batches import batch_size as batch_size
    from nogd.training.batches import next_rows as next_rows
    from nogd.training.batches import used_rows as used_rows
    from nogd.training.helpers import box_sigma as box_sigma
    from nogd.training.helpers import default_population as default_population
    from nogd.training.helpers import rank_weights as rank_weights
    from nogd.training.learner import AskTell as AskTell
    from nogd.training.learner import Learner as Learner
    from nogd.training.learner import Sequence as Sequence
    from nogd.training.library_ask_tell import LibraryAskTell as LibraryAskTell
    from nogd.training.library_loop import Loop as Loop
    from nogd.training.library_loop import Questions as Questions
    from nogd.training.user_call import Run as Run

_WHERE = {
    "AskTell": "nogd.training.learner",
    "BatchState": "nogd.training.batches",
    "Budget": "nogd.engine.accounts.meter",
    "Dataset": "nogd.problem.task",
    "Experiment": "nogd.bench.experiment",
    "Lazy": "nogd.plugins.registry",
    "Learner": "nogd.training.learner",
    "LibraryAskTell": "nogd.training.library_ask_tell",
    "Line": "nogd.engine.candidates.sets",
    "Loop": "nogd.training.library_loop",
    "Loss": "nogd.engine.losses",
    "LowRank": "nogd.engine.candidates.low_rank",
    "Metric": "nogd.problem.task",
    "NogdWarning": "nogd.errors",
    "Objective": "nogd.engine.objective",
    "ParameterSpace": "nogd.engine.space",
    "Perturbed": "nogd.engine.candidates.perturbed",
    "Policies": "nogd.engine.policies",
    "Population": "nogd.engine.candidates.sets",
    "Problem": "nogd.problem.task",
    "Questions": "nogd.training.library_loop",
    "Restarts": "nogd.learners.restarts",
    "Results": "nogd.report.results",
    "Run": "nogd.training.user_call",
    "Sequence": "nogd.training.learner",
    "SimulatorTask": "nogd.problem.simulator",
    "Split": "nogd.problem.task",
    "State": "nogd.engine.state",
    "Subspace": "nogd.engine.candidates.subspace",
    "SupervisedTask": "nogd.problem.task",
    "TableData": "nogd.problem.table",
    "Task": "nogd.problem.task",
    "Unit": "nogd.engine.candidates.unit",
    "UserError": "nogd.errors",
    "batch_size": "nogd.training.batches",
    "box_sigma": "nogd.training.helpers",
    "default_population": "nogd.training.helpers",
    "fit": "nogd.api",
    "hookimpl": "nogd.hookspecs",
    "minimize": "nogd.api",
    "next_rows": "nogd.training.batches",
    "objective": "nogd.api",
    "rank_weights": "nogd.training.helpers",
    "run": "nogd.api",
    "uniform": "nogd.problem.simulator",
    "used_rows": "nogd.training.batches",
}

_ROOMS = ("optim",)

__all__ = ["__version__", *_ROOMS, *_WHERE]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"nogd.{name}")
    if name not in _WHERE:
        raise AttributeError(f"module 'nogd' has no attribute {name!r}")
    value = getattr(import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
