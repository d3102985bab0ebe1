"""A learner that keeps all of nogd's rules, and many that break exactly one each."""

from __future__ import annotations

import copy
import gc
import os
import random
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import ConfigDict, Field
from torch import Generator, Tensor

from nogd import Lazy, Learner, Objective, Population, Split, State, hookimpl
from nogd.errors import LearnerError


@dataclass(kw_only=True)
class GoodState(State):
    """loss: of theta."""

    rng: Generator
    loss: float


class Good(Learner):
    """Try random steps from the best point and keep the best one, if it is better (Matyas 1965)."""

    name: ClassVar[str] = "good"
    uses: ClassVar[frozenset[str]] = frozenset(
        {"closed-form"}
    )  # as those of its kin that look at the data do
    raises: ClassVar[bool] = False
    sigma: float = Field(0.1, gt=0, description="standard deviation of a step")
    population: int = Field(8, ge=1, description="candidates per step")

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> State:
        return GoodState(theta=theta, rng=rng, loss=float(objective.losses(Population(theta[None]))[0]))

    def step(self, objective: Objective, state: State) -> None:
        assert isinstance(state, GoodState)
        count = min(self.population, objective.room())
        candidates = state.theta + self.sigma * self.noise(count, state)
        losses = objective.losses(Population(candidates))
        best = int(losses.argmin())
        if losses[best] < state.loss:
            state.theta, state.loss = candidates[best].clone(), float(losses[best])
        state.iteration += 1

    def noise(self, count: int, state: GoodState) -> Tensor:
        empty = torch.empty(count, len(state.theta), dtype=state.theta.dtype, device=state.theta.device)
        return empty.normal_(generator=state.rng)


class Thawed(Good):
    """Its settings can be changed (Matyas 1965)."""

    breaks: ClassVar[str] = "hyper-parameters-are-frozen"
    model_config = ConfigDict(frozen=False)

    def __hash__(self) -> int:
        return hash((self.sigma, self.population))


class Unchecked(Good):
    """Takes anything for a setting (Matyas 1965)."""

    breaks: ClassVar[str] = "hyper-parameters-are-validated"
    sigma: Any = 0.1


class Unlimited(Good):
    """Takes NaN for a setting (Matyas 1965)."""

    breaks: ClassVar[str] = "hyper-parameters-are-validated"
    sigma: float = 0.1


class Lenient(Good):
    """Takes settings that do not exist (Matyas 1965)."""

    breaks: ClassVar[str] = "hyper-parameters-are-validated"
    model_config = ConfigDict(extra="ignore")


class BadDefault(Good):
    """Has a default outside of its own range (Matyas 1965)."""

    breaks: ClassVar[str] = "hyper-parameters-are-validated"
    patience: int = Field(0, ge=1)


class Listed(Good):
    """Has a list for a setting (Matyas 1965)."""

    breaks: ClassVar[str] = "hyper-parameters-can-be-hashed-and-stored"
    sizes: list[int] = Field(default_factory=list)


class Anonymous(Good):
    """Try random steps from the best point."""

    breaks: ClassVar[str] = "docstring-names-a-source"


class Silent(Good):
    breaks: ClassVar[str] = "docstring-names-a-source"


class Undeclared(Good):
    """Looks at a gradient, and says nothing of it (Cauchy 1847)."""

    breaks: ClassVar[str] = "access-is-declared"

    def step(self, objective, state):
        super().step(objective, state)
        objective.gradient(state.theta)


class Mislisted(Good):
    """Is listed as something else (Matyas 1965)."""

    breaks: ClassVar[str] = "lists-say-what-the-class-says"
    name: ClassVar[str] = "mislisted"
    tags: ClassVar[frozenset[str]] = frozenset({"random"})


class Overlisted(Mislisted):
    """Is listed as one that looks closer than it does (Matyas 1965)."""

    name: ClassVar[str] = "overlisted"


@hookimpl
def nogd_learners():
    return [
        Lazy("mislisted", "rule_breakers:Mislisted", tags=("swarm",), access="closed-form"),
        Lazy("overlisted", "rule_breakers:Overlisted", tags=("random",), access="gradient"),
    ]


