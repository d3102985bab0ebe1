"""Coordinate descent by exact minimisation."""

from __future__ import annotations

import plain
import pytest
import torch
import torch.nn.functional as F
from torch import Generator, nn

import nogd
from nogd.engine.state import from_bytes, to_bytes
from nogd.learners.exact_line import ExactLine

pytestmark = pytest.mark.torch_alone


def test_least_squares_are_found():
    module = plain.network(4, 1)
    x, y = plain.data(30, 4)
    run = nogd.fit(module, x, y, learner="exact-line", tolerance=0, budget=nogd.Budget(iterations=200))
    design = torch.cat([x, torch.ones(30, 1, dtype=x.dtype)], 1)
    expected = torch.linalg.lstsq(design, y).solution[:, 0]
    assert run.theta.tolist() == pytest.approx(expected.tolist(), abs=1e-7)


@pytest.mark.parametrize("order", ["cyclic", "random"])
@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh])
def test_the_loss_never_rises(order, activation):
    module = plain.network(3, 4, 3, 1, activation=activation)
    x, y = plain.data(25, 3)
    objective, learner = nogd.objective(module, x, y), ExactLine(order=order, early_stopping=False)
    state = learner.init(objective, plain.read(module), Generator().manual_seed(1))
    last = plain.losses(module, state.theta[None], x, y, F.mse_loss).item()
    start = last
    while state.iteration < 3:
        learner.step(objective, state)
        now = plain.losses(module, state.theta[None], x, y, F.mse_loss).item()
        assert now <= last * (1 + 1e-12)
        assert state.loss == pytest.approx(now, rel=1e-9)
        last = now
    assert last < 0.5 * start


def test_no_grid_is_better_along_the_first_coordinate():
    module, (x, y) = plain.original_network(), plain.data(50, 10)
    run = nogd.fit(plain.original_network(), x, y, learner="exact-line", budget=nogd.Budget(evaluations=2))
    grid = nogd.fit(module, x, y, learner="grid-search", points=1_000, budget=1 + 1_000)
    assert run.loss <= grid.loss


def test_each_sweep_of_a_random_order_visits_every_coordinate_once():
    module, (x, y) = plain.network(3, 4, 1), plain.data(12, 3)
    objective, learner = nogd.objective(module, x, y), ExactLine(order="random")
    state = learner.init(objective, plain.read(module), Generator().manual_seed(1))
    first = state.order.tolist()
    assert sorted(first) == list(range(objective.D))
    while state.iteration < 1:
        learner.step(objective, state)
    assert sorted(state.order.tolist()) == sorted(first)
    assert state.order.tolist() != first


def test_it_stops_where_nothing_is_gained():
    run = nogd.fit(plain.network(2, 1), *plain.data(9, 2), learner="exact-line", budget=100_000)
    assert (run.status, run.reason) == ("ok", "a sweep gained less than 1e-06")
    on = nogd.fit(
        plain.network(2, 1), *plain.data(9, 2), learner="exact-line,early_stopping=false", budget=2_000
    )
    assert on.status == "budget"


@pytest.mark.parametrize("order", ["cyclic", "random"])
def test_a_resumed_search_gives_the_same_bits(order):
    module, (x, y) = plain.network(3, 4, 3, 1), plain.data(25, 3)
    learner = ExactLine(order=order)

    def go(stops: set[int]) -> tuple[list[float], float, float]:
        objective = nogd.objective(module, x, y)
        state = learner.init(objective, plain.read(module), Generator().manual_seed(3))
        for step in range(90):
            if step in stops:
                saved = objective.save()
                objective = nogd.objective(module, x, y)
                objective.restore(saved)
                state = from_bytes(to_bytes(state))
            learner.step(objective, state)
        return state.theta.tolist(), state.loss, objective.meter.forwards

    assert go(set()) == go({1, 17, 40, 41, 88})


def test_it_never_overruns_its_budget():
    for budget in (1, 2, 7.5, 40):
        run = nogd.fit(plain.original_network(), *plain.data(40, 10), learner="exact-line", budget=budget)
        assert run.meter.forwards <= budget
        assert run.status == "budget"


def test_a_budget_in_the_midst_of_a_sweep_leaves_what_was_found():
    module, (x, y) = plain.network(3, 4, 1), plain.data(12, 3)
    start = plain.losses(module, plain.read(module)[None], x, y, F.mse_loss).item()
    run = nogd.fit(module, x, y, learner="exact-line", budget=nogd.Budget(evaluations=8))
    assert run.meter.evaluations == 8
    assert run.loss < start
    assert run.loss == pytest.approx(plain.losses(module, run.theta[None], x, y, F.mse_loss).item())
