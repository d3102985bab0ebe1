"""Differential evolution: a generation written out slowly, the traps of its operators, and scipy's pace."""

from __future__ import annotations

import statistics

import pytest
import torch
from driving import begin, fit
from pydantic import ValidationError
from scipy_count import evaluations_here, evaluations_of_scipy
from slowly import answer, twin
from torch import Generator
from valleys import rosenbrock, sphere

from nogd_evolution.differential_evolution import DifferentialEvolution
from nogd_evolution.generations import crossed, others

START = (1.0, -2.0, 0.5)


def test_a_generation_is_the_papers_update_written_out():
    learner = DifferentialEvolution(population=7, factor=0.6, crossover=0.4)
    the_objective, state = begin(learner, rosenbrock, *START)
    learner.step(the_objective, state)
    for _ in range(3):
        members, losses = state.members.tolist(), state.losses.tolist()
        rng = twin(state)
        a = others(7, 7, [], rng)
        b = others(7, 7, [a], rng)
        c = others(7, 7, [a, b], rng)
        chances = torch.rand(7, 3, generator=rng, dtype=torch.float64).tolist()
        always = torch.randint(3, (7, 1), generator=rng).flatten().tolist()
        learner.step(the_objective, state)
        for i in range(7):
            trial = list(members[i])
            for j in range(3):
                if chances[i][j] < 0.4 or j == always[i]:
                    trial[j] = members[a[i]][j] + 0.6 * (members[b[i]][j] - members[c[i]][j])
            loss = rosenbrock(torch.tensor(trial, dtype=torch.float64)).item()
            expected = (trial, loss) if loss <= losses[i] else (members[i], losses[i])
            assert state.members[i].tolist() == pytest.approx(expected[0], rel=1e-12)
            assert state.losses[i].item() == pytest.approx(expected[1], rel=1e-9)


@pytest.mark.parametrize("total", [4, 5, 9])
def test_the_three_others_and_the_member_are_four_different_ones_all_equally_likely(total):
    rng = Generator().manual_seed(0)
    counts = torch.zeros(3, total, total)
    for _ in range(600):
        taken: list[torch.Tensor] = []
        for place in range(3):
            taken.append(others(total, total, taken, rng))
            counts[place, torch.arange(total), taken[-1]] += 1
        together = torch.stack([torch.arange(total), *taken])
        assert all(len(set(column)) == 4 for column in together.T.tolist())
    off_diagonal = ~torch.eye(total, dtype=torch.bool)
    expected = 600 / (total - 1)
    assert counts[:, ~off_diagonal].max() == 0
    assert (counts[:, off_diagonal] - expected).abs().max() < 6 * expected**0.5


def test_an_other_may_come_from_behind_the_rows_that_are_asked_for():
    drawn = torch.stack([others(2, 9, [], Generator().manual_seed(seed)) for seed in range(200)])
    assert set(drawn[:, 0].tolist()) == set(range(1, 9))
    assert set(drawn[:, 1].tolist()) == set(range(9)) - {1}


def test_one_gene_always_comes_from_the_mutant():
    members, mutants = torch.zeros(500, 4), torch.ones(500, 4)
    genes = crossed(members, mutants, 0.0, Generator().manual_seed(0))
    assert (genes.sum(1) == 1).all()
    assert (genes.sum(0) > 80).all()  # each of them by chance


def test_crossover_takes_each_gene_by_itself_at_its_rate():
    genes = crossed(torch.zeros(2_000, 5), torch.ones(2_000, 5), 0.3, Generator().manual_seed(0))
    assert genes.mean().item() == pytest.approx(1 / 5 + 4 / 5 * 0.3, abs=0.02)


def test_a_candidate_as_good_as_its_member_replaces_it():
    learner = DifferentialEvolution(population=5)
    the_objective, state = begin(learner, lambda theta: 0 * theta.sum(-1) + 7, *START)
    learner.step(the_objective, state)
    before = state.members.clone()
    learner.step(the_objective, state)
    assert (state.members != before).any(1).all()


def test_all_candidates_are_made_from_the_generation_before():
    """Each of the best candidates is scored beside the old members only: nothing is replaced meanwhile."""
    learner = DifferentialEvolution(population=5)
    the_objective, state = begin(learner, sphere, *START)
    learner.step(the_objective, state)
    asked = answer(the_objective, [0.0] * 5)
    learner.step(the_objective, state)
    assert len(asked) == 1
    assert len(asked[0]) == 5


def test_a_population_of_one_point_ends_the_search():
    learner = DifferentialEvolution(population=6)
    the_objective, state = begin(learner, sphere, *START)
    while state.finished is None and state.iteration < 2_000:
        learner.step(the_objective, state)
    assert "within 1e-08" in state.finished
    assert sphere(state.theta).item() < 100


def test_the_first_members_are_scored_in_parts_where_the_budget_is_shorter():
    learner = DifferentialEvolution(population=10)
    _, state = begin(learner, sphere, *START)
    for room, scored in ((4, 4), (3, 7), (9, 10)):
        state.room = room
        candidates = learner.ask(state)
        learner.tell(state, candidates, sphere(candidates.thetas))
        assert state.scored == scored
        assert state.best == sphere(state.members[:scored]).min()
    assert state.iteration == 1


@pytest.mark.parametrize(("landscape", "D"), [(sphere, 5), (rosenbrock, 3)], ids=["sphere", "rosenbrock"])
def test_it_takes_as_many_evaluations_as_scipys_in_its_deferred_form(landscape, D):
    """With the same settings and first members; the median over 10 seeds is within 15 %."""
    settings = {"population": 20, "factor": 0.8, "crossover": 0.9}
    here = [evaluations_here(landscape, D, seed, **settings) for seed in range(10)]
    there = [evaluations_of_scipy(landscape, D, seed, **settings) for seed in range(10)]
    assert statistics.median(here) == pytest.approx(statistics.median(there), rel=0.15)


def test_by_default_it_has_ten_members_for_each_parameter_and_twenty_at_most():
    for D, expected in ((1, 10), (3, 20), (40, 20)):
        _, state = begin(DifferentialEvolution(), sphere, *[1.0] * D)
        assert len(state.members) == expected


def test_it_is_never_worse_than_the_start():
    assert fit("de", rosenbrock, START, 100).loss <= rosenbrock(torch.tensor(START))


@pytest.mark.parametrize(
    "wrong", [{"population": 3}, {"factor": 0.0}, {"crossover": 1.5}, {"tolerance": -1.0}]
)
def test_hyper_parameters_are_validated(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        DifferentialEvolution(**wrong)