class Unseeded(Good):
    """Draws from a generator that the system seeds (Matyas 1965)."""

    breaks: ClassVar[str] = "same-seed-same-curve"

    def noise(self, count, state):
        drawn = np.random.default_rng().standard_normal((count, len(state.theta)))
        return super().noise(count, state) + torch.as_tensor(drawn).to(state.theta)


class Global(Good):
    """Draws from torch's own generator (Matyas 1965)."""

    breaks: ClassVar[str] = "global-seed-changes-nothing"

    def noise(self, count, state):
        return super().noise(count, state) + torch.randn(count, len(state.theta)).to(state.theta)


class Constant(Good):
    """Seeds its generator by a constant (Matyas 1965)."""

    breaks: ClassVar[str] = "different-seeds-differ"

    def init(self, objective, theta, rng):
        return super().init(objective, theta, rng.manual_seed(42))


class Restarting(Good):
    """Starts from zeros, whatever it is given (Matyas 1965)."""

    breaks: ClassVar[str] = "init-leaves-theta-alone"

    def init(self, objective, theta, rng):
        return super().init(objective, theta.mul_(0.5), rng)


class Scribbler(Good):
    """Writes into the training data (Matyas 1965)."""

    breaks: ClassVar[str] = "data-and-network-are-left-alone"

    def step(self, objective, state):
        super().step(objective, state)
        objective.inputs.mul_(1.01)


class Switcher(Good):
    """Switches the network's mode (Matyas 1965)."""

    breaks: ClassVar[str] = "data-and-network-are-left-alone"

    def init(self, objective, theta, rng):
        objective.module.train()
        return super().init(objective, theta, rng)


class Unsaved(Good):
    """Keeps a number of numpy's (Matyas 1965)."""

    breaks: ClassVar[str] = "state-saves-and-loads"

    def step(self, objective, state):
        super().step(objective, state)
        state.phase = np.int64(0)


class Forgetful(Good):
    """Keeps something that is no field of its state (Matyas 1965)."""

    breaks: ClassVar[str] = "resumed-run-ends-the-same"

    def step(self, objective, state):
        super().step(objective, state)
        state.seen = getattr(state, "seen", 0) + 1
        if state.seen % 3 == 0:
            state.rng.manual_seed(state.seen + state.rng.initial_seed() % 1000)


class Undecided(Good):
    """Says yes where the reason is asked for (Matyas 1965)."""

    breaks: ClassVar[str] = "finishes-with-a-reason"

    def step(self, objective, state):
        super().step(objective, state)
        if state.loss == 0:
            state.finished = True


class Elsewhere(Good):
    """Keeps where it stands in the module's parameters (Matyas 1965)."""

    breaks: ClassVar[str] = "recorder-changes-nothing"

    def step(self, objective, state):
        where = objective.space.read(objective.module)
        candidates = where + self.sigma * self.noise(4, state)
        losses = objective.losses(Population(candidates))
        if losses.min() < state.loss:
            state.theta, state.loss = candidates[losses.argmin()].clone(), float(losses.min())
        state.iteration += 1


class Undying(Good):
    """Goes on when the budget is spent (Matyas 1965)."""

    breaks: ClassVar[str] = "budget-is-never-exceeded"

    def step(self, objective, state):
        try:
            super().step(objective, state)
        except BaseException:
            state.iteration += 1
            if state.iteration > 100:
                state.finished = "tired"


class Forger(Good):
    """Sets the meter back (Matyas 1965)."""

    breaks: ClassVar[str] = "budget-is-never-exceeded"

    def step(self, objective, state):
        super().step(objective, state)
        if state.iteration == 3:
            objective._till.ledger.forwarded //= 2


class Widening(Good):
    """Gives itself twice the budget (Matyas 1965)."""

    breaks: ClassVar[str] = "budget-is-never-exceeded"

    def step(self, objective, state):
        super().step(objective, state)
        if state.iteration == 1:
            for limit in objective._till.limits:
                limit.forwards *= 2
                limit.evaluations *= 2


class Recounting(Good):
    """Counts its iterations back (Matyas 1965)."""

    breaks: ClassVar[str] = "budget-is-never-exceeded"

    def step(self, objective, state):
        super().step(objective, state)
        if state.iteration == 2:
            state.iteration = 0


