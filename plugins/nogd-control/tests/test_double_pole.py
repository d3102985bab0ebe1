"""Two poles against a slow implementation in plain Python, and what the task allows."""

from __future__ import annotations

import math

import pytest
import torch
from nogd_control import double_pole
from nogd_control.double_pole import DoublePole, DoublePoleNoVelocity
from torch import Generator
from world import returns

import nogd
from nogd import UserError


def slopes(state: list[float], force: float) -> list[float]:
    """Gomez, Schmidhuber and Miikkulainen (2008), appendix: the poles one after another, gravity downwards."""
    _, one, two, speed, spin_one, spin_two = state
    force -= 0.0005 * ((speed > 0) - (speed < 0))
    mass = 1.0
    for pole, half, angle, spin in ((0.1, 0.5, one, spin_one), (0.01, 0.05, two, spin_two)):
        friction = 0.000002 * spin / (pole * half)
        force += pole * half * spin**2 * math.sin(angle)
        force += 0.75 * pole * math.cos(angle) * (friction - 9.8 * math.sin(angle))
        mass += pole * (1 - 0.75 * math.cos(angle) ** 2)
    gain = force / mass
    turns = [
        -0.75 / half * (gain * math.cos(angle) - 9.8 * math.sin(angle) + 0.000002 * spin / (pole * half))
        for pole, half, angle, spin in ((0.1, 0.5, one, spin_one), (0.01, 0.05, two, spin_two))
    ]
    return [speed, spin_one, spin_two, gain, *turns]


def slowly(state: list[float], force: float) -> list[float]:
    for _ in range(2):
        first = slopes(state, force)
        second = slopes([s + 0.005 * k for s, k in zip(state, first, strict=True)], force)
        third = slopes([s + 0.005 * k for s, k in zip(state, second, strict=True)], force)
        fourth = slopes([s + 0.01 * k for s, k in zip(state, third, strict=True)], force)
        state = [
            s + 0.01 / 6 * (a + 2 * b + 2 * c + d)
            for s, a, b, c, d in zip(state, first, second, third, fourth, strict=True)
        ]
    return state


def test_a_push_is_that_of_the_equations_written_out():
    rng = Generator().manual_seed(0)
    states = torch.tensor(double_pole.RANGES) * torch.randn(50, 6, generator=rng, dtype=torch.float64)
    states[:, 2] = 0.1 * torch.randn(50, generator=rng, dtype=torch.float64)
    states[:5, 3] = 0.0  # no friction of the track
    forces = 10 * torch.randn(50, generator=rng, dtype=torch.float64)
    expected = [slowly(s, f) for s, f in zip(states.tolist(), forces.tolist(), strict=True)]
    torch.testing.assert_close(
        double_pole.pushed(states, forces),
        torch.tensor(expected, dtype=torch.float64),
        rtol=1e-12,
        atol=1e-12,
    )


def test_a_pole_left_alone_keeps_its_energy():
    """The two poles hang, without friction: an error in any term would show."""
    state = torch.tensor([0.0, math.pi - 0.3, math.pi + 0.2, 0.0, 0.0, 0.0], dtype=torch.float64)
    before = energy(state)
    for _ in range(100):
        state = double_pole.pushed(state, torch.tensor(0.0, dtype=torch.float64))
    assert energy(state) == pytest.approx(before, abs=2e-3 * (energy_upright() - before))
    assert abs(float(state[0])) > 1e-3, "the cart moves too"


def energy(state) -> float:
    """Thin rods: moments of inertia are a third of mass times length squared."""
    _, one, two, speed, spin_one, spin_two = state.tolist()
    found = 0.5 * speed**2
    for pole, half, angle, spin in ((0.1, 0.5, one, spin_one), (0.01, 0.05, two, spin_two)):
        along, up = speed + half * spin * math.cos(angle), -half * spin * math.sin(angle)
        found += 0.5 * pole * (along**2 + up**2) + 0.5 * (pole * (2 * half) ** 2 / 12) * spin**2
        found += pole * 9.8 * half * math.cos(angle)
    return found


