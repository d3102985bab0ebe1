"""PolyStep: its update written out slowly, polytopes, the subspace, and schedules over the budget."""

from __future__ import annotations

import math

import pytest
import torch
from driving import begin, fit, uniform
from pydantic import ValidationError
from slowly import answer
from torch import Generator, nn
from valleys import rosenbrock, sphere

import nogd
from nogd_evolution.polystep import (
    PolyStep,
    corner_weights,
    draw_basis,
    shared_out,
    simplex,
    turned_simplices,
)

LIKE = torch.zeros(1, dtype=torch.float64)


def test_a_step_is_the_papers_update_written_out():
    learner = PolyStep(sigma=0.4, reach=0.5, temperature=0.2, population=8, particle=3)
    the_objective, state = begin(learner, rosenbrock, *uniform(6, 2.0, 0))
    twin = begin(learner, rosenbrock, *uniform(6, 2.0, 0))[1]
    asked = learner.ask(twin).dense()
    before = state.theta.clone()
    learner.step(the_objective, state)

    losses = [rosenbrock(theta).item() for theta in asked]
    assert len(losses) == 8
    lowest = min(losses)
    scale = sum(loss - lowest for loss in losses) / 8
    expected = before.clone()
    for particle in (range(4), range(4, 8)):
        weights = [math.exp(-(losses[k] - lowest) / scale / 0.2) for k in particle]
        for k, weight in zip(particle, weights, strict=True):
            corner = (asked[k] - before) / 0.2  # probed at half of the step's length
            expected += 0.4 * weight / sum(weights) * corner
    assert state.theta.tolist() == pytest.approx(expected.tolist(), rel=1e-9)


@pytest.mark.parametrize("width", [1, 2, 8])
def test_corners_are_a_regular_simplex_about_the_middle(width):
    corners = simplex(width)
    assert corners.sum(0).abs().max() < 1e-12
    products = corners @ corners.T
    expected = torch.full_like(products, -1 / width).fill_diagonal_(1)
    assert (products - expected).abs().max() < 1e-12


def test_they_are_turned_at_random_each_particles_by_itself():
    corners = turned_simplices(LIKE, 400, 2, Generator().manual_seed(0))
    assert (corners.norm(dim=2) - 1).abs().max() < 1e-12
    angles = torch.atan2(corners[:, 0, 1], corners[:, 0, 0])
    quarters = torch.histc(angles, 4, -math.pi, math.pi)
    assert (quarters - 100).abs().max() < 50


def test_the_subspace_covers_every_bias_and_some_of_each_matrix():
    network = nn.Sequential(nn.Linear(20, 6), nn.Tanh(), nn.Linear(6, 3))
    space = nogd.ParameterSpace(network)
    blocks = shared_out([(t.start, t.stop - t.start) for t in space], 32)
    assert {(start, length): count for start, length, count in blocks} == {
        (0, 120): 12,
        (120, 6): 6,
        (126, 18): 11,
        (144, 3): 3,
    }
    basis = draw_basis(torch.zeros(147, dtype=torch.float64), blocks, 32, Generator().manual_seed(0))
    assert (basis @ basis.T - torch.eye(32)).abs().max() < 1e-12
    for bias in (slice(120, 126), slice(144, 147)):
        assert (basis[:, bias].norm(dim=0) - 1).abs().max() < 1e-12  # all of it


def test_every_tensor_keeps_a_direction_where_there_is_room_for_few():
    assert [count for *_, count in shared_out([(0, 50), (50, 5), (55, 30)], 2)] == [1, 1, 1]


def test_where_the_subspace_is_all_the_space_its_directions_are_the_coordinates():
    basis = draw_basis(torch.zeros(4), shared_out([(0, 4)], 9), 6, Generator().manual_seed(0))
    assert basis.tolist() == [[float(i == j) for j in range(4)] for i in range(6)]


def test_the_unit_and_the_zero_of_the_loss_are_nothing_to_the_weights():
    losses = torch.tensor([[1.0, 2.0, 4.0], [3.0, 1.5, 2.0]], dtype=torch.float64)
    plain = corner_weights(losses, 0.3)
    assert (plain - corner_weights(1e6 * losses - 7, 0.3)).abs().max() < 1e-9
    assert (plain.sum(1) - 1).abs().max() < 1e-12


def test_corners_without_a_finite_loss_weigh_nothing():
    inf = math.inf
    losses = torch.tensor([[1.0, inf, 2.0], [inf, inf, inf]])
    weights = corner_weights(losses, 0.3)
    assert weights[0, 1] == 0
    assert weights[0].sum().item() == pytest.approx(1)
    assert weights[1].tolist() == [0, 0, 0]
    assert corner_weights(torch.full((2, 3), inf), 0.3).abs().max() == 0


@pytest.mark.parametrize("losses", [[3.0] * 40, [math.inf] * 40], ids=["equal", "infinite"])
def test_where_no_corner_is_better_it_stays_where_it_is(losses):
    learner = PolyStep()
    the_objective, state = begin(learner, sphere, 0.3, -0.4)
    answer(the_objective, losses)
    learner.step(the_objective, state)
    assert state.theta.tolist() == pytest.approx([0.3, -0.4])


def test_lengths_fall_by_a_cosine_to_a_share_of_the_first_over_the_budget():
    learner = PolyStep(final=0.2)
    _, state = begin(learner, sphere, 1.0, 1.0)
    assert state.total == 0
    assert learner._shrunk(state) == 1  # without an end to the budget
    state.total = 1_000
    shares = []
    for spent in (0, 250, 500, 1_000, 1_100):
        state.spent = spent
        shares.append(learner._shrunk(state))
    half = 0.2 + 0.8 * (1 + math.sqrt(0.5)) / 2
    assert shares == pytest.approx([1.0, half, 0.6, 0.2, 0.2])


def test_the_budget_is_known_at_the_start():
    found = []

    class Noting(PolyStep):
        name = "noting"

        def tell(self, state, candidates, losses):
            found.append(state.total)
            super().tell(state, candidates, losses)

    fit(Noting(), sphere, (1.0, 1.0), 200)
    assert found[0] == 200


def test_too_many_parameters_for_its_directions_are_refused_with_a_way_out():
    module = nn.Linear(100_000, 100, bias=False)
    the_objective = nogd.objective(module, torch.zeros(1, 100_000), torch.zeros(1, 100))
    assert "openai-es and eggroll keep none" in PolyStep().supports(the_objective)
    small = nogd.objective(nn.Linear(3, 1), torch.zeros(1, 3), torch.zeros(1, 1))
    assert PolyStep().supports(small) is None


def test_it_comes_near_the_floor_of_the_sphere():
    assert fit("polystep", sphere, uniform(10, 2.0, 0), 1_500).loss < 0.05


@pytest.mark.parametrize(
    "wrong",
    [
        {"sigma": 0.0},
        {"reach": 0.0},
        {"temperature": 0.0},
        {"final": 0.0},
        {"population": 1},
        {"particle": 0},
    ],
)
def test_hyper_parameters_are_validated(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        PolyStep(**wrong)
