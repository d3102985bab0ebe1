"""Score policies in a simulated world: whole populations on common episodes, measured on others that are held out."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from nogd.engine.cost import Cost
from nogd.engine.fork_safe_lock import ForkSafeLock
from nogd.engine.inputs.moments import Moments
from nogd.engine.layers.listing import NamedLayer, listed
from nogd.engine.layers.parts import NotUnderstood, read_parts
from nogd.engine.policies import Policies, PolicyNetwork
from nogd.engine.space import ParameterSpace
from nogd.errors import PluginError
from nogd.seeds import derive

Rollout = Callable[[Policies, Tensor], Tensor]
Count = Callable[[int, float], None]

# Episodes at a time: beyond, more of them at once gain little and only take memory.
_MOST_EPISODES = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Simulator:
    """A simulated world. rollout: policies and the seeds `[E]` of episodes to returns `[P, E]`, greater is better.

    name: of its task, which the fixed episodes follow from. episodes: of a scoring call. noisy: whether each call sees
    episodes of its own; else all see the same. held_out: episodes to measure on, as many to validate and to test on.
    """

    name: str
    rollout: Rollout
    episodes: int
    held_out: int
    noisy: bool

    def measured_on(self) -> dict[str, Tensor]:
        """Seeds of the fixed episodes by what they are for: where nothing is noisy training is measured as scored."""
        counts = {"train": self.held_out if self.noisy else self.episodes}
        counts |= dict.fromkeys(("validation", "test"), self.held_out)
        return {use: _seeds(count, "episodes", self.name, use) for use, count in counts.items()}


class Simulation:
    """A module as the policy of a simulated world, without any counting but of the world's steps.

    A candidate's loss is its mean return with the sign turned. One candidate counts one forward, however many episodes
    that is; each episode is an example. count: told of the steps of the world, and of the arithmetic of its policies.
    watched: what the scored policies observe is counted in there. layers: of a policy that is a chain, else none.
    """

    engine = "simulator"
    why = "all candidates of a call live through the same episodes"
    stack = None

    def __init__(self, module: nn.Module, space: ParameterSpace, simulator: Simulator) -> None:
        self.module, self.space, self.simulator = module, space, simulator
        self.examples, self.noisy = simulator.episodes, simulator.noisy
        self.count: Count | None = None
        self.watched: Moments | None = None
        self.layers = _layers(module, space)
        self._network = PolicyNetwork(module, space)
        self._fixed = simulator.measured_on()
        self._drawn: dict[int, Tensor] = {}  # by thread: the seeds of the present call's episodes
        self._lock = ForkSafeLock()  # at the module, whose parts vmap's hold for a moment

    def cost(self) -> Cost:
        """A simulator has no gradient; its flops are known when episodes have ended, and counted then."""
        return Cost(0.0, 1.0)

    def turn(self, seed: int, call: float) -> None:
        """From now on, what this thread scores has the episodes of that call of the run with that seed."""
        self._drawn[threading.get_ident()] = _seeds(self.examples, "episodes of a call", seed, call)

    def losses(self, thetas: Tensor, rows: Tensor | None = None) -> Tensor:
        """Losses of thetas `[P, D]`, as `[P]`; rows: numbers of the episodes to use."""
        seeds = self._drawn.get(threading.get_ident()) if self.noisy else self._fixed["train"]
        if seeds is None:  # nobody has paid for a call yet
            seeds = _seeds(self.examples, "episodes of a call", 0, 0)
        chosen = seeds if rows is None else seeds[rows.cpu()]
        parts = thetas.split(max(1, _MOST_EPISODES // max(1, len(chosen))))
        return torch.cat([self._returns(part, chosen, self.count).mean(dim=1) for part in parts]).neg()

    @property
    def episodes_measured(self) -> int:
        """Episodes of one measurement for training, validation and test."""
        return sum(map(len, self._fixed.values()))

    def measured(self, theta: Tensor) -> float:
        """The loss of theta `[D]` on the fixed training episodes."""
        return -self.returns(theta, ["train"])["train"]

    def returns(self, theta: Tensor, uses: list[str]) -> dict[str, float]:
        """Mean returns of theta `[D]` on fixed episodes, by what these are for: "train", "validation", "test"."""
        seeds = [self._fixed[use] for use in uses]
        (found,) = self._returns(theta[None], torch.cat(seeds), None)
        parts = found.split([len(each) for each in seeds])
        return {use: float(part.mean()) for use, part in zip(uses, parts, strict=True)}

    def statistics(self, theta: Tensor) -> dict[str, Tensor]:
        """A policy has no running statistics to be gathered."""
        return {}

    def _returns(self, thetas: Tensor, seeds: Tensor, count: Count | None) -> Tensor:
        """Returns `[P, E]`, as float64; each parameter counts 2 flops in each step."""
        policies = Policies(self._network, thetas.detach(), None if count is None else self.watched)
        with self._lock, torch.no_grad():
            returns: object = self.simulator.rollout(policies, seeds.to(self.space.device))
        wanted = (len(thetas), len(seeds))
        if not isinstance(returns, Tensor) or returns.shape != wanted:
            what = list(returns.shape) if isinstance(returns, Tensor) else type(returns).__name__
            raise PluginError(
                f"rollout of the task {self.simulator.name!r} gives {what}; it must give returns [policies, episodes],"
                f" here {list(wanted)}."
            )
        if count is not None:
            count(policies.steps, 2.0 * self.space.dimension * policies.steps)
        return returns.to(torch.float64)


def _layers(module: nn.Module, space: ParameterSpace) -> tuple[NamedLayer, ...]:
    try:
        return listed(read_parts(module), module, space)
    except NotUnderstood:
        return ()


def _seeds(count: int, *names: object) -> Tensor:
    """Seeds of so many episodes, int64 `[count]` from 0 on, which follow from names."""
    rng = Generator().manual_seed(derive(*names))
    return torch.randint(2**31, (count,), generator=rng, device="cpu")