def energy_upright() -> float:
    return energy(torch.zeros(6))


@pytest.mark.parametrize(("place", "value"), [(0, 2.41), (0, -2.41), (1, 0.63), (2, -0.63)])
def test_an_episode_ends_at_the_limits(place, value):
    state = torch.zeros(6, dtype=torch.float64)
    state[place] = value
    assert double_pole.has_ended(state)
    state[place] = 0.99 * value
    assert not double_pole.has_ended(state)


@pytest.mark.parametrize("task", [DoublePole(), DoublePoleNoVelocity()])
def test_a_constant_force_is_worth_what_the_task_says(task):
    forces = [[each / 1e6] for each in range(-20_000, 20_001, 50)] + [[0.0061]]
    assert float(returns(task, forces, 1).max()) == task.constant == 36


def test_without_a_start_at_random_all_episodes_are_equal():
    starts = DoublePole().start(torch.arange(3))
    assert starts.unique(dim=0).tolist() == [[0.0, math.radians(4.5), 0.0, 0.0, 0.0, 0.0]]


def test_at_random_it_starts_within_the_ranges_of_the_test_of_generalisation():
    starts = DoublePole(begin="anywhere").start(torch.arange(400))
    limits = torch.tensor(double_pole.RANGES)
    assert (starts.abs() <= limits).all()
    assert (starts.abs().amax(0) >= 0.97 * limits).all()
    assert (starts[:, 2] == 0).all()


@pytest.mark.parametrize("given", ["noisy=true", "episodes=2"])
def test_equal_episodes_are_refused_with_the_cure(given):
    with pytest.raises(UserError, match="all episodes are equal; noisy and episodes are for begin=anywhere"):
        nogd.run(learners=["random-search"], tasks=[f"double-pole,{given}"], repetitions=1, budget=2)


def test_a_memory_is_carried_from_step_to_step_and_starts_empty():
    seen = []

    class Watched:
        count, dtype = 2, torch.float32

        def __call__(self, observed, memory, running):
            seen.append((observed.shape, memory.clone()))
            return memory[..., :1], memory + 1

    DoublePoleNoVelocity(width=3).rollout(Watched(), torch.arange(2))
    assert seen[0][0] == (2, 2, 3)
    assert [float(memory.unique()) for _, memory in seen[:3]] == [0, 1, 2]
    assert seen[0][1].shape == (2, 2, 3)


class Holding:
    """A linear policy with these gains."""

    count, dtype = 1, torch.float64

    def __init__(self, gains):
        self.gains = torch.tensor(gains, dtype=torch.float64)

    def __call__(self, seen, running):
        return (seen * self.gains).sum(-1, keepdim=True)


def linear_gains() -> list[float]:
    """The gains of a linear-quadratic regulator, by iterating Riccati's equation; the track is without friction."""
    nothing, unit = torch.zeros(6, dtype=torch.float64), torch.eye(6, dtype=torch.float64) * 1e-6
    still = torch.tensor(0.0, dtype=torch.float64)
    A = torch.stack([double_pole.pushed(row, still) for row in unit], dim=1) / 1e-6
    B = double_pole.pushed(nothing, torch.tensor(1e-6, dtype=torch.float64))[:, None] / 1e-6
    S = torch.eye(6, dtype=torch.float64)
    for _ in range(3_000):
        K = (B.T @ S @ A) / (1 + B.T @ S @ B)
        S = torch.eye(6, dtype=torch.float64) + A.T @ S @ (A - B @ K)
    return (-K[0] / 10 * torch.tensor(double_pole.SCALES)).tolist()


def test_a_linear_policy_that_is_told_the_speeds_holds_both_poles(monkeypatch):
    with monkeypatch.context() as without:
        without.setattr(double_pole, "TRACK_FRICTION", 0.0)
        gains = linear_gains()
    assert float(DoublePole().rollout(Holding(gains), torch.arange(1))) == 1_000
