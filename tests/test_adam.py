"""Adam and plain gradient descent against torch's own optimisers, step for step."""

from __future__ import annotations

import copy
from itertools import chain

import plain
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

import nogd
from nogd.engine.objective import Objective
from nogd.engine.state import State
from nogd.learners.adam import Adam
from nogd.learners.sgd import Sgd
from nogd.training.learner import Learner

pytestmark = pytest.mark.torch_alone

STEPS = 60


def begun(learner: Learner, objective: Objective, module: nn.Module) -> State:
    return learner.init(objective, plain.read(module), Generator().manual_seed(0))


def by_nogd(learner: Learner, module: nn.Module, x: Tensor, y: Tensor, steps: int = STEPS) -> list[Tensor]:
    objective = nogd.objective(module, x, y)
    state = begun(learner, objective, module)
    thetas = []
    for _ in range(steps):
        learner.step(objective, state)
        thetas.append(state.theta.clone())
    return thetas


def by_torch(
    make, module: nn.Module, x: Tensor, y: Tensor, steps: int = STEPS, schedule=None
) -> list[Tensor]:
    module = copy.deepcopy(module)
    optimiser = make(module.parameters())
    scheduler = schedule(optimiser) if schedule else None
    thetas = []
    for _ in range(steps):
        optimiser.zero_grad()
        loss = F.mse_loss(module(x), y)
        loss.backward()
        optimiser.step()
        if scheduler:
            scheduler.step(loss.item())
        thetas.append(plain.read(module))
    return thetas


def assert_equal(found: list[Tensor], expected: list[Tensor], tolerance: float) -> None:
    torch.testing.assert_close(torch.stack(found), torch.stack(expected), rtol=tolerance, atol=tolerance)


