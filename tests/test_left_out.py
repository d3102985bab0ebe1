"""What an example costs with a last layer that was not fitted to it, and the ridge that is chosen by that."""

from __future__ import annotations

import itertools
import math
from typing import Any

import plain
import pytest
import torch
from torch import Generator, Tensor, nn

import nogd
from nogd.engine.accounts.meter import BudgetSpent, Limit
from nogd.engine.objective import Objective
from nogd.errors import InvalidSetting
from nogd.learners.left_out_ridge import (
    FEW_STEPS,
    FIRST,
    best_ridge,
    first_ridges,
    neighbours,
    price_of_one,
)
from nogd.learners.unit_search import UnitSearch

ROWS, HIDDEN = 25, 4
LOSSES = {"mse": 2, "binary-cross-entropy": 2, "cross-entropy": 3}


def targets(loss: str, outputs: int) -> Tensor:
    if loss == "cross-entropy":
        return plain.classes(ROWS, outputs)
    y = plain.data(ROWS, 3, outputs)[1]
    return (y > 0).double() if loss == "binary-cross-entropy" else y


def objective(loss: str = "mse", module: nn.Module | None = None) -> Objective:
    outputs = LOSSES[loss]
    module = plain.network(3, HIDDEN, outputs, activation=nn.Tanh) if module is None else module
    return nogd.objective(module.double(), plain.data(ROWS, 3)[0], targets(loss, outputs), loss=loss)


def some(made: Objective, count: int = 3) -> nogd.Population:
    return nogd.Population(plain.thetas(count, made.D))


def one_by_one(made: Objective, candidates: nogd.Population, loss: str, ridge: float) -> Tensor:
    """Each example's loss by a layer that is solved for the others, `[P, N]`."""
    found = []
    for row in range(ROWS):
        others = torch.tensor([k for k in range(ROWS) if k != row])
        # The mean is over one example fewer, so that the sum of squares weighs more.
        without = made.readout(candidates, others, ridge=ridge * ROWS / (ROWS - 1), steps=20)
        found.append(made.losses(nogd.Population(without.dense()), torch.tensor([row])))
    return torch.stack(found, 1)


def test_least_squares_are_those_of_solving_again_without_the_example():
    made = objective()
    for ridge in (1e-5, 1.0):
        found = made.readout(some(made), ridge=ridge, left_out=True).left_out
        torch.testing.assert_close(found, one_by_one(made, some(made), "mse", ridge))


@pytest.mark.parametrize(("loss", "tolerance"), [("binary-cross-entropy", 0.01), ("cross-entropy", 0.1)])
def test_other_losses_are_close_to_that(loss, tolerance):
    """A step of Newton's, and classes as if each output were alone."""
    made, ridge = objective(loss), 0.03
    solved = made.readout(some(made), ridge=ridge, steps=40, left_out=True)
    found, expected = solved.left_out, one_by_one(made, some(made), loss, ridge)
    assert found is not None
    fitted = made.losses(nogd.Population(solved.dense()))
    for own, left, slow in zip(fitted, found.mean(1), expected.mean(1), strict=True):
        assert abs(left - slow) < tolerance * slow
        assert slow > own * 1.05
        assert abs(left - slow) < 0.5 * (slow - own)


@pytest.mark.parametrize("loss", LOSSES)
def test_it_is_paid_and_only_told_if_asked_for(loss):
    made, asked = objective(loss), objective(loss)
    assert made.readout(some(made)).left_out is None
    found = asked.readout(some(asked), left_out=True)
    assert found.left_out is not None
    assert found.left_out.shape == (3, ROWS)
    assert torch.equal(found.weights, made.readout(some(made)).weights)
    assert asked.meter.forwards == pytest.approx(3 * asked.readout_cost(left_out=True))
    features = HIDDEN + 1
    matrices = 1 if loss == "mse" else LOSSES[loss]
    flops = matrices * (3 * features**2 + features**3 / 3 / ROWS)
    forward = 2 * (3 * HIDDEN + HIDDEN * LOSSES[loss])
    assert made.readout_cost(left_out=True) - made.readout_cost() == pytest.approx(flops / forward)
    assert asked.readout(some(asked, 0), left_out=True).left_out.shape == (0, ROWS)


def test_rows_have_their_own():
    made, rows = objective(), torch.tensor([1, 5, 5, 7, 20])
    found = made.readout(some(made), rows, left_out=True).left_out
    alone = nogd.objective(made.module, made.inputs[rows], made.targets[rows])
    torch.testing.assert_close(found, alone.readout(some(made), left_out=True).left_out)


def test_features_that_are_not_finite_have_no_finite_loss():
    made = objective(module=plain.network(3, HIDDEN, 2, activation=nn.ReLU))
    candidates = some(made)
    candidates.thetas[1, 0] = torch.inf
    found = made.readout(candidates, left_out=True).left_out
    assert found is not None
    assert found[[0, 2]].isfinite().all()
    assert (found[1] == torch.inf).all()


# -- the ridge


def price_of_choice(made: Objective, steps: int, count: int) -> float:
    """Of so many ridges, the first by so many steps."""
    return price_of_one(made, None, steps) + (count - 1) * price_of_one(made, None, FEW_STEPS)


