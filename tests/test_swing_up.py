"""The cart-pole swing-up of experiments/published is the one that evojax has."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from nogd import ParameterSpace, Policies
from nogd.engine.policies import PolicyNetwork
from nogd.plugins.manager import Plugins, PluginSettings

pytestmark = pytest.mark.any_version

FILE = Path(__file__).parent.parent / "experiments" / "published" / "swing_up.py"
# States, forces in units of 10 N, and what evojax 0.2.17 makes of them: the next state, and its reward.
EVOJAX = [
    ([0.3, -1.2, 2.5, 4.0], 0.7, [0.288, -1.148400122507229, 2.54, 4.043577630336678], 0.08622748880511362),
    (
        [-1.9, 2.0, -0.4, -3.0],
        -3.0,
        [-1.88, 1.8387499438044204, -0.43, -3.4669050456430774],
        0.31861293064190715,
    ),
]


@pytest.fixture(scope="module")
def swing_up() -> Any:
    """The task, as `--plugin` takes it from its file."""
    return Plugins(PluginSettings(extra=(str(FILE),))).tasks.find("swing-up").load()


@pytest.fixture
def world(swing_up: Any) -> ModuleType:
    return sys.modules[swing_up.__module__]


@pytest.mark.parametrize(("state", "force", "after", "reward"), EVOJAX)
def test_a_step_is_that_of_evojax(
    world: ModuleType, state: list[float], force: float, after: list[float], reward: float
) -> None:
    found = world.pushed(torch.tensor(state, dtype=torch.float64), torch.tensor(force, dtype=torch.float64))
    assert found.tolist() == pytest.approx(after, rel=1e-13)
    assert float(world.reward(found)) == pytest.approx(reward, rel=1e-13)


def test_a_step_follows_from_the_masses_of_cart_and_rod(world: ModuleType) -> None:
    """By the equations of Lagrange: masses times accelerations are what pushes, solved as a system of two."""
    rng = np.random.default_rng(0)
    for state, force in zip(rng.uniform(-3, 3, (50, 4)), rng.uniform(-1.5, 1.5, 50), strict=True):
        speed, angle, spin = state[1:]
        moment = 0.5 * 0.6 / 2
        masses = [[1.0, -moment * math.cos(angle)], [-moment * math.cos(angle), 0.5 * 0.6**2 / 3]]
        push = 10 * max(-1.0, min(1.0, force)) - 0.1 * speed - moment * spin**2 * math.sin(angle)
        faster, turning = np.linalg.solve(masses, [push, moment * 9.82 * math.sin(angle)])
        found = world.pushed(torch.tensor(state), torch.tensor(force))
        assert found.tolist() == pytest.approx(
            state + 0.01 * np.array([speed, faster, spin, turning]), rel=1e-12
        )


@pytest.mark.parametrize("begin", ["hanging", "anywhere"])
def test_returns_are_sums_up_to_the_end_of_the_track(
    swing_up: Any, world: ModuleType, monkeypatch: pytest.MonkeyPatch, begin: str
) -> None:
    monkeypatch.setattr(world, "STEPS", 120)
    task = swing_up.model_validate({"begin": begin})
    module = task.network().double()
    space = ParameterSpace(module, task.bounds)
    generator = torch.Generator().manual_seed(0)
    thetas = torch.randn(3, 4_609, generator=generator, dtype=torch.float64)
    seeds = torch.arange(6)
    with torch.no_grad():
        policies = Policies(PolicyNetwork(module, space), thetas)
        returns = task.rollout(policies, seeds)
        expected, lengths = torch.zeros(3, 6, dtype=torch.float64), torch.zeros(3, 6)
        for number, theta in enumerate(thetas):
            space.write(theta, module)
            for episode, start in enumerate(task.start(seeds)):
                state = start
                for _ in range(120):
                    state = world.pushed(state, module(world.observed(state))[0])
                    expected[number, episode] += world.reward(state)
                    lengths[number, episode] += 1
                    if abs(float(state[0])) > 2.4:
                        break
    assert lengths.unique().numel() > 3
    torch.testing.assert_close(returns, expected)
    assert policies.steps == int(lengths.sum())


def test_starts_are_those_of_evojax(swing_up: Any) -> None:
    easy, hard = (swing_up.model_validate({"begin": begin}) for begin in ("hanging", "anywhere"))
    seeds = torch.arange(4_000)
    spread = easy.start(seeds) - torch.tensor([0, 0, math.pi, 0])
    assert spread.mean(0).abs().max() < 0.02
    assert spread.std(0).tolist() == pytest.approx([0.2] * 4, rel=0.05)
    anywhere = hard.start(seeds) - torch.tensor([0, 0, math.pi, 0])
    assert anywhere.abs().amax(0).tolist() == pytest.approx([2.4, 10, math.pi / 2, 10], rel=0.01)
    assert anywhere.std(0).tolist() == pytest.approx(
        (torch.tensor([2.4, 10, math.pi / 2, 10]) / math.sqrt(3)).tolist(), rel=0.05
    )
