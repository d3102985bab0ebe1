"""Direct feedback alignment: its update, its fixed matrices, and the angle to the gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from nogd_local_rules.dfa import Dfa
from small import (
    CLASSES,
    Changes,
    begin,
    cosines_of_hidden_layers,
    data,
    moved,
    network,
    softmax_error,
    weights,
)
from torch import nn

import nogd
from nogd.engine.state import from_bytes, to_bytes


def test_a_step_is_the_papers_update_written_out():
    inputs, labels = data()
    module = network(4, 5, 6, CLASSES)
    learner = Dfa(lr=0.5, optimizer="sgd")
    found, state, _ = moved(learner, module, inputs, labels)
    (w1, b1), (w2, b2), (w3, b3) = weights(module)
    feedback1, feedback2 = (matrix.numpy() for matrix in state.fixed)
    changes = Changes(weights(module))
    for x, label in zip(inputs.numpy(), labels.tolist(), strict=True):
        h1 = np.tanh(w1 @ x + b1)
        h2 = np.tanh(w2 @ h1 + b2)
        error = softmax_error(w3 @ h2 + b3, label)
        delta1 = (feedback1.T @ error) * (1 - h1**2)
        delta2 = (feedback2.T @ error) * (1 - h2**2)
        changes.add(0.5 / len(inputs), (delta1, delta2, error), (x, h1, h2))
    assert torch.allclose(found, changes.flat(), rtol=1e-9, atol=1e-12)


def test_the_first_step_of_adam_has_the_length_of_the_rate():
    module = network(4, 5, CLASSES)
    found, _, _ = moved(Dfa(lr=0.1), module, *data())
    assert torch.allclose(found.abs(), torch.full_like(found, 0.1), rtol=1e-3)


def test_its_matrices_are_drawn_once_and_kept_by_a_checkpoint():
    learner = Dfa()
    objective, state = begin(learner, network(4, 5, 6, CLASSES), *data())
    drawn = [matrix.clone() for matrix in state.fixed]
    for _ in range(3):
        learner.step(objective, state)
    kept = from_bytes(to_bytes(state))
    assert [matrix.shape for matrix in drawn] == [(CLASSES, 5), (CLASSES, 6)]
    assert all(map(torch.equal, drawn, state.fixed))
    assert all(map(torch.equal, drawn, kept.fixed))


def test_its_matrices_are_as_large_as_the_fan_out_says():
    _, state = begin(Dfa(), network(4, 10_000, CLASSES), *data())
    (drawn,) = state.fixed
    assert float(drawn.abs().max()) <= 0.01
    assert float(drawn.std()) == pytest.approx(0.01 / 3**0.5, rel=0.02)


@pytest.mark.parametrize("seed", range(5))
def test_the_angle_to_the_gradient_comes_below_90_degrees(seed):
    cosines = cosines_of_hidden_layers(Dfa(), seed)
    assert min(cosines[20:]) > 0
    assert sum(cosines[20:]) / 80 > 0.3  # 73 degrees


def test_a_step_costs_its_products():
    _, _, objective = moved(Dfa(), network(4, 5, 6, CLASSES), *data())
    weights_there = 4 * 5 + 5 * 6 + 6 * CLASSES
    assert objective.meter.forwards == pytest.approx(2 + CLASSES * (5 + 6) / weights_there)


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (network(4, 5, CLASSES, activation=lambda: nn.Hardtanh(9, 10)), "flat"),
        (nn.Sequential(nn.Linear(4, 5), nn.LayerNorm(5), nn.Linear(5, CLASSES)).double(), "LayerNorm"),
    ],
)
def test_what_it_cannot_learn_it_refuses(module, reason):
    learner = Dfa()
    inputs, labels = data()
    objective, _ = begin(learner, network(4, 5, CLASSES), inputs, labels)
    assert learner.supports(objective) is None
    refused = nogd.objective(module, inputs, labels, loss="cross-entropy")
    assert reason in learner.supports(refused)