# Both get one and the same gradient: training amplifies a last bit, and a product's last bit depends on where in
# memory its factors lie.
@settings(deadline=None, derandomize=True, max_examples=10)
@given(
    lr=st.floats(1e-4, 0.5),
    betas=st.tuples(st.floats(0, 0.99), st.floats(0, 0.9999)),
    eps=st.sampled_from([1e-8, 1e-3]),
    seed=st.integers(0, 1000),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_an_update_is_torchs_bit_for_bit(lr, betas, eps, seed, dtype):
    module = plain.network(4, 6, 3, 1, activation=nn.Tanh, seed=seed).to(dtype)
    objective = nogd.objective(module, *plain.data(20, 4, seed=seed, dtype=dtype))
    learner = Adam(lr=lr, beta1=betas[0], beta2=betas[1], eps=eps)
    state = begun(learner, objective, module)
    theta = state.theta.clone().requires_grad_()
    optimiser = torch.optim.Adam([theta], lr=lr, betas=betas, eps=eps)
    for _ in range(30):
        _, theta.grad = objective.gradient(state.theta)
        optimiser.step()
        learner.step(objective, state)
        assert torch.equal(state.theta, theta)


def test_adam_is_torchs_usual_adam():
    module = plain.network(4, 6, 3, 1, activation=nn.Tanh)
    x, y = plain.data(20, 4)
    theirs = by_torch(lambda p: torch.optim.Adam(p, lr=0.01), module, x, y)
    assert_equal(by_nogd(Adam(lr=0.01), module, x, y), theirs, 1e-12)


def test_the_studys_adam_with_its_plateau_schedule():
    module = plain.original_network()
    x, y = plain.data(40, 10)

    def schedule(optimiser):
        return ReduceLROnPlateau(optimiser, mode="min", factor=0.1, patience=5)

    theirs = by_torch(lambda p: torch.optim.Adam(p, lr=0.1), module, x, y, 400, schedule)
    assert_equal(by_nogd(Adam(lr=0.1, plateau=True), module, x, y, 400), theirs, 1e-12)


def test_the_schedule_does_come_into_force():
    module = plain.network(3, 4, 1)
    x, y = plain.data(10, 3)
    learner, objective = Adam(lr=0.5, plateau=True), nogd.objective(module, x, y)
    state = begun(learner, objective, module)
    for _ in range(300):
        learner.step(objective, state)
    assert state.plateau.lr < 0.05


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_is_torchs_sgd(momentum):
    module = plain.network(4, 6, 3, 1, activation=nn.Tanh)
    x, y = plain.data(20, 4)
    theirs = by_torch(lambda p: torch.optim.SGD(p, lr=0.05, momentum=momentum), module, x, y)
    assert_equal(by_nogd(Sgd(lr=0.05, momentum=momentum), module, x, y), theirs, 1e-12)


class Spy:
    """An objective that notes which rows were asked for."""

    def __init__(self, objective: Objective) -> None:
        self.objective, self.asked = objective, []

    def __getattr__(self, name: str):
        return getattr(self.objective, name)

    def gradient(self, theta: Tensor, rows: Tensor | None = None, **how: bool):
        self.asked.append(None if rows is None else rows.tolist())
        return self.objective.gradient(theta, rows, **how)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(
    examples=st.integers(1, 23), rows=st.integers(1, 30), kind=st.sampled_from([Adam, Sgd]), own=st.booleans()
)
def test_mini_batches_visit_every_example_once_an_epoch(examples, rows, kind, own):
    module = plain.network(2, 2, 1)
    objective = nogd.objective(module, *plain.data(examples, 2), batch_size=None if own else rows)
    learner, spy = kind(rows=rows if own else None), Spy(objective)
    state = begun(learner, objective, module)
    for epoch in range(1, 4):
        spy.asked.clear()
        while state.iteration < epoch:
            learner.step(spy, state)
        if rows >= examples:
            assert spy.asked == [None]
        else:
            assert sorted(chain(*spy.asked)) == list(range(examples))
            assert all(len(batch) == rows for batch in spy.asked[:-1])
        assert objective.meter.examples == epoch * examples


def test_epochs_are_shuffled_anew():
    module = plain.network(2, 2, 1)
    objective = nogd.objective(module, *plain.data(20, 2))
    spy, learner = Spy(objective), Adam(rows=20 // 4)
    state = begun(learner, objective, module)
    for _ in range(8):
        learner.step(spy, state)
    assert list(chain(*spy.asked[:4])) != list(chain(*spy.asked[4:]))


def test_a_mini_batch_is_a_step_of_torch_on_those_rows():
    module = plain.network(3, 4, 1, activation=nn.Tanh)
    x, y = plain.data(12, 3)
    objective = nogd.objective(module, x, y)
    spy, learner = Spy(objective), Adam(lr=0.02, rows=5)
    state = begun(learner, objective, module)
    copied = copy.deepcopy(module)
    optimiser = torch.optim.Adam(copied.parameters(), lr=0.02)
    for _ in range(30):
        learner.step(spy, state)
        optimiser.zero_grad()
        F.mse_loss(copied(x[spy.asked[-1]]), y[spy.asked[-1]]).backward()
        optimiser.step()
        torch.testing.assert_close(state.theta, plain.read(copied), rtol=1e-12, atol=1e-12)


def test_the_schedule_judges_the_mean_over_an_epoch():
    module = plain.network(3, 4, 1, activation=nn.Tanh)
    x, y = plain.data(12, 3)
    objective = nogd.objective(module, x, y)
    learner, losses = Adam(lr=0.02, rows=4, plateau=True), []
    state = begun(learner, objective, module)
    spy = Spy(objective)
    for _ in range(3):
        theta = state.theta.clone()
        learner.step(spy, state)
        rows = spy.asked[-1]
        losses.append(plain.losses(module, theta[None], x[rows], y[rows], F.mse_loss).item())
    assert state.plateau.best == pytest.approx(sum(losses) / 3, rel=1e-12)
