"""The genetic algorithm: a generation written out slowly, its elite, and scores that are noisy."""

from __future__ import annotations

import math

import pytest
import torch
from driving import begin, fit, uniform
from pydantic import ValidationError
from slowly import answer, twin
from torch import nn
from valleys import rosenbrock, sphere

import nogd
from nogd_evolution.ga import Ga

START = (1.0, -2.0, 0.5)


def test_generations_are_the_papers_written_out():
    learner = Ga(sigma=0.3, population=8, parents=3)
    the_objective, state = begin(learner, rosenbrock, *START)
    parents, elite = [list(START)], list(START)
    for _ in range(4):
        rng = twin(state)
        chosen = torch.randint(len(parents), (7,), generator=rng).tolist()
        noise = torch.empty(7, 3, dtype=torch.float64).normal_(generator=rng).tolist()
        learner.step(the_objective, state)
        children = [
            [p + 0.3 * z for p, z in zip(parents[k], row, strict=True)]
            for k, row in zip(chosen, noise, strict=True)
        ]
        ranked = sorted(
            [elite, *children], key=lambda point: rosenbrock(torch.tensor(point, dtype=torch.float64)).item()
        )
        parents, elite = ranked[:3], ranked[0]
        assert state.parents.flatten().tolist() == pytest.approx(
            [value for point in parents for value in point]
        )
        assert state.theta.tolist() == pytest.approx(elite)


def test_the_elite_is_scored_again_among_its_rivals_and_a_lucky_one_loses_its_place():
    learner = Ga(population=4, parents=2)
    the_objective, state = begin(learner, sphere, *START)
    answer(the_objective, [5.0, 1.0, 6.0, 7.0])
    learner.step(the_objective, state)
    lucky = state.theta.clone()
    asked = answer(the_objective, [8.0, 9.0, 3.0, 4.0])
    learner.step(the_objective, state)
    assert asked[0][0].equal(lucky)
    assert state.theta.equal(asked[0][2])


def noisy():
    network = nn.Linear(2, 1, dtype=torch.float64)
    inputs = torch.randn(64, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    the_objective = nogd.objective(network, inputs, inputs.sum(1, keepdim=True))
    the_objective.batch_size = 8
    return the_objective


def test_where_scores_are_noisy_the_elite_and_the_best_are_scored_again_and_the_second_score_decides():
    learner = Ga(population=6, parents=2, contenders=3)
    the_objective = noisy()
    start = torch.zeros(3, dtype=torch.float64)
    state = learner.init(the_objective, start.clone(), torch.Generator().manual_seed(0))
    first = answer(the_objective, [5.0, 1.0, 6.0, 2.0, 7.0, 8.0])
    learner.step(the_objective, state)
    assert state.theta.equal(start)
    assert state.iteration == 0
    second = answer(the_objective, [5.0, 9.0, 4.0])
    learner.step(the_objective, state)
    assert second[0].equal(torch.stack([start, first[0][1], first[0][3]]))
    assert state.theta.equal(first[0][3])
    assert state.iteration == 1
    third = answer(the_objective, [1.0] * 6)
    learner.step(the_objective, state)
    assert len(third[0]) == 6


def test_rows_are_drawn_anew_for_the_second_score():
    learner = Ga(population=6, contenders=3)
    the_objective, rows = noisy(), []
    score = the_objective.losses

    def note(candidates, chosen=None):
        rows.append(chosen.tolist())
        return score(candidates, chosen)

    the_objective.losses = note
    state = learner.init(the_objective, torch.zeros(3, dtype=torch.float64), torch.Generator().manual_seed(0))
    learner.step(the_objective, state)
    learner.step(the_objective, state)
    assert rows[0] != rows[1]


def test_where_no_score_is_finite_the_elite_stays():
    learner = Ga(population=4)
    the_objective, state = begin(learner, sphere, *START)
    for losses in ([math.inf] * 4, [3.0] * 4):
        answer(the_objective, losses)
        learner.step(the_objective, state)
        assert state.theta.tolist() == list(START)


def test_it_is_never_worse_than_the_start_and_comes_near_the_floor_of_the_sphere():
    start = uniform(6, 2.0, 0)
    for forwards in (1, 2, 10):
        assert fit("ga", sphere, start, forwards).loss <= sphere(torch.tensor(start, dtype=torch.float64))
    assert fit("ga,sigma=0.1", sphere, start, 1_500).loss < 0.1


def test_where_candidates_are_fewer_than_parents_all_have_children():
    learner = Ga(population=3, parents=5)
    the_objective, state = begin(learner, sphere, *START)
    learner.step(the_objective, state)
    assert len(state.parents) == 3


@pytest.mark.parametrize("wrong", [{"sigma": 0.0}, {"population": 1}, {"parents": 0}, {"contenders": 0}])
def test_hyper_parameters_are_validated(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Ga(**wrong)
