"""What the world of a simulator task must do."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from nogd.engine.candidates.sets import Population
from nogd.engine.modules.copies import private_copy
from nogd.engine.objective import Objective
from nogd.engine.policies import Policies, PolicyNetwork
from nogd.engine.simulation import Simulation, Simulator
from nogd.engine.space import ParameterSpace
from nogd.problem.task import Problem
from nogd.testing.check import NotApplicable, broken, check
from nogd.testing.task import AnyTask, made_task

SEED = 1
SEEDS = (3, 1_000_003, 77)


@check("Let an episode's start and all of its randomness follow from its seed alone (`nogd.uniform` does).")
def same_episodes_give_same_returns(task: AnyTask) -> None:
    """Scored twice on the same episodes, a candidate gets the same return, or candidates could not be compared."""
    world = _World(task)
    first, again = world.returns(world.thetas), world.returns(world.thetas)
    if not torch.equal(first, again):
        broken(f"of {first.numel()} returns {int((first != again).sum())} are others the second time.")


@check("Give each policy the same episodes in the same order, and keep episodes independent of each other.")
def all_candidates_see_the_same_episodes(task: AnyTask) -> None:
    """A candidate's return must not depend on which other candidates or episodes are scored with it."""
    world = _World(task)
    together = world.returns(world.thetas)
    for what, apart in (
        ("candidates", torch.cat([world.returns(theta[None]) for theta in world.thetas])),
        ("episodes", torch.cat([world.returns(world.thetas, (seed,)) for seed in SEEDS], dim=1)),
    ):
        if not torch.allclose(together, apart, rtol=1e-3):
            broken(f"{what} by themselves have other returns than together.")


@check("Set `noisy` to whether a candidate scored twice may differ; the objective draws the episodes.")
def noise_is_declared(task: AnyTask) -> None:
    """A learner that keeps the best candidate ever scored must know whether that is only the luckiest."""
    world = _World(task)
    objective = Objective(world.simulation, differentiable=False)
    candidates = Population(world.thetas)
    scored = [objective.losses(candidates) for _ in range(3)]
    differs = any(not torch.equal(scored[0], other) for other in scored[1:])
    if differs and not world.simulator.noisy:
        broken("it says that it is not noisy, but a candidate scored twice differs.")
    if not differs and len(scored[0].unique()) == 1:
        raise NotApplicable("candidates near its start all return the same, so that no noise can show")
    if world.simulator.noisy and not differs:
        broken("it says that it is noisy, but candidates scored three times are equal.")


class _World:
    """A simulator task made ready, with some candidates near its start."""

    def __init__(self, task: AnyTask) -> None:
        problem = made_task(task).problem(SEED)
        self.simulator = _simulator(problem)
        module = private_copy(problem.module)
        space = ParameterSpace(module, problem.bounds)
        self.simulation = Simulation(module, space, self.simulator)
        self._network, start = PolicyNetwork(module, space), space.read(module)
        noise = torch.randn(5, len(start), generator=Generator().manual_seed(SEED)).to(start)
        self.thetas = start + noise

    def returns(self, thetas: Tensor, seeds: tuple[int, ...] = SEEDS) -> Tensor:
        rollout: Callable[[Policies, Tensor], Tensor] = self.simulator.rollout
        with torch.no_grad():
            return rollout(Policies(self._network, thetas), torch.tensor(seeds)).double()


def _simulator(problem: Problem) -> Simulator:
    if problem.simulator is None:
        raise NotApplicable("it is no simulator task")
    return problem.simulator


CHECKS = (same_episodes_give_same_returns, all_candidates_see_the_same_episodes, noise_is_declared)
