"""Mono-Forward: its local losses, written out by autograd of each layer alone."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from nogd_local_rules.mono_forward import MonoForward
from small import CLASSES, begin, data, moved, network


def test_a_step_is_the_gradient_of_each_layers_own_loss():
    inputs, labels = data()
    module = network(4, 5, 6, CLASSES)
    learner = MonoForward(lr=0.5, optimizer="sgd")
    objective, state = begin(learner, module, inputs, labels)
    projection = state.own.clone().view(CLASSES, 5).requires_grad_()
    before, own = state.theta.clone(), state.own.clone()
    learner.step(objective, state)
    first, second, last = module[0], module[2], module[4]
    below = torch.tanh(first(inputs))
    F.cross_entropy(below @ projection.T, labels).backward()
    F.cross_entropy(last(torch.tanh(second(below.detach()))), labels).backward()
    expected = torch.cat([p.grad.flatten() for p in module.parameters()])
    assert torch.allclose(before - state.theta, 0.5 * expected, rtol=1e-9, atol=1e-12)
    assert torch.allclose(own - state.own, 0.5 * projection.grad.flatten(), rtol=1e-9, atol=1e-12)


def test_with_one_hidden_layer_it_is_gradient_descent():
    module = network(4, 5, CLASSES)
    found, _, objective = moved(MonoForward(lr=1.0, optimizer="sgd"), module, *data())
    _, gradient = objective.gradient(objective.space.read(module))
    assert torch.allclose(found, gradient, rtol=1e-9, atol=1e-12)


def test_nothing_of_the_error_passes_from_one_layer_to_the_one_below():
    inputs, labels = data()
    ends = []
    for seed in (1, 2):  # other weights above
        module = network(4, 5, 6, CLASSES)
        upper = network(4, 5, 6, CLASSES, seed=seed)
        module[2], module[4] = upper[2], upper[4]
        found, _, objective = moved(MonoForward(optimizer="sgd"), module, inputs, labels)
        ends.append(found[objective.layers[0].weight])
    assert torch.equal(ends[0], ends[1])


def test_a_step_costs_its_products():
    _, _, objective = moved(MonoForward(), network(4, 5, 6, CLASSES), *data())
    size = 4 * 5 + 5 * 6 + 6 * CLASSES
    assert objective.meter.forwards == pytest.approx(2 + (3 * 5 * CLASSES + 6 * CLASSES) / size)


def test_the_projections_learn_too():
    learner = MonoForward()
    objective, state = begin(learner, network(4, 5, 6, CLASSES), *data())
    before = state.own.clone()
    for _ in range(3):
        learner.step(objective, state)
    assert (state.own != before).all()
