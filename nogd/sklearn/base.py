"""What both estimators do: hold a part out, standardise, train a network, and give its outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted
from torch import Tensor, nn

from nogd.api import objective
from nogd.engine.losses import Loss, find_loss
from nogd.engine.making import AnyLoss
from nogd.engine.objective import Objective
from nogd.engine.space import Bounds
from nogd.errors import InvalidSetting
from nogd.sklearn.stopping import EarlyStopping
from nogd.sklearn.weights import weighted, with_weights
from nogd.training.held_out import held_out
from nogd.training.learner import Learner, refusal
from nogd.training.names import build
from nogd.training.user_call import AnyBudget, AnyLearner, Asked, Run, as_budget, is_whole, run_asked

try:
    from sklearn.utils.validation import validate_data
except ImportError:  # scikit-learn 1.5

    def validate_data(estimator: Any, *data: Any, **checks: Any) -> Any:
        """X, or X and y, as arrays; their features are noted, or compared with those of `fit`."""
        return estimator._validate_data(*data, **checks)


Array = NDArray[Any]
Pair = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Part:
    """Rows to train on, or rows that are held out. inputs: `[N, features]`; weights: `[N]`."""

    inputs: Array
    targets: Array
    weights: Array


class NogdEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """The parameters of both estimators, and how they train.

    :param learner: a learner, or its name with settings, such as "adam,lr=0.01" or "grid-search+adam".
    :param hidden: units of each hidden layer, with ReLUs between; () for a linear model.
    :param module: a function (inputs, outputs) -> torch module, which makes the network in place of `hidden`.
    :param budget: a number of forwards, a `nogd.Budget` or a mapping.
    :param loss: a name or a callable (outputs, targets) -> scalar; if not given, the estimator's usual one.
    :param bounds: the search box, a pair (low, high).
    :param standardize: whether to bring features (and the targets of a regression) to mean 0 and deviation 1, as
        learnt from the rows that are trained on.
    :param validation_fraction: share of the rows that are held out for early stopping; 0 for none.
    :param patience: iterations without a lower validation loss until training stops. The parameters with the lowest one
        are kept.
    :param random_state: of the start, the learner and what is held out.
    """

    usual_loss: ClassVar[str]

    def __init__(
        self,
        learner: AnyLearner = "grid-search+adam,plateau=true",
        *,
        hidden: tuple[int, ...] = (16,),
        module: Callable[[int, int], nn.Module] | None = None,
        budget: AnyBudget = 3_000,
        loss: AnyLoss | None = None,
        bounds: Bounds = (-2.0, 2.0),
        standardize: bool = True,
        validation_fraction: float = 0.0,
        patience: int = 10,
        random_state: Any = 0,
    ) -> None:
        self.learner = learner
        self.hidden = hidden
        self.module = module
        self.budget = budget
        self.loss = loss
        self.bounds = bounds
        self.standardize = standardize
        self.validation_fraction = validation_fraction
        self.patience = patience
        self.random_state = random_state

    def _known_loss(self) -> Loss:
        return find_loss(self.usual_loss if self.loss is None else self.loss)

    def _parts(self, X: Array, y: Array, sample_weight: Any, seed: int, strata: Array | None) -> list[Part]:
        """What is trained on, and what is held out, if anything is; rows without weight are left out."""
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64)
        if (weights < 0).any() or not weights.any():
            raise ValueError("sample_weight must not be negative, and not zero for all samples.")
        rows = np.flatnonzero(weights)
        parts = self._split(rows, seed, None if strata is None else strata[rows])
        return [Part(X[rows], y[rows], weights[rows]) for rows in parts]

    def _split(self, rows: Array, seed: int, strata: Array | None) -> list[Array]:
        share: Any = self.validation_fraction
        if not isinstance(share, int | float) or not 0 <= share < 1:
            raise InvalidSetting(
                f"validation_fraction must be a number from 0 to below 1, not {share!r:.60}."
            )
        if not is_whole(self.patience) or self.patience < 1:
            raise InvalidSetting(f"patience must be a whole number of at least 1, not {self.patience!r:.60}.")
        if not share:
            return [rows]
        try:
            parts: list[Array] = train_test_split(rows, test_size=share, random_state=seed, stratify=strata)
        except ValueError as error:  # it knows of no validation_fraction
            raise ValueError(
                f"validation_fraction={share} cannot hold out a part of these {len(rows)} rows: {error}"
            ) from None
        return parts

    def _train(self, parts: list[Part], encode: Callable[[Array], Tensor], outputs: int, seed: int) -> None:
        """Set `scaler_`, `module_` and `run_`. encode: from targets to those of the loss."""
        train = parts[0]
        if not isinstance(self.standardize, bool | np.bool_):
            raise InvalidSetting(f"standardize must be True or False, not {self.standardize!r:.60}.")
        scaler = StandardScaler(with_mean=self.standardize, with_std=self.standardize)
        self.scaler_ = scaler.fit(train.inputs, sample_weight=train.weights)
        loss = self._known_loss()
        pairs = [(self._scaled(part.inputs), encode(part.targets)) for part in parts]
        has_weights = any(np.ptp(part.weights) for part in parts)
        if has_weights:
            loss, pairs = weighted(loss), _with_weights(pairs, parts)
        self.module_ = self._network(train.inputs.shape[1], outputs, seed)
        trained = objective(self.module_, *pairs[0], loss=loss, bounds=self.bounds)
        self._check_outputs(pairs[0][0], outputs)
        learner = build(self.learner)
        if has_weights and (reason := refusal(learner, trained)):
            raise InvalidSetting(
                f"{learner} does not take sample_weight: {reason}; take another learner, such as adam."
            )
        self.run_ = self._run(learner, trained, pairs[1:], seed)

    def _run(self, learner: Learner, trained: Objective, held: Sequence[Pair], seed: int) -> Run:
        """Train, and stop early by what is held out, if anything is."""
        stopping = EarlyStopping(trained, self.patience) if held else None
        batches = held_out(held[0], trained) if held else None
        asked = Asked(learner, as_budget(self.budget), seed, None, stopping, False, None)
        run = run_asked(asked, trained, self.module_, batches)
        if stopping and stopping.theta is not None:
            trained.write(stopping.theta, self.module_)
        return run

    def _network(self, inputs: int, outputs: int, seed: int) -> nn.Module:
        """In float64, as scikit-learn's own estimators compute, and in eval mode, as it will be used."""
        made: Any = self.module
        if made is not None and (isinstance(made, nn.Module) or not callable(made)):
            raise InvalidSetting(
                f"module must be a function (inputs, outputs) -> torch module, which each fit calls for a new network,"
                f" not {made!r:.60}."
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            made = made(inputs, outputs) if made else _stack(inputs, self.hidden, outputs)
        if not isinstance(made, nn.Module):
            raise InvalidSetting(f"module must make a torch module of (inputs, outputs), not {made!r:.60}.")
        return made.double().eval()

    def _check_outputs(self, inputs: Tensor, outputs: int) -> None:
        """A network of the user's may have others than there are classes or targets, and losses not mind."""
        with torch.no_grad():
            found = self.module_(inputs[:1])
        if found.shape != (1, outputs):
            raise InvalidSetting(
                f"module must make a network with {outputs} outputs here, but its outputs for one row have shape "
                f"{list(found.shape)}."
            )

    def _scaled(self, X: Array) -> Tensor:
        return torch.from_numpy(self.scaler_.transform(X))

    def _outputs(self, X: Any) -> Array:
        """Outputs of the network `[N, outputs]` for inputs `[N, features]`."""
        check_is_fitted(self)
        with torch.no_grad():
            outputs: Tensor = self.module_(self._scaled(dense(self, X, reset=False)))
        return outputs.numpy()

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))


def dense(estimator: NogdEstimator, *data: Any, **checks: Any) -> Any:
    """X, or X and y, checked as scikit-learn does; X `[N, features]` in float64, and never sparse."""
    found = validate_data(estimator, *data, accept_sparse="csr", dtype=np.float64, **checks)
    X, *y = found if len(data) == 2 else [found]
    X = X if isinstance(X, np.ndarray) else X.toarray()
    return (X, *y) if y else X


def _with_weights(pairs: list[Pair], parts: list[Part]) -> list[Pair]:
    """The same with weights in the targets, whose mean is 1 in each part."""
    weights = [torch.from_numpy(part.weights / part.weights.mean()) for part in parts]
    return [(x, with_weights(y, w)) for (x, y), w in zip(pairs, weights, strict=True)]


def _stack(inputs: int, hidden: Any, outputs: int) -> nn.Sequential:
    sizes = [inputs, *np.atleast_1d(np.asarray(hidden, dtype=object)), outputs]
    if not all(is_whole(size) and size >= 1 for size in sizes):
        raise InvalidSetting(f"hidden must hold whole numbers of at least 1, not {hidden!r:.60}.")
    layers: list[nn.Module] = []
    for before, after in pairwise(map(int, sizes)):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