class Uncounted(Good):
    """Counts no iterations (Matyas 1965)."""

    breaks: ClassVar[str] = "every-ledger-ends-the-run"

    def step(self, objective, state):
        super().step(objective, state)
        state.iteration = 0


class Pausing(Good):
    """Takes time off the clock (Matyas 1965)."""

    breaks: ClassVar[str] = "clock-is-left-alone"

    def step(self, objective, state):
        super().step(objective, state)
        objective._till.ledger.off += 3


class Hoarding(Good):
    """Compares a few candidates' losses on some rows with the best on others (Matyas 1965)."""

    breaks: ClassVar[str] = "batches-are-taken-as-told"
    batches: ClassVar[bool] = True

    def step(self, objective, state):
        candidates = state.theta + self.sigma * self.noise(min(self.population, objective.room()), state)
        losses = objective.losses(Population(candidates), self.rows(objective, state))
        best = int(losses.argmin())
        if losses[best] < state.loss:
            state.theta, state.loss = candidates[best].clone(), float(losses[best])
        state.iteration += 1

    def rows(self, objective, state):
        if objective.batch_size is None:
            return None
        return torch.randperm(objective.N, generator=state.rng, device=state.rng.device)[
            : objective.batch_size
        ]


class Secretive(Hoarding):
    """Takes mini-batches and says nothing of it (Matyas 1965)."""

    batches: ClassVar[bool] = False


class Claiming(Good):
    """Says that it takes mini-batches, which it does not (Matyas 1965)."""

    breaks: ClassVar[str] = "batches-are-taken-as-told"
    batches: ClassVar[bool] = True


class InPlace(Good):
    """Moves theta itself for a trial, and moves it back (Kiefer and Wolfowitz 1952)."""

    breaks: ClassVar[str] = "every-stop-leaves-a-valid-recommendation"

    def step(self, objective, state):
        noise = self.noise(1, state)[0]
        state.theta += noise
        loss = float(objective.losses(Population(state.theta[None]))[0])
        if loss < state.loss:
            state.loss = loss
        else:
            state.theta -= noise
        state.iteration += 1


class Empty(Good):
    """Has no recommendation to give while it asks (Matyas 1965)."""

    breaks: ClassVar[str] = "every-stop-leaves-a-valid-recommendation"

    def step(self, objective, state):
        candidates = torch.cat([state.theta[None], state.theta + self.sigma * self.noise(4, state)])
        state.theta = torch.full_like(state.theta, torch.nan)
        losses = objective.losses(Population(candidates))
        state.theta = candidates[losses.argmin()].clone()
        state.iteration += 1


class Peeping(Good):
    """Calls the module with the data by itself (Matyas 1965)."""

    breaks: ClassVar[str] = "every-forward-is-counted"

    def step(self, objective, state):
        objective.space.write(state.theta, objective.module)
        objective.module(objective.inputs)
        super().step(objective, state)


class Copying(Good):
    """Computes the first layer by itself (Matyas 1965)."""

    breaks: ClassVar[str] = "every-forward-is-counted"

    def step(self, objective, state):
        first = next(objective.module.parameters()).detach()
        _ = objective.inputs.clone() @ first.T
        super().step(objective, state)


class Exporting(Good):
    """Takes the data to numpy (Matyas 1965)."""

    breaks: ClassVar[str] = "every-forward-is-counted"

    def step(self, objective, state):
        objective.inputs.cpu().numpy()
        super().step(objective, state)


class Measuring(Good):
    """Asks what is for the record alone, and does not mind a refusal (Matyas 1965)."""

    breaks: ClassVar[str] = "every-forward-is-counted"

    def step(self, objective, state):
        with suppress(LearnerError):
            objective.measure(state.theta)
        super().step(objective, state)


class Undercharging(Good):
    """Pays half of what it computes (Matyas 1965)."""

    breaks: ClassVar[str] = "every-forward-is-counted"

    def step(self, objective, state):
        with objective.work(0.5):
            objective.module(objective.inputs)
        super().step(objective, state)


class Thinking(Good):
    """Works with what goes through the layers, and pays for the look alone (Matyas 1965)."""

    breaks: ClassVar[str] = "every-forward-is-counted"

    def step(self, objective, state):
        inputs, outputs = objective.activations(state.theta)[0]
        _ = outputs.T @ inputs
        super().step(objective, state)


