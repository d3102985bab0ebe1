"""PSO: a step written out slowly, fresh numbers for each particle and parameter, topology, and standing still."""

from __future__ import annotations

import math

import pytest
import torch
from driving import begin, fit, uniform
from pydantic import ValidationError
from slowly import twin
from torch import Generator
from valleys import rosenbrock, sphere

from nogd_evolution.pso import Pso

START = (1.0, -2.0, 0.5)
W, C = 1 / (2 * math.log(2)), 0.5 + math.log(2)


def test_steps_are_the_standards_update_written_out():
    learner = Pso(population=6)
    the_objective, state = begin(learner, rosenbrock, *START)
    learner.step(the_objective, state)
    for _ in range(4):
        places, velocities = state.places.tolist(), state.velocities.tolist()
        own, losses, informed = state.members.tolist(), state.losses.tolist(), state.informed.tolist()
        rng = twin(state)
        to_own, to_heard = (torch.rand(6, 3, generator=rng, dtype=torch.float64).tolist() for _ in range(2))
        noise = torch.empty(6, 3, dtype=torch.float64).normal_(generator=rng).tolist()
        radii = torch.rand(6, 1, generator=rng, dtype=torch.float64).flatten().tolist()
        learner.step(the_objective, state)
        for i in range(6):
            heard = min((k for k in range(6) if informed[i][k]), key=lambda k: losses[k])
            x = places[i]
            p = [x[j] + C * to_own[i][j] * (own[i][j] - x[j]) for j in range(3)]
            g = [x[j] + C * to_heard[i][j] * (own[heard][j] - x[j]) for j in range(3)]
            centre = [(x[j] + p[j]) / 2 if heard == i else (x[j] + p[j] + g[j]) / 3 for j in range(3)]
            radius = radii[i] * math.dist(centre, x)
            length = math.hypot(*noise[i])
            moved = [
                x[j] + W * velocities[i][j] + centre[j] + radius * noise[i][j] / length - x[j]
                for j in range(3)
            ]
            assert state.places[i].tolist() == pytest.approx(moved, rel=1e-9)
            assert state.velocities[i].tolist() == pytest.approx(
                [m - v for m, v in zip(moved, x, strict=True)]
            )


def test_every_particle_and_parameter_has_random_numbers_of_its_own():
    """One number for all would keep each particle on the plane through its place and two others."""
    learner = Pso(population=5)
    _, state = begin(learner, sphere, *START)
    drawn = learner._draw(state)
    assert len(set(drawn.flatten().tolist())) == 15


def test_everybody_hears_of_itself_and_about_three_hear_of_each():
    learner = Pso(population=40)
    links = torch.stack([learner._links(Generator().manual_seed(seed)) for seed in range(200)]).double()
    assert (links.diagonal(dim1=1, dim2=2) == 1).all()
    chance = 1 - (1 - 1 / 40) ** 3
    assert links.mean().item() == pytest.approx(chance + (1 - chance) / 40, rel=0.02)


def test_who_hears_of_whom_is_drawn_again_only_after_a_step_that_found_nothing_better():
    learner = Pso(population=20)
    the_objective, state = begin(learner, sphere, *START)
    learner.step(the_objective, state)
    seen = set()
    for _ in range(40):
        before, best = state.informed.clone(), state.best
        learner.step(the_objective, state)
        assert state.informed.equal(before) == (state.best < best)
        seen.add(state.best < best)
    assert seen == {True, False}


def test_a_particle_at_its_best_place_and_the_best_of_all_moves_on_while_others_are_elsewhere():
    learner = Pso(population=6)
    the_objective, state = begin(learner, sphere, *START)
    learner.step(the_objective, state)
    best = int(state.losses.argmin())
    state.velocities.zero_()
    state.informed.fill_(True)
    moves = learner._moves(state)
    assert moves[best].abs().max() == 0  # x = p = g, and no momentum: it rests
    assert moves[torch.arange(6) != best].abs().amax(1).min() > 0
    assert state.finished is None


def test_a_swarm_that_stands_still_ends_the_search():
    learner = Pso(population=6, informants=6)
    the_objective, state = begin(learner, sphere, *START)
    while state.finished is None and state.iteration < 3_000:
        learner.step(the_objective, state)
    assert "within 1e-08" in state.finished


def test_the_best_place_of_all_is_recommended_not_where_a_particle_is_now():
    learner = Pso(population=10)
    the_objective, state = begin(learner, rosenbrock, *START)
    moved_on = 0
    for _ in range(30):
        learner.step(the_objective, state)
        assert rosenbrock(state.theta).item() == pytest.approx(state.losses.min().item())
        moved_on += bool(rosenbrock(state.places).min() > state.best + 1e-9)
    assert moved_on > 5


def test_it_comes_to_the_floor_of_the_sphere():
    assert fit("pso", sphere, uniform(5, 4.0, 0), 2_000).loss < 1e-2


@pytest.mark.parametrize(
    "wrong", [{"population": 1}, {"inertia": 1.0}, {"attraction": 0.0}, {"informants": 0}]
)
def test_hyper_parameters_are_validated(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Pso(**wrong)
