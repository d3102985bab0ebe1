"""Guess and check: fresh guesses, and the first that fits is the answer."""

from __future__ import annotations

import statistics

import pytest
import torch
from driving import begin, fit
from pydantic import ValidationError
from torch import Generator

from nogd_local.guess_and_check import GuessAndCheck


def corner(theta):
    """An eighth of the box (-5, 5) fits; there the loss differs from place to place."""
    return torch.where((theta > 0).all(), -theta.sum(), 1.0)


def test_the_first_that_fits_is_accepted_though_later_ones_of_its_population_are_better():
    learner = GuessAndCheck(population=64)
    the_objective, state = begin(learner, corner, -1.0, -1.0, -1.0, seed=3)
    guesses = the_objective.space.sample(64, Generator().manual_seed(3))
    fitting = (guesses > 0).all(1).nonzero()[:, 0]
    learner.step(the_objective, state)
    assert state.finished == "a guess has a loss of at most 0"
    assert state.theta.equal(guesses[fitting[0]])
    assert state.loss > min(corner(guess).item() for guess in guesses)


def test_guesses_are_drawn_afresh_and_do_not_start_from_the_last():
    learner = GuessAndCheck(population=4)
    the_objective, state = begin(learner, lambda theta: 10 - theta[0], 0.0, 0.0)
    rng = Generator().manual_seed(0)
    drawn = [the_objective.space.sample(4, rng) for _ in range(3)]
    for _ in range(3):
        learner.step(the_objective, state)
    everything = torch.cat(drawn)
    assert state.theta.equal(everything[everything[:, 0].argmax()])  # until one fits, the best is recommended


def test_it_takes_about_one_guess_for_each_share_of_networks_that_fit():
    needed = [
        fit("guess-and-check,population=1", corner, (-1.0,) * 3, 1_000, seed).meter.evaluations
        for seed in range(200)
    ]
    assert statistics.mean(needed) == pytest.approx(8 + 1, rel=0.15)  # and one for the start


def test_a_start_that_fits_is_accepted():
    run = fit("guess-and-check", corner, (1.0, 1.0, 1.0), 100)
    assert (run.status, run.meter.evaluations, run.theta.tolist()) == ("ok", 1, [1.0, 1.0, 1.0])


def test_scale_is_a_box_of_its_own():
    run = fit("guess-and-check,scale=0.5", lambda theta: 100 - theta.sum(), (0.0, 0.0), 2_000)
    assert run.theta.min() > 0.45
    assert run.theta.max() <= 0.5


def test_the_threshold_says_what_fits():
    run = fit("guess-and-check,threshold=20", lambda theta: theta.square().sum(), (4.0, 4.0), 2_000)
    assert (run.status, run.loss <= 20) == ("ok", True)


@pytest.mark.parametrize("wrong", [{"threshold": float("nan")}, {"scale": 0.0}, {"population": 0}])
def test_hyper_parameters_are_validated(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        GuessAndCheck(**wrong)