class Sneaking(Good):
    """Asks whoever keeps the objective's accounts what nobody counts (Matyas 1965)."""

    breaks: ClassVar[str] = "every-forward-is-counted"

    def step(self, objective, state):
        super().step(objective, state)
        objective._scorer.losses(state.theta + self.sigma * self.noise(4, state))


class Warming(Good):
    """Warms the objective up in the midst of a run, and does not mind a refusal (Matyas 1965)."""

    breaks: ClassVar[str] = "every-forward-is-counted"

    def step(self, objective, state):
        with suppress(LearnerError):
            objective.warm_up(state.theta)
        super().step(objective, state)


class Cloning(Good):
    """Makes a copy that has a meter of its own, and does not mind a refusal (Matyas 1965)."""

    breaks: ClassVar[str] = "every-forward-is-counted"

    def step(self, objective, state):
        with suppress(LearnerError):
            copy.copy(objective).losses(Population(state.theta[None]))
        super().step(objective, state)


class Cheating(Good):
    """Looks for the test data (Matyas 1965)."""

    breaks: ClassVar[str] = "test-data-are-never-used"

    def init(self, objective, theta, rng):
        for found in gc.get_referrers(
            Split
        ):  # its instances among them; all objects would take a second each time
            # Those of other tests may still be about, some with several inputs.
            if (
                type(found) is Split
                and isinstance(found.inputs, Tensor)
                and found.inputs is not objective.inputs
            ):
                found.inputs.sum()
        return super().init(objective, theta, rng)


class Weighing(Good):
    """Moves by the mean of all losses (Matyas 1965)."""

    breaks: ClassVar[str] = "survives-losses-that-are-not-finite"

    def step(self, objective, state):
        super().step(objective, state)
        candidates = state.theta + self.noise(4, state)
        losses = objective.losses(Population(candidates))
        if not losses.isfinite().all():
            state.theta = state.theta + losses.mean()


class Dividing(Good):
    """Divides by the spread of the losses (Matyas 1965)."""

    breaks: ClassVar[str] = "survives-constant-losses"

    def step(self, objective, state):
        super().step(objective, state)
        losses = objective.losses(Population(state.theta + self.noise(4, state)))
        if losses.isfinite().all() and not losses.std() > 0:
            state.theta = state.theta * (losses[0] / losses.std()).sin()


class Neighbourly(Good):
    """Looks at the second parameter (Matyas 1965)."""

    breaks: ClassVar[str] = "survives-one-parameter"
    raises: ClassVar[bool] = True

    def init(self, objective, theta, rng):
        theta[1].item()
        return super().init(objective, theta, rng)


class Mixing(Good):
    """Weights noise by losses as they come (Matyas 1965)."""

    breaks: ClassVar[str] = "survives-losses-in-double-precision"
    raises: ClassVar[bool] = True

    def step(self, objective, state):
        noise = self.noise(4, state)
        objective.losses(Population(state.theta + noise)) @ noise
        super().step(objective, state)


class Scaling(Good):
    """Divides by the width of the box (Matyas 1965)."""

    breaks: ClassVar[str] = "survives-a-box-of-zero-width"
    raises: ClassVar[bool] = True

    def init(self, objective, theta, rng):
        if not (1 / (objective.space.high - objective.space.low)).isfinite().all():
            raise ZeroDivisionError("the box has no width")
        return super().init(objective, theta, rng)


class Choosy(Good):
    """Takes the best four of however many it could afford (Matyas 1965)."""

    breaks: ClassVar[str] = "survives-a-budget-below-one-step"
    raises: ClassVar[bool] = True

    def init(self, objective, theta, rng):
        count = int(min(8, objective.left.forwards, objective.left.evaluations))
        torch.randn(count, generator=rng, device=rng.device).topk(4)
        return super().init(objective, theta, rng)


class Everything(Good):
    """Counts frozen parameters too (Matyas 1965)."""

    breaks: ClassVar[str] = "survives-frozen-parameters"
    raises: ClassVar[bool] = True

    def init(self, objective, theta, rng):
        parameters = torch.cat([p.detach().flatten() for p in objective.module.parameters()])
        assert (theta - parameters).shape == theta.shape
        return super().init(objective, theta, rng)


