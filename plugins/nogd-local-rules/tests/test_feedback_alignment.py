"""Feedback alignment: its update, its fixed matrices, and the angle to the gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from nogd_local_rules.feedback_alignment import FeedbackAlignment
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


def test_a_step_is_the_papers_update_written_out():
    inputs, labels = data()
    module = network(4, 5, 6, CLASSES)
    found, state, _ = moved(FeedbackAlignment(lr=0.5, optimizer="sgd"), module, inputs, labels)
    (w1, b1), (w2, b2), (w3, b3) = weights(module)
    feedback2, feedback3 = (matrix.numpy() for matrix in state.fixed)
    changes = Changes(weights(module))
    for x, label in zip(inputs.numpy(), labels.tolist(), strict=True):
        h1 = np.tanh(w1 @ x + b1)
        h2 = np.tanh(w2 @ h1 + b2)
        error = softmax_error(w3 @ h2 + b3, label)
        delta2 = (feedback3.T @ error) * (1 - h2**2)
        delta1 = (feedback2.T @ delta2) * (1 - h1**2)
        changes.add(0.5 / len(inputs), (delta1, delta2, error), (x, h1, h2))
    assert torch.allclose(found, changes.flat(), rtol=1e-9, atol=1e-12)


def test_with_the_transposed_weights_it_would_be_back_propagation():
    inputs, labels = data()
    module = network(4, 5, 6, CLASSES)
    learner = FeedbackAlignment(lr=1.0, optimizer="sgd")
    objective, state = begin(learner, module, inputs, labels)
    _, (w2, _), (w3, _) = weights(module)
    state.fixed = [torch.from_numpy(w2), torch.from_numpy(w3)]
    before = state.theta.clone()
    _, gradient = objective.gradient(before)
    learner.step(objective, state)
    assert torch.allclose(before - state.theta, gradient, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_the_angle_to_the_gradient_comes_below_90_degrees(seed):
    cosines = cosines_of_hidden_layers(FeedbackAlignment(), seed)
    assert min(cosines[20:]) > 0
    assert sum(cosines[20:]) / 80 > 0.2  # 78 degrees


def test_a_step_costs_what_a_gradient_does():
    _, _, objective = moved(FeedbackAlignment(), network(4, 5, 6, CLASSES), *data())
    assert objective.meter.forwards == pytest.approx(objective.gradient_cost)


def test_its_matrices_are_drawn_once():
    learner = FeedbackAlignment()
    objective, state = begin(learner, network(4, 5, 6, CLASSES), *data())
    drawn = [matrix.clone() for matrix in state.fixed]
    for _ in range(3):
        learner.step(objective, state)
    assert [matrix.shape for matrix in drawn] == [(6, 5), (CLASSES, 6)]
    assert all(map(torch.equal, drawn, state.fixed))
