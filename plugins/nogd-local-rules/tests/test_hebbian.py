"""Hebbian learning: both rules, what they converge to, and the readout."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from nogd_local_rules.hebbian import Hebbian
from small import CLASSES, begin, data, flat, moved, network, softmax_error, weights
from torch import Generator, nn


def soft_wta(x, w, u):
    """SoftHebb for one layer and all examples, summed; a loop for each example and unit."""
    change = np.zeros_like(w)
    for example, sums in zip(x, u, strict=True):
        y = np.exp(sums - sums.max())
        y /= y.sum()
        winner = int(np.argmax(sums))
        for unit in range(len(w)):
            sign = 1 if unit == winner else -1
            change[unit] += sign * y[unit] * (example - sums[unit] * w[unit])
    change /= np.abs(change).max()
    return change * np.sqrt(np.abs(np.linalg.norm(w, axis=1) - 1))[:, None]


def oja(x, w, u):
    """The subspace rule, a mean over the examples, relative to the mean square of their length."""
    return sum(np.outer(y, example - w.T @ y) for example, y in zip(x, u, strict=True)) / (x**2).sum()


@pytest.mark.parametrize("rule", [soft_wta, oja])
def test_a_step_is_the_papers_update_written_out(rule):
    inputs, labels = data()
    module = network(4, 5, 6, CLASSES)
    name = "oja" if rule is oja else "soft-wta"
    found, _, _ = moved(Hebbian(rule=name, rate=0.2, lr=0.5, optimizer="sgd"), module, inputs, labels)
    (w1, b1), (w2, b2), (w3, b3) = weights(module)
    x = inputs.numpy()
    u1 = x @ w1.T + b1
    h1 = np.tanh(u1)
    u2 = h1 @ w2.T + b2
    h2 = np.tanh(u2)
    errors = [
        softmax_error(w3 @ h + b3, label) / len(x) for h, label in zip(h2, labels.tolist(), strict=True)
    ]
    last = sum(np.outer(error, h) for error, h in zip(errors, h2, strict=True)), sum(errors)
    changes = [
        (-0.2 * rule(x - x.mean(0), w1, u1 - u1.mean(0)), 0.2 * u1.mean(0)),
        (-0.2 * rule(h1 - h1.mean(0), w2, u2 - u2.mean(0)), 0.2 * u2.mean(0)),
        (0.5 * last[0], 0.5 * last[1]),
    ]
    assert torch.allclose(found, flat(changes), rtol=1e-9, atol=1e-12)


def test_ojas_rule_finds_the_directions_in_which_inputs_vary_most():
    rng = Generator().manual_seed(0)
    inputs = (
        torch.randn(300, 5, generator=rng, dtype=torch.float64) * torch.tensor([2.0, 1.5, 0.5, 0.3, 0.1]) + 3
    )
    labels = torch.arange(300) % CLASSES
    module = network(5, 2, CLASSES)
    learner = Hebbian(rule="oja", rate=0.5)
    objective, state = begin(learner, module, inputs, labels)
    for _ in range(400):
        learner.step(objective, state)
    matrix = state.theta[objective.layers[0].weight].view(2, 5)
    _, directions = torch.linalg.eigh(inputs.T.cov())
    projection = directions[:, -2:] @ directions[:, -2:].T
    assert torch.allclose(matrix.T @ matrix, projection, atol=1e-3)


def test_soft_winner_take_all_brings_the_lengths_of_weights_to_one():
    inputs, labels = data(200, seed=4)
    learner = Hebbian(rate=0.1)
    objective, state = begin(learner, network(4, 6, CLASSES), inputs, labels)
    first = objective.layers[0].weight
    before = (state.theta[first].view(6, 4).norm(dim=1) - 1).abs().mean()
    for _ in range(300):
        learner.step(objective, state)
    after = (state.theta[first].view(6, 4).norm(dim=1) - 1).abs().mean()
    assert after < 0.3 * before


def test_hidden_layers_never_see_the_labels():
    inputs, labels = data(30)
    module = network(4, 5, CLASSES)
    hidden = slice(0, 4 * 5 + 5)
    ends = []
    for targets in (labels, labels.flip(0)):
        learner = Hebbian()
        objective, state = begin(learner, module, inputs, targets)
        for _ in range(5):
            learner.step(objective, state)
        ends.append(state.theta)
    assert torch.equal(ends[0][hidden], ends[1][hidden])
    assert not torch.equal(ends[0], ends[1])


@pytest.mark.parametrize(("rule", "further"), [("soft-wta", 0), ("oja", 5 * 5)])
def test_a_step_costs_its_products(rule, further):
    _, _, objective = moved(Hebbian(rule=rule), network(4, 5, CLASSES), *data())
    assert objective.meter.forwards == pytest.approx(2 + further / (4 * 5 + 5 * CLASSES))


def test_it_takes_flat_activations():
    class Step(nn.Module):
        elementwise = True

        def forward(self, x):
            return x.sign()

    learner = Hebbian()
    objective, _ = begin(learner, network(4, 5, CLASSES, activation=Step), *data())
    assert learner.supports(objective) is None
