"""Moments of the inputs that candidates are shown: those of data in memory, and what policies observe."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from torch import nn

import nogd
from nogd import Objective, ParameterSpace, Population, SimulatorTask, uniform
from nogd.engine.black_box import BlackBox
from nogd.engine.inputs.moments import Moments
from nogd.engine.simulation import Simulation
from nogd.errors import InvalidSetting

pytestmark = pytest.mark.any_version


class Look(SimulatorTask):
    """See two numbers three times an episode; some episodes end after one step, and each part has two policies."""

    name, why = "look", "A world of a millisecond."
    constant: ClassVar[float] = -2.0
    solved: ClassVar[float] = -0.05
    inputs: ClassVar[list[torch.Tensor]] = []

    def network(self):
        return nn.Linear(2, 1)

    def rollout(self, policies, seeds):
        returns = []
        for part in policies.split(2):
            seen = uniform(seeds, 2).expand(part.count, -1, -1).to(part.dtype) * 3 + 1
            running = torch.ones(seen.shape[:2], dtype=torch.bool)
            for _ in range(3):
                part(seen, running=running)
                self.inputs.append(seen[running])
                running = running & (seen[..., 0] < 2.5)
            returns.append(-seen.sum(-1))
        return torch.cat(returns)


def world(task: SimulatorTask) -> Objective:
    problem = task.problem(0)
    space = ParameterSpace(problem.module, problem.bounds)
    return Objective(Simulation(problem.module, space, problem.simulator), differentiable=False)


def of_data() -> tuple[Objective, torch.Tensor]:
    inputs = torch.randn(20, 3, generator=torch.Generator().manual_seed(0)) * 5 + 7
    network = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1))
    return nogd.objective(network, inputs, torch.zeros(20, 1)), inputs


def check(seen: Moments, inputs: torch.Tensor) -> None:
    assert seen.count == len(inputs)
    assert torch.allclose(seen.mean, inputs.double().mean(0), rtol=1e-12)
    assert torch.allclose(seen.variance, inputs.double().var(0, correction=0), rtol=1e-10)


def test_moments_of_portions_are_those_of_the_whole():
    inputs = 1e6 + torch.randn(50, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    seen = Moments.none()
    for portion in inputs.split([1, 0, 30, 19]):
        seen.add(portion)
    other = Moments.none()
    other.merge(seen)
    other.merge(Moments.none())
    check(other, inputs)
    assert float(seen.variance.min()) > 0


def test_what_policies_observe_is_seen_in_steps_that_count_and_nothing_that_is_measured():
    objective = world(Look(episodes=8))
    theta = torch.zeros(objective.D)
    objective.losses(Population(theta[None]))
    objective.measure(theta)
    Look.inputs.clear()
    with objective.watching() as seen:
        objective.losses(Population(theta.repeat(3, 1)))
        inputs = torch.cat(Look.inputs)
        objective.measure(theta)
    objective.losses(Population(theta[None]))
    check(seen, inputs)
    assert 3 * 8 < seen.count < 3 * 8 * 3
    assert objective.access == "closed-form"


def test_watching_changes_no_return():
    losses = []
    for watches in (False, True):
        objective = world(Look())
        thetas = Population(torch.ones(2, objective.D))
        if watches:
            with objective.watching():
                losses.append(objective.losses(thetas))
        else:
            losses.append(objective.losses(thetas))
    assert torch.equal(*losses)


def test_of_data_the_rows_of_each_call_are_seen_once():
    objective, inputs = of_data()
    thetas = Population(torch.zeros(5, objective.D))
    rows = torch.tensor([4, 2, 9])
    with objective.watching() as seen:
        objective.losses(thetas)
        objective.losses(thetas, rows)
    check(seen, torch.cat([inputs, inputs[rows]]))


def test_a_block_within_a_block_sees_its_own():
    objective, inputs = of_data()
    thetas = Population(torch.zeros(1, objective.D))
    with objective.watching() as outer:
        with objective.watching() as inner:
            objective.losses(thetas)
        assert outer.count == 0
        objective.losses(thetas)
    check(inner, inputs)
    check(outer, inputs)


def test_layers_of_a_policy_are_listed():
    objective = world(Look())
    [layer] = objective.layers
    assert (layer.weight, layer.bias) == (slice(0, 2), slice(2, 3))
    with pytest.raises(InvalidSetting, match="cannot be listed here"):
        objective.activations(torch.zeros(3))


class Remembering(nn.Module):
    """Two inputs, so that it is not known what goes where."""

    def __init__(self):
        super().__init__()
        self.cell = nn.Linear(3, 1)

    def forward(self, inputs, memory):
        return self.cell(torch.cat([inputs, memory], -1)), memory


@pytest.mark.parametrize("kind", ["two inputs", "stream", "black box"])
def test_where_nothing_can_be_watched_it_says_so(kind, monkeypatch):
    monkeypatch.setattr(Look, "network", lambda self: Remembering())
    made = {
        "two inputs": lambda: world(Look()),
        "stream": lambda: nogd.objective(nn.Linear(2, 1), [(torch.ones(4, 2), torch.ones(4, 1))]),
        "black box": lambda: black_box(nn.Linear(2, 1)),
    }[kind]()
    assert "observations" not in made.features
    with pytest.raises(InvalidSetting, match="inputs cannot be watched here"), made.watching():
        pass


def black_box(module: nn.Module) -> Objective:
    return Objective(BlackBox(module, ParameterSpace(module, (-1.0, 1.0)), lambda _: 0.0))
