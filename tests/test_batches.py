"""Mini-batches: every example once an epoch, the same rows for all candidates of a call, counted as their share."""

from __future__ import annotations

import plain
import pytest
import torch
from torch import Generator, Tensor, nn

import nogd
from nogd.engine.accounts.meter import BudgetSpent
from nogd.engine.objective import Objective
from nogd.training.batches import BatchState, batch_size, next_rows, used_rows

pytestmark = pytest.mark.torch_alone

ROWS = 13


def objective(rows: int = ROWS, size: int | None = None) -> Objective:
    return nogd.objective(plain.network(3, 4, 1, activation=nn.Tanh), *plain.data(rows, 3), batch_size=size)


def begun(made: Objective, seed: int = 0) -> BatchState:
    return BatchState(theta=plain.thetas(1, made.D)[0], rng=Generator().manual_seed(seed))


def epoch(made: Objective, state: BatchState, size: int) -> list[Tensor]:
    """The mini-batches of one epoch."""
    batches, ended = [], False
    while not ended:
        batches.append(next_rows(made, state, size))
        ended = used_rows(made, state, size)
    return batches


@pytest.mark.parametrize("size", [1, 4, 5, 6, 12])
def test_every_example_comes_once_an_epoch_the_rest_in_a_smaller_batch(size):
    made = objective()
    state = begun(made)
    for _ in range(3):
        batches = epoch(made, state, size)
        assert [len(rows) for rows in batches] == [size] * (ROWS // size) + [ROWS % size] * (ROWS % size > 0)
        assert torch.cat(batches).sort().values.tolist() == list(range(ROWS))


@pytest.mark.parametrize("size", [1, 4, 12])
def test_an_epoch_is_exactly_one_forward(size):
    made = objective()
    state = begun(made)
    for epochs in (1, 2, 3):
        for rows in epoch(made, state, size):
            made.losses(nogd.Population(state.theta[None]), rows)
        assert made.meter.forwards == epochs
        assert made.meter.examples == epochs * ROWS


def test_epochs_differ_and_depend_on_the_runs_generator_alone():
    made = objective()
    state, again, other = begun(made), begun(made), begun(made, seed=1)
    first, second = torch.cat(epoch(made, state, 4)), torch.cat(epoch(made, state, 4))
    assert not torch.equal(first, second)
    torch.manual_seed(99)
    assert torch.equal(torch.cat(epoch(made, again, 4)), first)
    assert not torch.equal(torch.cat(epoch(made, other, 4)), first)


def test_all_candidates_of_a_call_see_the_same_rows():
    made = objective()
    rows = next_rows(made, begun(made), 5)
    thetas = plain.thetas(4, made.D)
    together = made.losses(nogd.Population(thetas), rows)
    alone = torch.cat([made.losses(nogd.Population(theta[None]), rows) for theta in thetas])
    torch.testing.assert_close(together, alone, rtol=1e-13, atol=0)
    x, y = plain.data(ROWS, 3)
    module = plain.network(3, 4, 1, activation=nn.Tanh)
    expected = plain.losses(module, thetas, x[rows], y[rows], nn.functional.mse_loss)
    torch.testing.assert_close(together, expected, rtol=1e-12, atol=0)


def test_a_query_that_is_refused_uses_no_rows_up():
    made = objective()
    state = begun(made)
    made.begin(state.theta, nogd.Budget(forwards=1).limit(), None, None)
    two = nogd.Population(plain.thetas(2, made.D))
    seen = next_rows(made, state, 5)
    made.losses(two, seen)  # two candidates on five rows are 10 of the 13 examples
    used_rows(made, state, 5)
    refused = next_rows(made, state, 5)
    with pytest.raises(BudgetSpent):
        made.losses(two, refused)
    assert torch.equal(next_rows(made, state, 5), refused)
    assert not set(refused.tolist()) & set(seen.tolist())


@pytest.mark.parametrize(
    ("own", "runs", "expected"),
    [
        (None, None, None),
        (4, None, 4),
        (None, 5, 5),
        (4, 5, 4),
        (13, None, None),
        (99, 5, None),
        (None, 13, None),
    ],
)
def test_the_learners_own_size_comes_before_the_runs(own, runs, expected):
    assert batch_size(objective(size=runs), own) == expected


def test_a_batch_of_everything_draws_nothing():
    made = objective()
    state = begun(made)
    before = state.rng.get_state()
    assert next_rows(made, state, None) is None
    assert used_rows(made, state, None)
    assert torch.equal(state.rng.get_state(), before)


@pytest.mark.parametrize("learner", ["adam,rows=5", "sgd,rows=4"])
def test_an_iteration_is_an_epoch_with_its_smaller_batch(learner):
    module = plain.network(3, 4, 1, activation=nn.Tanh)
    budget = nogd.Budget(iterations=4)
    run = nogd.fit(module, *plain.data(ROWS, 3), learner=learner, lr=0.01, budget=budget)
    assert run.meter.examples == 4 * ROWS
    assert run.curve["examples"].tolist() == [k * ROWS for k in range(5)]
    assert run.curve["forwards"].iloc[-1] == pytest.approx(4 * objective().gradient_cost, rel=1e-14)
