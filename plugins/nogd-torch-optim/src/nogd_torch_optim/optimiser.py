"""What the learners have in common: an optimiser of torch on views of theta, and its state_dict in the state."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, TypeVar
from weakref import WeakKeyDictionary

import torch
from pydantic import Field, model_validator
from torch import Generator, Tensor, nn
from torch.optim import Optimizer

from nogd import BatchState, Learner, Objective, batch_size, next_rows, used_rows


@dataclass(kw_only=True, eq=False)
class OptimiserState(BatchState):
    """saved: the optimiser's state_dict, which holds its tensors themselves."""

    saved: dict[str, Any] = field(default_factory=dict)
    __hash__ = object.__hash__
    __eq__ = object.__eq__


S = TypeVar("S", bound=OptimiserState)


@dataclass(frozen=True)
class _Live:
    """An optimiser of `flat` [D], whose parameters are views of it, of the network's shapes."""

    flat: Tensor
    parameters: list[nn.Parameter]
    optimiser: Optimizer


# To make an optimiser anew in each step, from what is saved, would copy all its moments.
_LIVE: WeakKeyDictionary[OptimiserState, _Live] = WeakKeyDictionary()


class OptimiserLearner(Learner[S]):
    """Base: an optimiser of torch, on gradients that the objective gives."""

    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})
    tags: ClassVar[frozenset[str]] = frozenset({"gradient"})
    optimiser: ClassVar[type[Optimizer]]

    @model_validator(mode="after")
    def _is_accepted(self) -> Self:
        self.made(
            [nn.Parameter(torch.zeros(1, 1, device="cpu"))]
        )  # torch refuses a wrong value by a ValueError
        return self

    def made(self, parameters: list[nn.Parameter]) -> Optimizer:
        """An optimiser with these hyper-parameters."""
        own = {name: value for name, value in dict(self).items() if name != "rows"}
        return self.optimiser(parameters, **own)

    def supports(self, objective: Objective) -> str | None:
        shapes = [nn.Parameter(torch.empty(t.shape, device="meta")) for t in objective.space]
        try:
            self.made(shapes)
        except ValueError as error:  # as Muon's, which takes nothing but matrices
            return f"torch refuses this network's parameters ({' '.join(str(error).split())})"
        return None

    def live(self, objective: Objective, state: S, flat: Tensor) -> _Live:
        """The state's optimiser of `flat`, made from what is saved where there is none, as in a resumed run."""
        known = _LIVE.get(state)
        if known is not None and known.flat is flat:
            return known
        parameters = [nn.Parameter(flat[t.start : t.stop].view(t.shape)) for t in objective.space]
        optimiser = self.made(parameters)
        if state.saved:
            optimiser.load_state_dict(state.saved)
            # That gives all numbers the parameters' type, which those of ASGD do not have, so that it rounds otherwise.
            for number, own in state.saved["state"].items():
                optimiser.state[parameters[number]] = own
        _LIVE[state] = _Live(flat, parameters, optimiser)
        return _LIVE[state]


class GradientLearner(OptimiserLearner[OptimiserState]):
    """Base: a step of the optimiser is one update by one gradient."""

    batches: ClassVar[bool] = True
    rows: int | None = Field(None, ge=1, description="examples of a mini-batch; all if not given")

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> OptimiserState:
        return OptimiserState(theta=theta, rng=rng)

    def step(self, objective: Objective, state: OptimiserState) -> None:
        size = batch_size(objective, self.rows)
        _, gradient = objective.gradient(state.theta, next_rows(objective, state, size))
        live = self.live(objective, state, state.theta)
        put(live, gradient, objective)
        live.optimiser.step()
        state.saved = live.optimiser.state_dict()
        state.iteration += used_rows(objective, state, size)


def put(live: _Live, gradient: Tensor, objective: Objective) -> None:
    """Give each parameter its part of the gradient `[D]`."""
    for parameter, t in zip(live.parameters, objective.space, strict=True):
        parameter.grad = gradient[t.start : t.stop].view(t.shape)


@dataclass(kw_only=True, eq=False)
class ClosureState(OptimiserState):
    """here: where the optimiser stands, `[D]`; theta is the best place that it has seen, best its loss."""

    here: Tensor
    best: float = math.inf


class ClosureLearner(OptimiserLearner[ClosureState]):
    """Base: an optimiser that asks for several gradients in a step, as one with a line search does.

    Each is charged where it is asked for, and the best place of all is recommended.
    """

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> ClosureState:
        return ClosureState(theta=theta, rng=rng, here=theta.clone())

    def step(self, objective: Objective, state: ClosureState) -> None:
        live = self.live(objective, state, state.here)

        def closure() -> float:
            loss, gradient = objective.gradient(state.here)
            put(live, gradient, objective)
            if loss < state.best:
                state.best = float(loss)
                state.theta.copy_(state.here)
            return float(loss)

        live.optimiser.step(closure)
        state.saved = live.optimiser.state_dict()
        state.iteration += 1
