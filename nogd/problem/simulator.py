"""Tasks in a simulated world: whoever does best there, not who predicts best."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import ClassVar, final

import torch
from pydantic import Field, model_validator
from torch import Generator, Tensor, nn

from nogd.engine.policies import Policies
from nogd.engine.simulation import Simulator
from nogd.engine.space import DEFAULT_BOX, Bounds
from nogd.problem.metrics import Metric
from nogd.problem.splits import Split
from nogd.problem.task import Problem, Task, drawn_network, layers

RETURN = Metric("return", lambda _outputs, _targets: math.nan, True, "mean return of an episode")
"""What simulator tasks are judged by: it follows from episodes, not from outputs."""


class SimulatorTask(Task):
    """A policy for a simulated world: set `name`, and write `network` and `rollout`.

    A candidate's loss is its negative mean return over `episodes` episodes, and counts one forward. All candidates of a
    call see the same episodes. Curves, scores and targets come from fixed episodes that no call sees.

    :cvar held_out: number of these fixed episodes, for training, validation and test each.
    :cvar constant: mean return of the best constant action, which is score 0. A task without it and `solved` cannot be
        frozen, and has no scores.
    :cvar solved: the return that is score 1; say in the docstring where both come from.
    :param episodes: per call.
    :param noisy: whether each call draws its own episodes from the run's stream, so that a candidate scored twice
        differs; if not, all calls have the same episodes.
    """

    differentiable: ClassVar[bool] = False
    bounds: ClassVar[Bounds] = DEFAULT_BOX
    held_out: ClassVar[int] = 50
    constant: ClassVar[float] = math.nan
    solved: ClassVar[float] = math.nan

    episodes: int = Field(16, ge=1, le=1 << 16, description="episodes of a scoring call")
    noisy: bool = Field(True, description="whether each call has episodes of its own")

    @model_validator(mode="after")
    def _has_one_mode(self) -> SimulatorTask:
        if self.scored_in != "eval":
            raise ValueError("a policy acts as it will be used, so its only mode is eval")
        return self

    @abstractmethod
    def network(self) -> nn.Module:
        """A new policy, its parameters drawn from torch's global generator, as torch's own layers draw them."""

    @abstractmethod
    def rollout(self, policies: Policies, seeds: Tensor) -> Tensor:
        """Returns of P policies in E episodes; greater is better.

        :param policies: called with observations `[P, E, ...]` at each step, `policies(observations, running=running)`.
        :param seeds: int64 `[E]`; an episode's start and all of its randomness follow from its seed alone, see
            `uniform`.
        :returns: `[P, E]`.
        """

    @final
    def problem(self, seed: int) -> Problem:
        """The policy initialised from `seed`, with its world."""
        nothing = Split(torch.zeros(1, 1), torch.zeros(1, 1))
        return Problem(
            module=drawn_network(self.network, seed),
            loss="mse",
            train=nothing,
            metric=RETURN,
            bounds=self.bounds,
            differentiable=False,
            constant=self.constant,
            constant_loss=-self.constant,
            simulator=Simulator(
                name=self.name,
                rollout=self.rollout,
                episodes=self.episodes,
                held_out=self.held_out,
                noisy=self.noisy,
            ),
        )

    @final
    def describe(self) -> dict[str, object]:
        """Policy and size of theta, episodes, the returns that are score 0 and 1, budget, and why the task is here."""
        module = self.problem(seed=0).module
        return {
            "name": str(self),
            "why": self.why,
            "network": layers(module),
            "parameters": sum(p.numel() for p in module.parameters() if p.requires_grad),
            "episodes": self.episodes,
            "episodes held out": self.held_out,
            "noisy": self.noisy,
            "metric": RETURN.name,
            "best constant action": None if math.isnan(self.constant) else self.constant,
            "solved at": None if math.isnan(self.solved) else self.solved,
            "gradient": False,
            "budget": self.budget,
            "bounds": self.bounds,
            "tags": sorted(self.tags),
            "version": self.version,
        }


def uniform(seeds: Tensor, *shape: int) -> Tensor:
    """Random numbers between 0 and 1 for each episode, which follow from its seed alone.

    :param seeds: int64 `[E]`.
    :param shape: of the numbers of one episode.
    :returns: float64 `[E, *shape]`.
    """
    rows = [
        torch.rand(shape, generator=Generator().manual_seed(seed), dtype=torch.float64, device="cpu")
        for seed in seeds.tolist()
    ]
    return torch.stack(rows).to(seeds.device)
