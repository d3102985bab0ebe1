"""PolyStep (Le, arXiv:2605.01928) as learners on nogd's meter; they need `pip install polystep==1.1.0`."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import ClassVar

import torch
from polystep import HybridSubspace, ParamLayout, PolyStepES, PolyStepOptimizer
from pydantic import Field
from torch import Generator, Tensor

import nogd
from nogd import Learner, Objective, Population, State


@dataclass(kw_only=True)
class EsState(State):
    """at: where it stands. loss: of theta, the best that was scored, as its own examples report it."""

    rng: Generator
    at: Tensor
    loss: float


class PolyStepFull(Learner[EsState]):
    """Its ask-and-tell form: both ends of every direction of a rotated basis, and their weighted mean."""

    name: ClassVar[str] = "polystep"
    epsilon: float = Field(0.02, gt=0, description="temperature of the weights")
    radius: float = Field(2.0, gt=0, description="length of a step")

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> EsState:
        loss = float(objective.losses(Population(theta[None]))[0])
        return EsState(theta=theta, rng=rng, at=theta.clone(), loss=loss)

    def step(self, objective: Objective, state: EsState) -> None:
        es = PolyStepES(
            objective.D, epsilon=self.epsilon, step_radius=self.radius, x0=state.at, dtype=objective.dtype
        )
        es.generator = state.rng
        thetas = es.ask()
        losses = objective.losses(Population(thetas))
        es.tell(losses)
        state.at = es.X[0].clone()
        best = int(losses.argmin())
        if float(losses[best]) < state.loss:
            state.loss, state.theta = float(losses[best]), thetas[best].clone()
        state.iteration += 1


@dataclass(kw_only=True)
class SubspaceState(State):
    """What its own package keeps is in the one step that makes up a run."""

    rng: Generator


class PolyStepSubspace(Learner[SubspaceState]):
    """Its optimiser on mini-batches in a subspace of low rank, with the settings of its own runs on MNIST.

    :param size: most dimensions of the subspace, as in its README; none for the rank alone, as in its tables.
    """

    name: ClassVar[str] = "polystep-subspace"
    size: int | None = Field(None, ge=1, description="most dimensions of the subspace")
    batch: int = Field(512, ge=1, description="examples of a step")

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> SubspaceState:
        return SubspaceState(theta=theta, rng=rng)

    def step(self, objective: Objective, state: SubspaceState) -> None:
        module = copy.deepcopy(objective.module)
        objective.space.write(state.theta, module)
        seed = int(torch.randint(2**31, (), generator=state.rng))
        layout = ParamLayout.from_module(module)
        optimizer = PolyStepOptimizer(
            module,
            subspace=HybridSubspace.from_layout(layout, rank=4, max_subspace_dim=self.size, seed=seed),
            solver="softmax",
            epsilon=0.5,
            step_radius=2.0,
            probe_radius=1.0,
            biased_rotation=True,
            chunk_size=64,
            seed=seed,
        )
        names = [tensor.name for tensor in objective.space]
        while True:  # until the budget ends
            rows = torch.randperm(objective.N, generator=state.rng)[: self.batch]

            def score(parameters: dict[str, Tensor], rows: Tensor = rows) -> Tensor:
                thetas = torch.cat([parameters[name].flatten(1) for name in names], 1)
                return objective.losses(Population(thetas.contiguous()), rows)

            optimizer.step(score)
            state.theta = objective.space.read(module)
            state.iteration += 1


LEARNERS = (PolyStepFull, PolyStepSubspace)


@nogd.hookimpl
def nogd_learners() -> tuple[type[Learner], ...]:
    """For `nogd run --plugin experiments/outputs/peers.py`."""
    return LEARNERS
