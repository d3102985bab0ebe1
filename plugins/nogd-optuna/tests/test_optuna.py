"""Optuna as a learner: the same trials as Optuna by itself, and what it refuses."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
import torch
from nogd_optuna.optuna import LARGEST, Optuna
from torch import Generator, nn

import nogd
from nogd.engine.state import from_bytes, to_bytes

SAMPLERS = ("tpe", "gp", "qmc", "random")


def objective(bounds=(-2.0, 2.0), features=3):
    module = nn.Linear(features, 1, bias=False, dtype=torch.float64)
    nn.init.constant_(module.weight, 1.5)
    eye = torch.eye(features, dtype=torch.float64)
    return nogd.objective(module, eye, torch.zeros(features, 1, dtype=torch.float64), bounds=bounds)


def begin(learner):
    made = objective()
    return made, learner.init(made, made.space.read(made.module).clone(), Generator().manual_seed(2))


def test_it_asks_for_the_trials_that_optuna_would_by_itself():
    learner = Optuna(population=2)
    made, state = begin(learner)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=state.seed))
    box = {str(k): optuna.distributions.FloatDistribution(-2, 2) for k in range(3)}
    study.enqueue_trial(dict.fromkeys(box, 1.5))
    for _ in range(15):
        trials = [study.ask(box) for _ in range(2)]
        losses = [float(np.mean(np.square(list(trial.params.values())))) for trial in trials]
        for trial, loss in zip(trials, losses, strict=True):
            study.tell(trial, loss)
        learner.step(made, state)
        assert np.allclose(state.told[-1], losses, rtol=1e-12)
    assert state.best == pytest.approx(study.best_value)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_resumed_run_ends_as_an_unbroken_one(sampler):
    learner = Optuna(sampler=sampler)
    unbroken, expected = begin(learner)
    for _ in range(3):  # gp models the trials from the tenth on, and is slow
        learner.step(unbroken, expected)
    resumed, state = objective(), from_bytes(to_bytes(expected))
    learner.step(unbroken, expected)
    learner.step(resumed, state)
    assert to_bytes(state) == to_bytes(expected)


def test_tpe_is_better_than_random_trials():
    losses = [
        nogd.fit(
            nn.Linear(3, 1, bias=False),
            torch.eye(3),
            torch.full((3, 1), 0.7),
            learner=name,
            budget=150,
            bounds=(-5, 5),
        ).loss
        for name in ("optuna", "optuna,sampler=random")
    ]
    assert losses[0] < 0.5 * losses[1]


def test_all_stay_in_the_box():
    learner = Optuna(population=20)
    made = objective(bounds=(0.5, 1.0))
    state = learner.init(made, made.space.read(made.module).clone(), Generator())
    library = learner.make(made.space, np.full(3, 1.5), 0)
    points = learner.ask(library)
    assert points.shape == (20, 3)
    assert points.min() >= 0.5
    assert points.max() <= 1.0
    learner.step(made, state)
    assert state.best < 1.5**2


def test_many_parameters_and_a_box_without_a_width_are_refused():
    assert "pycma" in (Optuna().supports(objective(features=LARGEST + 1)) or "")
    assert "width" in (Optuna().supports(objective(bounds=(1.0, 1.0))) or "")
    assert Optuna().supports(objective()) is None


def test_it_ends_after_so_many_trials():
    run = nogd.fit(nn.Linear(3, 1), torch.eye(3), torch.zeros(3, 1), learner="optuna,trials=8", budget=100)
    assert (run.status, run.reason, run.meter.forwards) == ("ok", "8 trials were made", 9)
