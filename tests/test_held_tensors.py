"""How many vectors of theta's length a run holds, counted by the tensors that are alive; and the counter itself."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import nogd
from nogd import Budget, Learner, LowRank, Perturbed, State
from nogd.testing import HeldTensors

WIDTH, DEPTH = 256, 24
# One thing at a time in a run: theta, the last good one, and the private module, which holds the candidates.
FLOOR = 3


class Seeded(Learner):
    """Descends in place, by candidates that take no memory."""

    name = "seeded"

    def init(self, objective, theta, rng):
        return State(theta=theta)

    def candidates(self, objective, state):
        return Perturbed(state.theta, (state.iteration,), 1e-3, antithetic=True)

    def step(self, objective, state):
        candidates = self.candidates(objective, state)
        losses = objective.losses(candidates)
        candidates.combine(1e-6 * (losses - losses.mean()), out=state.theta)
        state.iteration += 1


class Thin(Seeded):
    name = "thin"

    def candidates(self, objective, state):
        rng = torch.Generator().manual_seed(state.iteration)
        return LowRank.draw(objective.space, state.theta, 2, 1e-3, rng)


class Residual(nn.Module):
    """No chain: nogd calls it."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(WIDTH, WIDTH) for _ in range(DEPTH)])

    def forward(self, x):
        for layer in self.layers:
            x = x + layer(x).relu() / DEPTH
        return x


def stack():
    return nn.Sequential(*(nn.Linear(WIDTH, WIDTH) for _ in range(DEPTH)))


@pytest.fixture(autouse=True)
def as_if_large(monkeypatch):
    """What is done for networks up to a million parameters alone, where time counts, is left out."""
    monkeypatch.setattr("nogd.engine.network.FEW_PARAMETERS", 0)
    monkeypatch.setattr("nogd.engine.called._FEW", 0)


@pytest.fixture
def inputs():
    return torch.ones(2, WIDTH)


def size_of(module):
    return sum(p.numel() * p.element_size() for p in module.parameters())


def thetas_held(learner, module, inputs, **more):
    with HeldTensors() as held:
        run = nogd.fit(
            module, inputs, inputs, learner=learner, budget=Budget(iterations=3), progress=False, **more
        )
    assert run.status == "budget"
    return held.most / size_of(module)


@pytest.mark.parametrize(
    ("learner", "make"), [(learner, make) for learner in (Seeded(), Thin()) for make in (stack, Residual)]
)
def test_a_run_without_gradients_holds_three_thetas(learner, make, inputs):
    assert FLOOR <= thetas_held(learner, make(), inputs) < FLOOR + 0.5


def test_a_start_that_the_learner_leaves_is_not_kept(inputs, tmp_path):
    """A checkpoint is another that lives as long as it is written."""
    held = thetas_held(Seeded(), stack(), inputs, checkpoint=tmp_path / "run.pt")
    assert held < FLOOR + 1.25


def test_an_objective_holds_one_theta(inputs):
    module = stack()
    with HeldTensors() as held:
        made = nogd.objective(module, inputs, inputs)
        assert size_of(module) / 4 == made.D
        assert 1 <= held.now / size_of(module) < 1.1
    assert held.most / size_of(module) < 2.1  # the copy, and the flat vector that takes it up


def test_the_counter_sees_each_memory_once_and_what_is_gone_no_more():
    old = torch.zeros(1_000)
    with HeldTensors() as held:
        made = old + 1
        assert (held.now, held.most) == (4_000, 4_000)
        view = made[:10]
        old.add_(1)
        assert held.now == 4_000
        del made
        assert held.now == 4_000
        del view
        assert (held.now, held.most) == (0, 4_000)
        other = torch.zeros(10)
        assert (held.now, len(other)) == (40, 10)


class Leaps(Seeded):
    """Its second step leads to where nothing is finite, in place."""

    name = "leaps"

    def step(self, objective, state):
        state.theta.fill_(0.001 if state.iteration == 0 else float("nan"))
        state.iteration += 1


def test_the_last_good_theta_is_kept_from_what_is_done_in_place(inputs):
    module = stack()
    run = nogd.fit(module, inputs, inputs, learner=Leaps(), budget=Budget(iterations=2))
    assert run.status == "diverged"
    assert run.theta.eq(0.001).all()
    assert all(p.eq(0.001).all() for p in module.parameters())


class WithinMany(Seeded):
    """Its theta lies within all that it knows."""

    name = "within-many"

    def step(self, objective, state):
        state.theta = torch.stack([state.theta] * 50)[7]
        state.iteration += 1


def test_a_solution_does_not_keep_what_it_lay_within(inputs):
    run = nogd.fit(stack(), inputs, inputs, learner=WithinMany(), budget=Budget(iterations=2))
    assert run.theta.untyped_storage().nbytes() == run.theta.numel() * 4
