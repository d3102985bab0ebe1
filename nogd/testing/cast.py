"""Small learners and tasks of the kit's own, to make results and cells from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor, nn

from nogd.engine.candidates.sets import Population
from nogd.engine.objective import Objective
from nogd.engine.state import State
from nogd.problem.task import Dataset, SupervisedTask
from nogd.training.learner import Learner


@dataclass(kw_only=True)
class StepperState(State):
    """loss: of theta."""

    rng: Generator
    loss: float = float("inf")


class Stepper(Learner[StepperState]):
    """Try a random step and keep it if it helps (after Matyas 1965)."""

    name: ClassVar[str] = "kit-stepper"
    sigma: float = Field(0.3, gt=0, description="standard deviation of a step")

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> StepperState:
        return StepperState(theta=theta, rng=rng)

    def step(self, objective: Objective, state: StepperState) -> None:
        noise = torch.empty_like(state.theta).normal_(generator=state.rng)
        candidates = torch.stack([state.theta, state.theta + self.sigma * noise])
        losses = objective.losses(Population(candidates))
        state.theta = candidates[losses.argmin()].clone()
        state.iteration += 1


class Follower(Learner):
    """Follow the gradient (Cauchy 1847)."""

    name: ClassVar[str] = "kit-follower"
    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> State:
        return State(theta=theta)

    def step(self, objective: Objective, state: State) -> None:
        state.theta = state.theta - 0.1 * objective.gradient(state.theta)[1]
        state.iteration += 1


class Fails(Stepper):
    """Raise an error after some steps."""

    name: ClassVar[str] = "kit-fails"

    def step(self, objective: Objective, state: StepperState) -> None:
        if state.iteration == 3:
            raise ValueError("this learner fails to show what becomes of it")
        super().step(objective, state)


class Diverges(Stepper):
    """Recommend what is not finite after some steps."""

    name: ClassVar[str] = "kit-diverges"

    def step(self, objective: Objective, state: StepperState) -> None:
        super().step(objective, state)
        if state.iteration >= 3:
            state.theta = torch.full_like(state.theta, torch.nan)


class Squares(Dataset):
    """Points of the plane, and in which of four quarters an even number of signs is positive."""

    name: ClassVar[str] = "kit-squares"

    def load(self) -> tuple[Tensor, Tensor]:
        inputs = torch.randn(60, 2, generator=Generator().manual_seed(1))
        return inputs, (inputs.prod(dim=1, keepdim=True) > 0).float()


class Quarters(SupervisedTask):
    """Two classes in the plane, with a split."""

    name: ClassVar[str] = "kit-quarters"
    why: ClassVar[str] = "Small, with two inputs, a split and a gradient."
    dataset: ClassVar[type[Dataset]] = Squares
    loss: ClassVar[str] = "binary-cross-entropy"
    metric: ClassVar[str] = "accuracy"
    default: ClassVar[bool] = False

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))


class Errors(Quarters):
    """The share of errors on all data: no split and no gradient."""

    name: ClassVar[str] = "kit-errors"
    loss: ClassVar[str] = "zero-one"
    split: ClassVar[None] = None
    differentiable: ClassVar[bool] = False