def linear(noise: float) -> tuple[Objective, Tensor]:
    """A linear function of what the hidden layer gives, with noise."""
    module = plain.drawn(nn.Sequential(nn.Linear(3, 30), nn.Tanh(), nn.Linear(30, 1)).double(), 0, 1.0)
    x = torch.randn(60, 3, generator=Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad():
        y = module(x)
    y = y / y.std() + noise * torch.randn(60, 1, generator=Generator().manual_seed(2), dtype=torch.float64)
    return nogd.objective(module, x, y), plain.read(module)


@pytest.mark.parametrize(("noise", "lower"), [(0.0, True), (3.0, False)])
def test_noise_wants_a_larger_ridge_than_none(noise, lower):
    made, theta = linear(noise)
    ridge, found = best_ridge(made, theta, neighbours(1e-3), None, 3)
    assert (ridge < 1e-3) is lower
    assert made.meter.forwards == pytest.approx(price_of_choice(made, 3, 3))
    expected = made.readout(nogd.Population(theta[None]), ridge=ridge)
    torch.testing.assert_close(found.weights, expected.weights)


def test_neighbours_are_half_a_power_of_ten_away_and_within_bounds():
    assert neighbours(1e-3) == pytest.approx([1e-3 * math.sqrt(10), 1e-3, 1e-3 / math.sqrt(10)])
    assert neighbours(1e-7) == pytest.approx([1e-7 * math.sqrt(10), 1e-7])
    assert neighbours(1.0) == pytest.approx([1.0, 1 / math.sqrt(10)])


def trained(limit: Limit, noise: float = 0.0, **settings: Any) -> list[tuple[float, float]]:
    """The ridge and the forwards after each step."""
    made, theta = linear(noise)
    made.begin(theta, limit, None, None)
    learner = UnitSearch(**settings)
    state = learner.init(made, theta, Generator().manual_seed(0))
    found = [(state.ridge, made.meter.forwards)]
    try:
        while True:
            learner.step(made, state)
            found.append((state.ridge, made.meter.forwards))
    except BudgetSpent:
        return found


def classes() -> tuple[Objective, Tensor]:
    """Two classes, whose last layer is solved by Newton steps."""
    module = plain.network(3, 8, 1, activation=nn.Tanh).double()
    x = torch.randn(60, 3, generator=Generator().manual_seed(1), dtype=torch.float64)
    y = (x[:, :1] * x[:, 1:2] > 0).double()
    return nogd.objective(module, x, y, loss="binary-cross-entropy"), plain.read(module)


@pytest.mark.parametrize("steps", [2, 6])
def test_each_ridge_is_solved_from_the_one_before_it(steps):
    made, theta = classes()
    ridges = [1e-1, 1e-2, 1e-3]
    ridge, found = best_ridge(made, theta, ridges, None, steps)
    assert made.meter.forwards == pytest.approx(price_of_choice(made, steps, 3))
    at = theta
    solved = []
    for each, count in zip(ridges, [steps, 3, 3], strict=True):
        solved.append(made.readout(nogd.Population(at[None]), ridge=each, steps=count, left_out=True))
        at = solved[-1].at(0)
    best = min(range(3), key=lambda k: float(solved[k].left_out.mean()))
    assert ridge == ridges[best]
    torch.testing.assert_close(found.weights, solved[best].weights)


@pytest.mark.parametrize("forwards", [math.inf, 5_000, 1_000, 600, 300, 100])
@pytest.mark.parametrize("problem", [linear, classes])
def test_the_start_takes_as_many_ridges_as_its_share_pays_for(problem, forwards):
    made, theta = problem(0.1) if problem is linear else problem()
    made.begin(theta, Limit(forwards=forwards), None, None)
    ridges = first_ridges(made, None, 6, 0.05)
    best_ridge(made, theta, ridges, None, 6)
    if len(ridges) == 1:
        assert ridges == [FIRST]
        assert 0.05 * forwards < price_of_choice(made, 6, 3)
    else:
        assert (
            made.meter.forwards <= 0.05 * forwards < price_of_choice(made, 6, len(ridges) + 1)
            or len(ridges) == 12
        )
        assert (ridges[0], ridges[-1]) == pytest.approx((10**-0.5, 1e-6))
        assert ridges == sorted(set(ridges), reverse=True)


def test_it_begins_with_the_best_of_twelve():
    assert trained(Limit(forwards=2_000))[0][0] == pytest.approx(1e-6)
    assert trained(Limit(forwards=2_000), noise=3.0)[0][0] > 1e-3
    assert trained(Limit(forwards=2_000), ridge=1e-4)[0][0] == 1e-4


def test_it_takes_a_step_where_a_tenth_of_the_forwards_pays_for_it():
    found = trained(Limit(forwards=3_000), noise=0.1)
    changes = [after[1] for before, after in itertools.pairwise(found) if before[0] != after[0]]
    apart = [after - before for before, after in itertools.pairwise([found[0][1], *changes])]
    assert changes
    assert min(apart) > 10 * price_of_choice(linear(0.0)[0], 3, 3)
    assert {ridge for ridge, _ in trained(Limit(forwards=3_000), noise=0.1, ridge=1e-3)} == {1e-3}


@pytest.mark.parametrize("limit", [{"forwards": 100}, {"evaluations": 40}])
def test_a_small_budget_begins_with_one(limit):
    found = trained(Limit(**limit))
    assert found[0][0] == FIRST
    assert len(found) > 1


def test_a_ridge_is_above_0():
    with pytest.raises(InvalidSetting, match="ridge"):
        nogd.fit(plain.network(3, 4, 1), *plain.data(9, 3, 1), learner="unit-search,ridge=0", budget=9)
