"""A learner searches the hidden layers, and the last one is solved for each candidate."""

from __future__ import annotations

import plain
import pytest
import torch
from torch import Generator, nn

import nogd
from nogd.engine.accounts.meter import Limit
from nogd.engine.objective import Objective
from nogd.learners.readout import ReadoutOf
from nogd.tasks.networks import Sign
from nogd.training.learner import refusal
from nogd.training.names import build


def made(*hidden: nn.Module) -> Objective:
    x, y = plain.data(40, 3, 2)
    module = plain.drawn(nn.Sequential(nn.Linear(3, 6), *hidden, nn.Linear(6, 2)).double(), 0)
    return nogd.objective(module, x, y, loss="mse")


def test_within_the_block_losses_are_those_of_readout():
    one, other = made(nn.Tanh()), made(nn.Tanh())
    candidates = nogd.Population(plain.thetas(5, one.D))
    found = other.readout(candidates, ridge=1e-3, steps=2)
    with one.solving(ridge=1e-3, steps=2) as scores:
        torch.testing.assert_close(one.losses(candidates), found.values)
        assert one.features == frozenset()
        assert scores.value == pytest.approx(float(found.values.min()))
        torch.testing.assert_close(scores.theta, found.at(int(found.values.argmin())))
    assert one.meter.forwards == other.meter.forwards
    assert one.meter.evaluations == other.meter.evaluations
    torch.testing.assert_close(one.losses(candidates), other.losses(candidates))
    assert "readout" in one.features


def test_blocks_lie_within_one_another():
    one = made(nn.Tanh())
    candidates = nogd.Population(plain.thetas(2, one.D))
    with one.solving(ridge=1.0):
        first = one.losses(candidates)
        with one.solving(ridge=1e-6):
            assert (one.losses(candidates) < first).all()
        torch.testing.assert_close(one.losses(candidates), first)


def test_room_is_what_fits_at_that_price():
    one = made(nn.Tanh())
    limit = Limit(forwards=100)
    with one.within(limit), one.solving(steps=6):
        room = one.room()
        assert room == int(100 / one.readout_cost(steps=6))
        one.losses(nogd.Population(plain.thetas(room, one.D)))
    assert not limit.spent


def test_a_walk_tries_values_with_the_last_layer_solved():
    one, other = made(nn.Tanh()), made(nn.Tanh())
    theta, values = plain.thetas(1, one.D)[0], torch.linspace(-1, 1, 5).double()
    with one.solving(steps=2):
        walk = one.walk(theta)
        found, (place, lowest) = walk.losses(1, values), walk.lowest(1, values)
        assert len(walk.losses(1, values[:0])) == 0
        value, loss = walk.minimum(1, -1, 1)
        walk.move(1, value)
        assert one.walk(theta).loss == pytest.approx(loss)
    assert loss <= lowest == float(found[place]) == float(found.min())
    start = plain.thetas(1, one.D)[0]
    slow = other.readout(nogd.Line(start, 1, values), steps=2)
    torch.testing.assert_close(found, slow.values)
    torch.testing.assert_close(
        walk.loss, float(other.readout(nogd.Population(start[None]), steps=2).values[0])
    )


def test_a_walk_of_plain_losses_is_another_one():
    one, fresh = made(nn.Tanh()), made(nn.Tanh())
    theta = plain.thetas(1, one.D)[0]
    before = one.walk(theta).loss
    with one.solving():
        assert one.walk(theta).loss < before
        one.walk(theta).move(0, 0.5)
    assert one.walk(theta).loss == pytest.approx(fresh.walk(theta.clone()).loss)


def test_a_learner_that_walks_searches_the_hidden_layers():
    """Against plain loops over coordinates and values."""
    one, slow = made(nn.Tanh()), made(nn.Tanh())
    learner, start = ReadoutOf(inner=build("grid-search,points=3")), plain.thetas(1, one.D)[0]
    state = learner.init(one, start, Generator().manual_seed(1))
    theta, best = start.clone(), float(slow.readout(nogd.Population(start[None]), steps=6).values[0])
    for index in range(10):
        learner.step(one, state)
        tensor = one.space.at(index)
        line = nogd.Line(theta, index, torch.linspace(tensor.low, tensor.high, 3).double())
        values = slow.readout(line, steps=6).values
        theta = line.dense()[int(values.argmin())]
        best = min(best, float(values.min()))
        assert state.value == pytest.approx(best)
        torch.testing.assert_close(state.inner.theta, theta)


def test_the_recommendation_is_the_best_solved_candidate():
    one, slow = made(nn.Tanh()), made(nn.Tanh())
    learner = ReadoutOf(inner=build("random-search,population=4"))
    start = plain.thetas(1, one.D)[0]
    state = learner.init(one, start, Generator().manual_seed(1))
    for _ in range(5):
        learner.step(one, state)
    rng = Generator().manual_seed(1)
    drawn = [start, *(theta for _ in range(5) for theta in slow.space.sample(4, rng))]
    found = slow.readout(nogd.Population(torch.stack(drawn)), steps=6)
    assert state.value == pytest.approx(float(found.values.min()))
    torch.testing.assert_close(state.theta, found.at(int(found.values.argmin())))
    assert state.iteration == 5


def test_it_is_far_better_than_the_learner_alone():
    x, y = plain.data(80, 3, 1)
    losses = {}
    for name in ("random-search", "readout(random-search)"):
        module = plain.drawn(nn.Sequential(nn.Linear(3, 12), Sign(), nn.Linear(12, 1)).double(), 0)
        losses[name] = nogd.fit(module, x, y, learner=name, budget=300).loss
    assert losses["readout(random-search)"] < 0.7 * losses["random-search"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("readout(adam)", "readout lets a learner search by losses alone, and adam looks at more"),
        ("readout(gauss-newton)", "gauss-newton looks at more"),
        ("readout(readout)", "readout looks at more"),
    ],
)
def test_a_learner_that_looks_at_more_is_not_applicable(name, reason):
    assert reason in str(refusal(build(name), made(nn.Tanh())))


def test_without_a_linear_last_layer_it_is_not_applicable():
    squashed = nogd.objective(nn.Sequential(nn.Linear(2, 1), nn.Sigmoid()).double(), *plain.data(9, 2))
    assert "ends in a linear layer" in str(refusal(ReadoutOf(), squashed))


def test_names_round_trip():
    for name in ("readout", "readout(random-search,population=8)", "readout(random-search),ridge=0.01"):
        assert str(build(str(build(name)))) == str(build(name))
