"""ARS V2: two steps written out slowly, what the normalisation is of and when it changes, and whom it helps."""

from __future__ import annotations

import math
import statistics
from typing import ClassVar

import pytest
import torch
from slowly import normal, twin
from torch import Generator, nn

import nogd
from nogd import Objective, ParameterSpace, SimulatorTask, uniform
from nogd.engine.simulation import Simulation
from nogd_evolution.ars import Ars
from nogd_evolution.ars_v2 import ArsV2


class Scales(SimulatorTask):
    """Say 2 x - y of two numbers that are shown in very different units; a third is always the same."""

    name, why = "scales", "A world of a millisecond."
    constant: ClassVar[float] = -2.0
    solved: ClassVar[float] = -0.05
    budget: ClassVar[float] = 600

    def network(self):
        return nn.Linear(3, 1, dtype=torch.float64)

    def observed(self, seeds):
        x, y = (2 * uniform(seeds, 2) - 1).unbind(-1)
        return torch.stack([100 * x + 300, 0.01 * y, torch.full_like(x, 5.0)], -1)

    def rollout(self, policies, seeds):
        x, y = (2 * uniform(seeds, 2) - 1).unbind(-1)
        said = policies(self.observed(seeds).expand(policies.count, -1, -1))[..., 0]
        return -(said - 2 * x + y).square()


def world(**settings) -> tuple[Objective, torch.Tensor]:
    problem = Scales(noisy=False, **settings).problem(0)
    space = ParameterSpace(problem.module, problem.bounds)
    objective = Objective(Simulation(problem.module, space, problem.simulator), differentiable=False)
    return objective, space.read(problem.module)


def begun(learner, objective, theta):
    return learner.init(objective, theta.clone(), Generator().manual_seed(0))


@pytest.mark.parametrize("top", [2, 3], ids=["V2-t", "V2"])
def test_two_steps_are_the_papers_update_written_out(top):
    objective, theta = world(episodes=4)
    learner = ArsV2(sigma=0.3, population=6, top=top, lr=0.07)
    state = begun(learner, objective, theta)
    rng = twin(state)
    shown = Scales().observed(objective._scorer._fixed["train"]).tolist()
    x = [(row[0] - 300) / 100 for row in shown]
    y = [row[1] / 0.01 for row in shown]

    def reward(policy, mean, deviation):
        *weights, bias = policy
        total = 0.0
        for row, a, b in zip(shown, x, y, strict=True):
            normalised = [(v - m) / d for v, m, d in zip(row, mean, deviation, strict=True)]
            total -= (sum(w * v for w, v in zip(weights, normalised, strict=True)) + bias - 2 * a + b) ** 2
        return total / len(shown)

    policy, mean, deviation = theta.tolist(), [0.0] * 3, [1.0] * 3
    for _ in range(2):
        noise = normal(rng, 3, 4).tolist()
        learner.step(objective, state)
        plus, minus = (
            [
                reward([p + sign * 0.3 * z for p, z in zip(policy, row, strict=True)], mean, deviation)
                for row in noise
            ]
            for sign in (1, -1)
        )
        kept = sorted(range(3), key=lambda k: -max(plus[k], minus[k]))[:top]
        spread = statistics.pstdev([plus[k] for k in kept] + [minus[k] for k in kept])
        policy = [
            policy[i] + 0.07 / (top * spread) * sum((plus[k] - minus[k]) * noise[k][i] for k in kept)
            for i in range(4)
        ]
        columns = list(zip(*shown, strict=True))
        mean = [statistics.fmean(column) for column in columns]
        deviation = [statistics.pstdev(column) or math.inf for column in columns]
    assert state.inner.tolist() == pytest.approx(policy, rel=1e-7)
    *weights, bias = policy
    written = [w / d for w, d in zip(weights, deviation, strict=True)]
    bias -= sum(w * m for w, m in zip(written, mean, strict=True))
    assert state.theta.tolist() == pytest.approx([*written, bias], rel=1e-7)
    assert written[2] == 0, "an input that never changes is left out"


def test_the_normalisation_is_of_all_that_was_observed_in_scored_episodes():
    objective, theta = world(episodes=4)
    learner = ArsV2(population=4)
    state = begun(learner, objective, theta)
    for _ in range(3):
        learner.step(objective, state)
        objective.measure(state.theta)
    assert state.count == 3 * 4 * 4
    assert state.count == objective.meter.steps


def test_the_first_step_changes_the_policy_only_by_what_it_has_seen():
    """What is recommended before anything is seen is the start, bit for bit."""
    objective, theta = world()
    assert torch.equal(begun(ArsV2(), objective, theta).theta, theta)


def test_it_learns_in_any_units_what_ars_cannot():
    ends = {}
    for kind in (Ars, ArsV2):
        objective, theta = world(episodes=8)
        learner = kind(sigma=0.05)
        state = begun(learner, objective, theta)
        for _ in range(150):
            learner.step(objective, state)
        ends[kind] = objective.measure(state.theta)["loss"]
    assert ends[ArsV2] < 0.01
    assert ends[Ars] > 0.2


def test_on_standardised_data_it_is_ars():
    rng = Generator().manual_seed(1)
    inputs = torch.randn(30, 3, generator=rng, dtype=torch.float64)
    inputs = (inputs - inputs.mean(0)) / inputs.std(0, correction=0)
    thetas = []
    for name in ("ars", "ars-v2"):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
        run = nogd.fit(network, inputs, inputs[:, :1] ** 2, learner=name, budget=160)
        thetas.append(run.theta)
    assert torch.allclose(*thetas, rtol=1e-9)


@pytest.mark.parametrize(
    "network", [nn.Linear(3, 1, bias=False), nn.Sequential(nn.Flatten(), nn.Linear(3, 1))]
)
def test_a_first_layer_that_cannot_take_the_normalisation_is_refused(network):
    with pytest.raises(
        nogd.UserError,
        match="writes into a first layer that is linear, has a bias, and is searched; take ars",
    ):
        nogd.fit(network, torch.ones(4, 3), torch.ones(4, 1), learner="ars-v2", budget=10)


def test_a_black_box_shows_no_inputs():
    with pytest.raises(nogd.UserError, match="ars-v2 needs inputs that can be watched"):
        nogd.minimize(nn.Linear(2, 1), lambda _: 0.0, learner="ars-v2", budget=10)
