"""The task."""

from __future__ import annotations

from functools import cached_property
from itertools import pairwise
from typing import ClassVar

from pydantic import Field, model_validator
from torch import Tensor, nn

from nogd import Policies, SimulatorTask
from nogd.errors import InvalidSetting
from nogd_gymnasium.actions import actions_of
from nogd_gymnasium.environments import inputs_of, made
from nogd_gymnasium.scales import of_environment
from nogd_gymnasium.stage import Stage
from nogd_gymnasium.standardised import Standardised, seen_at_random


class Gymnasium(SimulatorTask):
    """Act in an environment of gymnasium (Towers et al., arXiv:2407.17032) so that the sum of rewards is great.

    Score 1 is gymnasium's own threshold, score 0 the best constant action: `nogd_gymnasium.scales` has both for some
    environments, and where each figure comes from. Of another environment the settings `zero` and `one` are the two.
    """

    name: ClassVar[str] = "gymnasium"
    why: ClassVar[str] = "Whatever has been made an environment of gymnasium is a task here."
    default: ClassVar[bool] = False
    budget: ClassVar[float] = 500
    bounds: ClassVar[tuple[float, float]] = (-2.0, 2.0)
    held_out: ClassVar[int] = 16
    tags: ClassVar[frozenset[str]] = frozenset({"gymnasium"})
    constant: ClassVar[float] = of_environment("constant")
    solved: ClassVar[float] = of_environment("solved")

    env: str = Field("CartPole-v1", description="gymnasium's name of the environment")
    steps: int | None = Field(None, ge=1, description="of the longest episode; gymnasium's own if not given")
    width: int = Field(8, ge=1, le=1 << 14, description="units of a hidden layer")
    depth: int = Field(1, ge=0, le=64, description="hidden layers; with 0 the policy is linear")
    standardise_by: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="random actions, by what is seen in which observations are standardised",
    )
    episodes: int = Field(4, ge=1, le=1 << 16, description="episodes of a scoring call")
    zero: float | None = Field(None, allow_inf_nan=False, description="the return that is score 0")
    one: float | None = Field(None, allow_inf_nan=False, description="the return that is score 1")

    @model_validator(mode="after")
    def _can_be_played(self) -> Gymnasium:
        if (self.zero is None) != (self.one is None) or (self.zero is not None and self.zero == self.one):
            raise ValueError("zero and one are given together, and differ")
        try:
            self._sizes()
        except InvalidSetting as why:
            raise ValueError(str(why).rstrip(".")) from None  # nogd ends the sentence
        return self

    def network(self) -> nn.Module:
        """Tanh units between what is observed and what is done, behind fixed means and deviations if asked for."""
        inputs, outputs = self._sizes()
        modules: list[nn.Module] = []
        for before, after in pairwise([inputs, *[self.width] * self.depth, outputs]):
            modules += [nn.Linear(before, after), nn.Tanh()]
        return nn.Sequential(*self._scaled(), *modules[:-1])

    def rollout(self, policies: Policies, seeds: Tensor) -> Tensor:
        """The sum of rewards until the environment ends the episode, or its time is up."""
        return self._stage.returns(policies, seeds)

    @cached_property
    def _stage(self) -> Stage:
        return Stage(self.env, self.steps)

    def _sizes(self) -> tuple[int, int]:
        env = made(self.env, self.steps)
        try:
            return inputs_of(env.observation_space, self.env), actions_of(env.action_space, self.env).outputs
        finally:
            env.close()

    def _scaled(self) -> list[nn.Module]:
        if not self.standardise_by:
            return []
        env = made(self.env, self.steps)
        try:
            return [Standardised(seen_at_random(env, self.standardise_by))]
        finally:
            env.close()