class Thawing(Good):
    """Moves frozen parameters too (Matyas 1965)."""

    breaks: ClassVar[str] = "survives-frozen-parameters"

    def step(self, objective, state):
        for parameter in objective.module.parameters():
            if not parameter.requires_grad:
                parameter.data.mul_(1.1)
        super().step(objective, state)


class Uphill(Good):
    """Keeps the worst candidate (Matyas 1965)."""

    breaks: ClassVar[str] = "improves-on-the-start"

    def step(self, objective, state):
        candidates = state.theta + self.sigma * self.noise(4, state)
        losses = objective.losses(Population(candidates))
        if losses.isfinite().all():
            state.theta = candidates[losses.argmax()].clone()
        state.iteration += 1


class Doubling(Good):
    """Recommends float64 whatever theta was (Matyas 1965)."""

    breaks: ClassVar[str] = "works-in-float32"

    def step(self, objective, state):
        super().step(objective, state)
        state.theta = state.theta.double()


class Halving(Good):
    """Recommends float32 whatever theta was (Matyas 1965)."""

    breaks: ClassVar[str] = "works-in-float64"

    def step(self, objective, state):
        super().step(objective, state)
        state.theta = state.theta.float()


class Grounded(Good):
    """Makes its noise on the CPU (Matyas 1965)."""

    breaks: ClassVar[str] = "works-on-the-gpu"
    raises: ClassVar[bool] = True

    def noise(self, count, state):
        return torch.empty(count, len(state.theta)).normal_(generator=state.rng).to(state.theta.dtype)


class Single(Good):
    """Takes the data to be a single tensor (Matyas 1965)."""

    breaks: ClassVar[str] = "takes-several-inputs"
    raises: ClassVar[bool] = True

    def init(self, objective, theta, rng):
        with objective.work(0.0, flops=100.0):
            objective.inputs.mean(0)
        return super().init(objective, theta, rng)


class Biased(Good):
    """Takes every linear layer to have a bias (Matyas 1965)."""

    breaks: ClassVar[str] = "takes-layers-without-biases"
    raises: ClassVar[bool] = True

    def init(self, objective, theta, rng):
        for layer in objective.module.modules():
            if isinstance(layer, torch.nn.Linear):
                layer.bias.detach()
        return super().init(objective, theta, rng)


LONG = 0.15
"""Seconds."""


class Slow(Good):
    """Takes its time (Matyas 1965)."""

    breaks: ClassVar[str] = "overhead-is-small"
    population: int = Field(32, ge=1)

    def step(self, objective, state):
        super().step(objective, state)
        time.sleep(LONG)


class Meddler(Good):
    """Changes what belongs to the process (Matyas 1965)."""

    breaks: ClassVar[str] = "process-is-left-as-it-was"
    what: str = "threads"

    def init(self, objective, theta, rng):
        MEDDLING[self.what]()
        return super().init(objective, theta, rng)


MEDDLING = {
    "threads": lambda: torch.set_num_threads(2),
    "type": lambda: torch.set_default_dtype(torch.float64),
    "grad": lambda: torch.set_grad_enabled(False),
    "torch": lambda: torch.manual_seed(7),
    "numpy": lambda: np.random.seed(7),  # noqa: NPY002  # the global generator is what is meddled with
    "random": random.random,
    "folder": lambda: os.chdir("/"),
}
ALONE = (
    Thawed, Unchecked, Unlimited, Lenient, BadDefault, Listed, Anonymous, Silent, Undeclared, Mislisted,
    Overlisted, Unseeded, Global, Constant, Restarting, Scribbler, Switcher, Unsaved, Forgetful, Undecided,
    Elsewhere, Undying, Forger, Widening, Recounting, Uncounted, Pausing, Hoarding, Secretive, Claiming,
    InPlace, Empty, Peeping, Copying, Exporting, Measuring, Undercharging, Thinking, Sneaking, Warming, Cloning,
    Cheating, Weighing, Dividing, Neighbourly, Mixing, Scaling, Choosy, Everything, Thawing, Uphill, Doubling, Halving,
    Grounded, Single, Biased, Slow,
)  # fmt: skip
BREAKERS = [*(kind() for kind in ALONE), *(Meddler(what=what) for what in MEDDLING)]
