"""PEPITA: its update with two passes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from nogd_local_rules.pepita import Pepita
from small import CLASSES, Changes, begin, data, moved, network, softmax_error, weights


def test_a_step_is_the_papers_update_written_out():
    inputs, labels = data()
    module = network(4, 5, 6, CLASSES)
    found, state, _ = moved(Pepita(lr=0.5, optimizer="sgd"), module, inputs, labels)
    (w1, b1), (w2, b2), (w3, b3) = weights(module)
    feedback = state.fixed[0].numpy()

    def passed(x):
        h1 = np.tanh(w1 @ x + b1)
        h2 = np.tanh(w2 @ h1 + b2)
        return h1, h2, w3 @ h2 + b3

    changes = Changes(weights(module))
    for x, label in zip(inputs.numpy(), labels.tolist(), strict=True):
        h1, h2, out = passed(x)
        again = x + feedback.T @ softmax_error(out, label)
        k1, k2, out_again = passed(again)
        deltas = h1 - k1, h2 - k2, softmax_error(out_again, label)
        changes.add(0.5 / len(inputs), deltas, (again, k1, k2))
    assert torch.allclose(found, changes.flat(), rtol=1e-9, atol=1e-12)


def test_its_matrix_is_drawn_once_and_as_large_as_told():
    learner = Pepita()
    objective, state = begin(learner, network(600, 5, CLASSES), *data(6, 600))
    drawn = state.fixed[0].clone()
    for _ in range(3):
        learner.step(objective, state)
    assert torch.equal(drawn, state.fixed[0])
    assert drawn.shape == (CLASSES, 600)
    assert float(drawn.std()) == pytest.approx(0.05 * (6 / 600) ** 0.5 / 3**0.5, rel=0.05)


def test_a_step_costs_its_products():
    _, _, objective = moved(Pepita(), network(4, 5, CLASSES), *data())
    assert objective.meter.forwards == pytest.approx(3 + 4 * CLASSES / (4 * 5 + 5 * CLASSES))
