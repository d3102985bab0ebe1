"""What a task is: a named, reproducible problem, with everything that a fair comparison fixes beforehand."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast, final

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from nogd.engine.losses import Loss, LossFunction, find_loss
from nogd.engine.modules.accepted import in_type_taken
from nogd.engine.modules.mode import Mode
from nogd.engine.several import like
from nogd.engine.simulation import Simulator
from nogd.engine.space import DEFAULT_BOX, Bounds
from nogd.errors import DataError, PluginError, UserError, in_one_line
from nogd.problem.constant import constant_outputs
from nogd.problem.dataset import Dataset, loaded, parts_of, resolved
from nogd.problem.metrics import Metric, find_metric
from nogd.problem.reference import FrozenReference
from nogd.problem.splits import Split, balanced, split, standardised
from nogd.seeds import derive
from nogd.training.spelling import Named

__all__ = ["Dataset", "Metric", "Problem", "Split", "SupervisedTask", "Task", "layers"]

Splits = tuple[Split, Split | None, Split | None]


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A task made ready for one run: the network at its initial parameters, data, loss and metric.

    :param module: the network.
    :param loss: a name, or a function of outputs and targets. Without meaning where there is a `score` or `simulator`.
    :param train: the training split; without meaning where there is a `score` or `simulator`.
    :param metric: what runs are judged by.
    :param validation: the validation split, if any.
    :param test: the test split, if any.
    :param bounds: the search box, for all parameters or by name pattern.
    :param differentiable: whether there is a gradient.
    :param constant: metric of the best constant predictor, fitted on the training split, on the test split (on the
        training split if there is no other).
    :param constant_loss: its loss on the same split.
    :param score: the objective of a black-box task.
    :param simulator: the world of a policy.
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
    simulator: Simulator | None = None

    @property
    def is_supervised(self) -> bool:
        """Whether there are data with targets."""
        return self.score is None and self.simulator is None

    @property
    def holds_out(self) -> bool:
        """Whether anything is held out from training, to validate and to test on."""
        return self.test is not None or self.simulator is not None


class Task(Named, ABC):
    """A named problem. Subclass SupervisedTask for a network, a loss and data; Task itself for anything else.

    Its fields are settings, validated and never changed, which users write after the name: `-t parity,bits=10`. These
    belong to the class:

    :cvar name: what it is called everywhere.
    :cvar why: one sentence that says why the task exists.
    :cvar version: raise it with every change that affects results.
    :cvar budget: forwards per run, by default.
    :cvar mode: "eval" scores the network as it will be used; "train" with Dropout and batch statistics as in training,
        while all figures are still measured in eval mode.
    :cvar differentiable: whether there is a gradient; write `has_gradient` where that depends on settings.
    :cvar default: whether it belongs to `--all`.
    :cvar tags: words that select tasks, as in `-t tag:classification`.
    :cvar reference: what its reference learner scored with these settings, from `reference.json` beside the task's
        file.
    """

    why: ClassVar[str] = ""
    version: ClassVar[int] = 1
    budget: ClassVar[float] = 3_000
    mode: ClassVar[Mode] = "eval"
    differentiable: ClassVar[bool] = True
    default: ClassVar[bool] = True
    tags: ClassVar[frozenset[str]] = frozenset()
    reference: ClassVar[FrozenReference] = FrozenReference()

    own_mode: Mode | None = Field(None, alias="mode", description="in place of the task's own mode")

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        taken = sorted(_OF_THE_CLASS & cls.model_fields.keys())
        if taken:
            raise PluginError(
                f"the task {cls.__qualname__} makes a setting of {taken[0]!r}, which belongs to the class: annotate it"
                " as ClassVar, or leave the annotation out."
            )

    @model_validator(mode="after")
    def _differs_from_the_class(self) -> Task:
        """What a class has anyway is no setting that differs."""
        if self.own_mode == self.mode:
            object.__setattr__(self, "own_mode", None)
        return self

    @property
    def has_gradient(self) -> bool:
        """Whether there is a gradient with these settings: `differentiable`, unless a task overrides it."""
        return self.differentiable

    @property
    def scored_in(self) -> Mode:
        """The mode that candidates are scored in."""
        return self.own_mode or self.mode

    @abstractmethod
    def problem(self, seed: int) -> Problem:
        """The problem of one run.

        :param seed: of the initial parameters; the data do not depend on it.
        """

    def describe(self) -> dict[str, object]:
        """Facts for `nogd show`, in the order in which to print them; values must be valid JSON."""
        problem = self.problem(seed=0)
        return {
            "name": str(self),
            "why": self.why,
            "network": layers(problem.module),
            "mode": self.scored_in,
            "parameters": sum(p.numel() for p in problem.module.parameters() if p.requires_grad),
            "metric": problem.metric.name,
            "gradient": problem.differentiable and problem.is_supervised,
            "budget": self.budget,
            "bounds": problem.bounds,
            "tags": sorted(self.tags),
            "version": self.version,
        }


_OF_THE_CLASS = frozenset(
    {
        "balanced", "bounds", "budget", "dataset", "default", "differentiable", "has_gradient", "label", "loss",
        "metric", "mode", "name", "reference", "split", "standardise", "tags", "use", "version", "why",
    }
)  # fmt: skip


class SupervisedTask(Task):
    """A network trained on data: set `name`, `dataset`, `loss` and `metric`, and write `network`.

    :cvar dataset: a registered name, or a Dataset class; write `data` where it depends on settings.
    :cvar loss: a registered name, or your own: a function of outputs and targets.
    :cvar metric: a registered name, or your own: a Metric.
    :cvar bounds: the search box: one pair (low, high), or a mapping from patterns of parameter names to pairs.
    :cvar split: shares of training, validation and test, or None to train and score on everything. The split depends on
        the task's name only; the setting `split=2` gives another one of the same shares.
    :cvar standardise: which of "inputs" and "targets" to bring to mean 0 and standard deviation 1, by the training
        split.
    :cvar balanced: whether training examples of the rarer classes are repeated until all classes weigh about the same.
    """

    dataset: ClassVar[str | type[Dataset]]
    loss: ClassVar[str | LossFunction]
    metric: ClassVar[str | Metric]
    bounds: ClassVar[Bounds] = DEFAULT_BOX
    split: ClassVar[tuple[float, float, float] | None] = (0.6, 0.2, 0.2)
    standardise: ClassVar[tuple[str, ...]] = ("inputs",)
    balanced: ClassVar[bool] = False

    split_number: int = Field(0, ge=0, alias="split", description="which of all splits of these shares")

    @model_validator(mode="after")
    def _has_another_split(self) -> SupervisedTask:
        if self.split_number and self.split is None:
            raise ValueError("it has no split, so there is no other split either")
        return self

    def data(self) -> str | type[Dataset] | Dataset:
        """The data set for these settings: `dataset`, unless a task overrides it."""
        return self.dataset

    @abstractmethod
    def network(self) -> nn.Module:
        """A new network, its parameters drawn from torch's global generator, as torch's own layers draw them."""

    @final
    def problem(self, seed: int) -> Problem:
        """The network initialised from `seed`, with the data.

        :param seed: of the initial parameters.
        :raises DataError: if the data cannot be used.
        :raises PluginError: if the class is not complete.
        """
        self._check()
        module = drawn_network(self.network, seed)
        train, validation, test = _as_taken(module, self._splits())
        loss, metric, scored = find_loss(type(self).loss), find_metric(self.metric), test or train
        constant, constant_loss = self._constant(loss, metric, train, scored)
        return Problem(
            module=module,
            loss=type(self).loss,
            train=train,
            validation=validation,
            test=test,
            metric=metric,
            bounds=self.bounds,
            differentiable=self.has_gradient,
            constant=constant,
            constant_loss=constant_loss,
        )

    @final
    def describe(self) -> dict[str, object]:
        """Data and sizes, network and size of theta, loss and metric, budget, and why the task is here."""
        problem, data, loss = self.problem(seed=0), resolved(self.data()), find_loss(type(self).loss).name
        parts = {"train": problem.train, "validation": problem.validation, "test": problem.test}
        return {
            "name": str(self),
            "why": self.why,
            "data": f"{data.name}: {(inspect.getdoc(data) or '').partition(chr(10))[0]}",
            "examples": {name: len(part) for name, part in parts.items() if part is not None},
            "inputs": problem.train.inputs.numel() // len(problem.train),
            "standardised": list(self.standardise),
            "network": layers(problem.module),
            "mode": self.scored_in,
            "parameters": sum(p.numel() for p in problem.module.parameters() if p.requires_grad),
            "loss": loss,
            "metric": problem.metric.name,
            "constant predictor": {problem.metric.name: problem.constant, loss: problem.constant_loss},
            "gradient": self.has_gradient,
            "budget": self.budget,
            "bounds": self.bounds,
            "tags": sorted(self.tags),
            "version": self.version,
        }

    def _check(self) -> None:
        """Refuse a class that was not filled in, with one sentence for its author."""
        missing = [field for field in ("name", "dataset", "loss", "metric") if not hasattr(type(self), field)]
        if missing:
            raise PluginError(
                f"the task {type(self).__name__} has no {' and no '.join(missing)}; set it there."
            )
        if self.split is not None and not _are_shares(self.split):
            raise PluginError(
                f"the task {self.name!r} sets split to {self.split!r}; give three shares above 0 that add up"
                " to 1 (training, validation, test), or None."
            )
        if not {"inputs", "targets"}.issuperset(self.standardise):
            raise PluginError(
                f"the task {self.name!r} sets standardise to {self.standardise!r};"
                ' give a tuple of "inputs" and "targets".'
            )

    def _constant(self, loss: Loss, metric: Metric, train: Split, scored: Split) -> tuple[float, float]:
        """Metric and loss of the best constant predictor."""
        try:
            outputs = constant_outputs(train, scored, loss)
            return metric(outputs, scored.targets), float(loss(outputs, scored.targets))
        except Exception as error:  # whatever a loss or a metric may raise
            if self.split is None or isinstance(error, UserError):
                raise
            raise PluginError(
                f"the loss or the metric of the task {self.name!r} fails on {len(train)} training and {len(scored)}"
                f" test examples ({in_one_line(error)}); where it needs all examples at once, set split to"
                " None."
            ) from error

    @final
    def rows_of_splits(self) -> list[Tensor]:
        """Numbers of the examples of training, validation and test; of all, where there is no split."""
        targets = loaded(self.data()).targets
        if self.split is None:
            return [torch.arange(len(targets))]
        number = (self.split_number,) if self.split_number else ()  # the first is as old as the task
        numbered = Split(torch.arange(len(targets)), targets)
        rows = [
            cast(Tensor, part.inputs)
            for part in split(numbered, self.split, derive("split", self.name, *number))
        ]
        if not all(map(len, rows)):
            raise DataError(
                f"the task {self.name!r} cannot split {len(targets)} examples into training, validation and test;"
                " give more data, or set split to None."
            )
        return rows

    def input_features(self) -> int:
        """How many numbers an example's inputs are, for networks of data whose `Dataset.fit` decides that."""
        [train, *_] = parts_of(self.data(), self.rows_of_splits())
        return train.inputs.numel() // len(train)

    def _splits(self) -> Splits:
        train, *others = standardised(parts_of(self.data(), self.rows_of_splits()), self.standardise)
        if self.balanced:
            train = balanced(train)
        validation, test = others or (None, None)
        return train, validation, test


