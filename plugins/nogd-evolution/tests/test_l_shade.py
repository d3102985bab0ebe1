"""L-SHADE: a generation written out slowly, what it remembers, its archive, and how its population shrinks."""

from __future__ import annotations

import math

import pytest
import torch
from driving import begin, fit, uniform
from pydantic import ValidationError
from slowly import answer, twin
from torch import Generator
from valleys import rosenbrock, sphere

from nogd_evolution.generations import others
from nogd_evolution.l_shade import ENDED, LShade, lehmer_mean, positive_cauchy

START = (1.0, -2.0, 0.5)


def test_a_generation_is_the_papers_update_written_out():
    learner = LShade(population=8, best=0.3, memory=3)
    the_objective, state = begin(learner, rosenbrock, *START)
    learner.step(the_objective, state)
    for generation in range(4):
        members, losses = state.members.tolist(), state.losses.tolist()
        archive, factors, rates = (
            state.archive[state.kept].tolist(),
            state.factors.tolist(),
            state.rates.tolist(),
        )
        rng = twin(state)
        chosen = torch.randint(3, (8,), generator=rng).tolist()
        normals = torch.empty(8, dtype=torch.float64).normal_(generator=rng).tolist()
        uniforms = torch.rand(8, generator=rng, dtype=torch.float64).tolist()
        a = others(8, 8, [], rng)
        b = others(8, 8 + len(archive), [a], rng)
        good = torch.randint(2, (8,), generator=rng).tolist()
        chances = torch.rand(8, 3, generator=rng, dtype=torch.float64).tolist()
        always = torch.randint(3, (8, 1), generator=rng).flatten().tolist()
        learner.step(the_objective, state)

        order = sorted(range(8), key=lambda k: losses[k])
        successes = []
        for i in range(8):
            CR = min(1.0, max(0.0, rates[chosen[i]] + 0.1 * normals[i]))
            below = 0.5 - math.atan(factors[chosen[i]] / 0.1) / math.pi
            level = below + (1 - below) * uniforms[i]
            F = min(1.0, factors[chosen[i]] + 0.1 * math.tan(math.pi * (level - 0.5)))
            best, other = members[order[good[i]]], (members + archive)[b[i]]
            trial = list(members[i])
            for j in range(3):
                if chances[i][j] < CR or j == always[i]:
                    trial[j] += F * (best[j] - trial[j]) + F * (members[a[i]][j] - other[j])
            loss = rosenbrock(torch.tensor(trial, dtype=torch.float64)).item()
            kept = trial if loss <= losses[i] else members[i]
            assert state.members[i].tolist() == pytest.approx(kept, rel=1e-9)
            if loss < losses[i]:
                successes.append((losses[i] - loss, F, CR))
                archive.append(members[i])
        assert successes
        gain = sum(g for g, _, _ in successes)
        for values, number in ((factors, 1), (rates, 2)):
            top = sum(each[0] / gain * each[number] ** 2 for each in successes)
            values[generation % 3] = top / sum(each[0] / gain * each[number] for each in successes)
        assert state.factors.tolist() == pytest.approx(factors, rel=1e-9)
        assert state.rates.tolist() == pytest.approx(rates, rel=1e-9)
        assert state.archive[state.kept].flatten().tolist() == pytest.approx(
            [value for point in archive for value in point]
        )


def test_factors_are_cauchy_draws_as_if_those_below_zero_were_drawn_again():
    rng = Generator().manual_seed(0)
    uniform_draws = torch.rand(100_000, generator=rng, dtype=torch.float64)
    drawn = positive_cauchy(torch.full((100_000,), 0.05), uniform_draws)
    assert drawn.min() >= -1e-12
    plain = 0.05 + 0.1 * torch.tan(math.pi * (torch.rand(400_000, generator=rng, dtype=torch.float64) - 0.5))
    again = plain[plain > 0]
    for share in (0.1, 0.5, 0.9):
        assert drawn.quantile(share).item() == pytest.approx(again[:100_000].quantile(share).item(), rel=0.05)


@pytest.mark.parametrize("level", [0.0, 1 - 2**-53])
def test_the_ends_of_the_distribution_are_no_negative_factors(level):
    drawn = positive_cauchy(torch.tensor([0.5, 1.0, 0.0]), torch.full((3,), level, dtype=torch.float64))
    assert (drawn >= -1e-12).all()


def test_what_gained_more_weighs_more_and_large_factors_do():
    assert lehmer_mean(torch.tensor([0.2, 0.8]), torch.tensor([1.0, 1.0])).item() == pytest.approx(0.68)
    assert lehmer_mean(torch.tensor([0.2, 0.8]), torch.tensor([1.0, 0.0])).item() == pytest.approx(0.2)


def test_a_rate_that_ended_at_zero_stays_so():
    learner = LShade(population=6, memory=1)
    the_objective, state = begin(learner, sphere, *START)
    learner.step(the_objective, state)
    state.rates.fill_(ENDED)
    for _ in range(5):
        learner.step(the_objective, state)
        assert state.CR.tolist() == [0.0] * 6
        assert state.rates.item() == ENDED


def test_a_member_that_had_no_loss_is_replaced_without_breaking_what_is_remembered():
    learner = LShade(population=6)
    the_objective, state = begin(learner, sphere, *START)
    answer(the_objective, [3.0, math.inf, math.inf, 2.0, 5.0, 4.0])
    learner.step(the_objective, state)
    answer(the_objective, [1.0, 1.0, math.inf, 1.0, 9.0, 9.0])
    learner.step(the_objective, state)
    assert state.factors.isfinite().all()
    assert state.rates.isfinite().all()
    assert state.losses.tolist() == [1.0, 1.0, math.inf, 1.0, 5.0, 4.0]


def test_the_population_falls_linearly_to_four_over_the_budget_and_the_worst_leave():
    learner = LShade(population=40)
    assert fit(learner, sphere, START, 1_000).meter.forwards == 1_000
    the_objective, state = begin(learner, sphere, *START)
    state.total = 1_000
    while state.spent < 1_000 and state.finished is None:
        best = state.losses.min()
        learner.step(the_objective, state)
        if state.iteration > 1:
            assert len(state.members) == round(40 - 36 * min(1, state.spent / 1_000))
        assert state.losses.min() <= best
        assert len(state.kept) <= round(2.6 * len(state.members))
    assert len(state.members) == 4


def test_without_an_end_to_the_budget_the_population_stays():
    learner = LShade(population=10)
    the_objective, state = begin(learner, sphere, *START)
    assert state.total == 0
    for _ in range(20):
        learner.step(the_objective, state)
    assert len(state.members) == 10


def test_it_comes_to_the_floor_of_the_sphere_and_through_a_valley():
    assert fit("l-shade,population=30", sphere, uniform(5, 4.0, 0), 2_000).loss < 1e-4
    assert fit("l-shade,population=30", rosenbrock, uniform(5, 4.0, 0), 4_000).loss < 1


@pytest.mark.parametrize("wrong", [{"population": 3}, {"best": 0.0}, {"archive": -1.0}, {"memory": 0}])
def test_hyper_parameters_are_validated(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        LShade(**wrong)
