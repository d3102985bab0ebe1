"""What a task is: a named, reproducible problem, with everything that a fair comparison must fix beforehand."""

from __future__ import annotations

import functools
import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, cast, final

import torch
from torch import Tensor, nn

from nogd.constant import constant_outputs
from nogd.errors import PluginError
from nogd.metrics import Metric, find_metric
from nogd.objective.losses import LossFunction, find_loss
from nogd.objective.space import DEFAULT_BOX, Bounds
from nogd.seeds import derive
from nogd.splits import Split, checked, split, standardised

__all__ = ["Bounds", "Dataset", "LossFunction", "Metric", "Problem", "Split", "SupervisedTask", "Task", "layers"]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A task made ready for one run: the network at its initial parameters, data, loss and metric.

    bounds: the search box, for all parameters or by name pattern. constant, constant_loss: what the best constant
    predictor, fitted on the training split, scores on the test split (on the training split if there is no other).
    score: the objective of a black-box task, whose training split has no meaning.
    """

    module: nn.Module
    loss: str | LossFunction
    train: Split
    metric: Metric
    validation: Split | None = None
    test: Split | None = None
    bounds: Bounds = DEFAULT_BOX
    differentiable: bool = True
    constant: float = float("nan")
    constant_loss: float = float("nan")
    score: Callable[[nn.Module], float] | None = None


class Dataset(ABC):
    """A named set of examples. Subclass it with a `name`, a docstring and `load`."""

    name: ClassVar[str]

    @abstractmethod
    def load(self) -> tuple[Tensor, Tensor]:
        """Inputs float32 `[N, features]` and targets float32 `[N, outputs]` or int64 `[N]`."""


class _Frozen:
    """The frozen reference of a task: its entry in `reference.json` beside the file that defines the task, or None.

    An entry of another version of the task does not count: it was measured on another problem.
    """

    def __get__(self, task: object, owner: type[Task]) -> dict[str, object] | None:
        module = sys.modules.get(owner.__module__)
        entry = _references(getattr(module, "__file__", None)).get(owner.name)
        return entry if entry is not None and entry.get("version") == owner.version else None


@functools.cache
def _references(source: str | None) -> dict[str, dict[str, object]]:
    """The `reference.json` beside the file `source`, by task name; empty where there is none."""
    path = Path(source or "").with_name("reference.json") if source else None
    if path is None or not path.is_file():
        return {}
    return cast(dict[str, dict[str, object]], json.loads(path.read_text(encoding="utf-8")))


class Task(ABC):
    """A named problem. Subclass SupervisedTask for a network, a loss and data; Task itself for anything else.

    version: raise it with every change that moves results. budget: forwards of a run unless told otherwise.
    why: one sentence, why the task is here. default: whether it belongs to `--all`.
    """

    name: ClassVar[str]
    why: ClassVar[str] = ""
    version: ClassVar[int] = 1
    budget: ClassVar[float] = 3_000
    differentiable: ClassVar[bool] = True
    default: ClassVar[bool] = True
    reference = _Frozen()

    @abstractmethod
    def problem(self, seed: int) -> Problem:
        """The problem with initial parameters drawn from `seed`; the data do not depend on it."""

    @abstractmethod
    def describe(self) -> dict[str, object]:
        """Facts for `nogd show`, in the order in which to print them; values are what JSON can write."""


class SupervisedTask(Task):
    """A network trained on data: set `name`, `dataset`, `loss`, `metric`, and write `network`.

    dataset: a registered name or a Dataset class. split: shares of training, validation and test, or None to train
    and score on everything. standardise: which of "inputs" and "targets" to bring to mean 0 and standard deviation 1,
    by the training split. The split depends on the task's name only, and is stratified where targets are classes.
    """

    dataset: ClassVar[str | type[Dataset]]
    loss: ClassVar[str | LossFunction]
    metric: ClassVar[str | Metric]
    bounds: ClassVar[Bounds] = DEFAULT_BOX
    split: ClassVar[tuple[float, float, float] | None] = (0.6, 0.2, 0.2)
    standardise: ClassVar[tuple[str, ...]] = ("inputs",)

    @abstractmethod
    def network(self) -> nn.Module:
        """A new network; draw its initial parameters from torch's global generator, as torch's own layers do."""

    @final
    def problem(self, seed: int) -> Problem:
        """The network initialised from `seed`, with the data.

        Raises DataError where the data set is unusable, PluginError where the class is incomplete.
        """
        self._check()
        train, validation, test = self._data()
        metric = find_metric(self.metric)
        loss, held_out = find_loss(self._loss), test or train
        outputs = constant_outputs(train.targets, loss).expand(len(held_out), -1)
        return Problem(
            module=self._network(seed),
            loss=self._loss,
            train=train,
            validation=validation,
            test=test,
            metric=metric,
            bounds=self.bounds,
            differentiable=self.differentiable,
            constant=metric(outputs, held_out.targets),
            constant_loss=float(loss(outputs, held_out.targets)),
        )

    @final
    def describe(self) -> dict[str, object]:
        """Data, sizes, network, parameters, loss, metric, budget and the reason for the task."""
        problem = self.problem(seed=0)
        return {
            "name": self.name,
            "why": self.why,
            "data": _dataset(self.dataset).name,
            **_sizes(problem),
            "standardised": list(self.standardise),
            "network": layers(problem.module),
            "parameters": sum(tensor.numel() for tensor in problem.module.parameters() if tensor.requires_grad),
            "loss": _name(self._loss),
            "metric": problem.metric.name,
            "budget": self.budget,
            "bounds": self.bounds,
            "gradient": self.differentiable,
            "constant predictor": {problem.metric.name: problem.constant, _name(self._loss): problem.constant_loss},
            "version": self.version,
        }

    @property
    def _loss(self) -> str | LossFunction:
        """The loss as it stands in the class: a plain function there would bind to the task as a method."""
        return cast("str | LossFunction", _unbound(type(self), "loss"))

    def _check(self) -> None:
        missing = [field for field in ("name", "dataset", "loss", "metric") if not hasattr(type(self), field)]
        if missing:
            raise PluginError(f"the task {type(self).__name__} lacks {' and '.join(missing)}; set it in its class.")
        if self.split is not None and (len(self.split) != 3 or min(self.split) <= 0 or abs(sum(self.split) - 1) > 1e-9):
            raise PluginError(
                f"the task {self.name!r} has split={self.split}; "
                "give three shares above 0 that add up to 1 (training, validation, test), or None."
            )

    def _data(self) -> tuple[Split, Split | None, Split | None]:
        data = _loaded(type(_dataset(self.dataset)))
        if self.split is None:
            whole = Split(data.inputs.clone(), data.targets.clone())
            return standardised((whole,), self.standardise)[0], None, None
        parts = split(data, self.split, derive("split", self.name))
        train, validation, test = standardised(parts, self.standardise)
        return train, validation, test

    def _network(self, seed: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            # Not torch.manual_seed: that would reseed the accelerators too, which fork_rng does not put back here.
            torch.random.default_generator.manual_seed(seed)
            return self.network()


def layers(module: nn.Module) -> str:
    """The layers of a network in a line: "Linear(10, 5), ReLU, Linear(5, 1)"."""
    leaves = [child for child in module.modules() if not any(True for _ in child.children())]
    return ", ".join(_layer(leaf) for leaf in leaves)


def _layer(leaf: nn.Module) -> str:
    kind = type(leaf).__name__
    if hasattr(leaf, "in_features") and hasattr(leaf, "out_features"):
        return f"{kind}({leaf.in_features}, {leaf.out_features})"
    return f"{kind}({leaf.extra_repr()})" if leaf.extra_repr() else kind


def _sizes(problem: Problem) -> Mapping[str, object]:
    splits = {"train": problem.train, "validation": problem.validation, "test": problem.test}
    return {
        "examples": {name: len(part) for name, part in splits.items() if part is not None},
        "inputs": problem.train.inputs.shape[1:].numel(),
        "split": problem.test is not None,
    }


def _name(loss: str | LossFunction) -> str:
    return loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)


def _unbound(owner: type, field: str) -> object:
    for base in owner.__mro__:
        if field in vars(base):
            value = vars(base)[field]
            return value.__func__ if isinstance(value, staticmethod) else value
    raise AttributeError(field)


def _dataset(dataset: str | type[Dataset]) -> Dataset:
    """The data set given as a class, or registered under a name."""
    if isinstance(dataset, str):
        from nogd.plugins import plugins  # late: a class given directly spares workers the scan for entry points

        found = plugins().datasets.find(dataset).load()
    else:
        found = dataset
    return cast(Dataset, found() if isinstance(found, type) else found)


@functools.cache
def _loaded(dataset: type[Dataset]) -> Split:
    """The data set, read and checked once in a process. Copy what leaves here: a caller may write into it."""
    return checked(dataset.name, *dataset().load())