def drawn_network(network: Callable[[], nn.Module], seed: int) -> nn.Module:
    """What `network` makes, its parameters drawn by `seed` from torch's global generator, which is given back."""
    with torch.random.fork_rng(devices=[]):
        # Not torch.manual_seed: it seeds accelerators as well, which would not be put back here.
        torch.default_generator.manual_seed(seed)
        return network()


def layers(module: nn.Module) -> str:
    """The layers of a network in one line: "Linear(10, 5), ReLU, Linear(5, 1)"."""
    return ", ".join(_layer(leaf) for leaf in module.modules() if not list(leaf.children()))


def _layer(leaf: nn.Module) -> str:
    kind = type(leaf).__name__
    if hasattr(leaf, "in_features") and hasattr(leaf, "out_features"):
        return f"{kind}({leaf.in_features}, {leaf.out_features})"
    return f"{kind}({leaf.extra_repr()})" if leaf.extra_repr() else kind


def _as_taken(module: nn.Module, splits: Splits) -> Splits:
    """The splits with inputs in the type that the module takes; whole numbers are float32 to most."""
    train, *others = splits
    taken = in_type_taken(module, train.inputs, torch.float32)
    validation, test = (
        None if part is None else replace(part, inputs=like(part.inputs, taken)) for part in others
    )
    return replace(train, inputs=taken), validation, test


def _are_shares(shares: tuple[float, ...]) -> bool:
    return len(shares) == 3 and min(shares) > 0 and abs(sum(shares) - 1) < 1e-9
