"""nogd: train neural networks without gradient descent, and find out honestly when that beats gradient descent.

    run = nogd.fit(module, inputs, targets, learner="grid-search+adam", budget=3_000)
    results = nogd.run("experiment.toml")

Everything here is imported on first use, so that `import nogd` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from nogd.bench.experiment import Experiment as Experiment
    from nogd.bench.results import Results as Results
    from nogd.bench.run import run as run
    from nogd.doors import Run as Run
    from nogd.doors import fit as fit
    from nogd.doors import minimize as minimize
    from nogd.doors import objective as objective
    from nogd.errors import NogdWarning as NogdWarning
    from nogd.errors import UserError as UserError
    from nogd.helpers import box_sigma as box_sigma
    from nogd.helpers import default_population as default_population
    from nogd.helpers import rank_weights as rank_weights
    from nogd.hookspecs import hookimpl as hookimpl
    from nogd.learner import AskTell as AskTell
    from nogd.learner import Learner as Learner
    from nogd.learner import Loop as Loop
    from nogd.learner import Sequence as Sequence
    from nogd.learners.restarts import Restarts as Restarts
    from nogd.objective.candidates import Line as Line
    from nogd.objective.candidates import Population as Population
    from nogd.objective.losses import Loss as Loss
    from nogd.objective.low_rank import LowRank as LowRank
    from nogd.objective.meter import Budget as Budget
    from nogd.objective.objective import Objective as Objective
    from nogd.objective.perturbed import Perturbed as Perturbed
    from nogd.objective.space import ParameterSpace as ParameterSpace
    from nogd.registry import Lazy as Lazy
    from nogd.state import State as State
    from nogd.task import Dataset as Dataset
    from nogd.task import Metric as Metric
    from nogd.task import Problem as Problem
    from nogd.task import Split as Split
    from nogd.task import SupervisedTask as SupervisedTask
    from nogd.task import Task as Task

_WHERE = {
    "AskTell": "nogd.learner",
    "Budget": "nogd.objective.meter",
    "Dataset": "nogd.task",
    "Experiment": "nogd.bench.experiment",
    "Lazy": "nogd.registry",
    "Learner": "nogd.learner",
    "Line": "nogd.objective.candidates",
    "Loop": "nogd.learner",
    "Loss": "nogd.objective.losses",
    "LowRank": "nogd.objective.low_rank",
    "Metric": "nogd.task",
    "NogdWarning": "nogd.errors",
    "Objective": "nogd.objective.objective",
    "ParameterSpace": "nogd.objective.space",
    "Perturbed": "nogd.objective.perturbed",
    "Population": "nogd.objective.candidates",
    "Problem": "nogd.task",
    "Restarts": "nogd.learners.restarts",
    "Results": "nogd.bench.results",
    "Run": "nogd.doors",
    "Sequence": "nogd.learner",
    "Split": "nogd.task",
    "State": "nogd.state",
    "SupervisedTask": "nogd.task",
    "Task": "nogd.task",
    "UserError": "nogd.errors",
    "box_sigma": "nogd.helpers",
    "default_population": "nogd.helpers",
    "fit": "nogd.doors",
    "hookimpl": "nogd.hookspecs",
    "minimize": "nogd.doors",
    "rank_weights": "nogd.helpers",
    "run": "nogd.bench.run",
}

__all__ = ["__version__", "objective", *_WHERE]


def __getattr__(name: str) -> Any:
    if name == "objective":
        return import_module("nogd.objective")  # a package that can be called
    if name not in _WHERE:
        raise AttributeError(f"module 'nogd' has no attribute {name!r}")
    value = getattr(import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
