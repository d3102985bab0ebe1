"""Difference target propagation: targets, inverses and forward steps, written out with autograd of each part alone."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from nogd_local_rules.difference_target_propagation import DifferenceTargetPropagation
from small import CLASSES, begin, cosine, data, moved, network
from torch import Generator


def test_a_step_is_the_papers_update_written_out():
    inputs, labels = data()
    module = network(4, 5, 6, CLASSES)
    learner = DifferenceTargetPropagation(lr=0.5, optimizer="sgd", stride=0.4, noise=0.2)
    objective, state = begin(learner, module, inputs, labels)
    own = state.own.clone()
    before = state.theta.clone()
    rng = Generator().set_state(state.rng.get_state())
    learner.step(objective, state)

    inverse = own[:30].view(5, 6).clone().requires_grad_()
    shift = own[30:].clone().requires_grad_()

    def back(h):
        return torch.tanh(h @ inverse.T + shift)

    examples = len(inputs)
    first, second, last = module[0], module[2], module[4]
    h1 = torch.tanh(first(inputs)).detach()
    h2 = torch.tanh(second(h1)).detach().requires_grad_()
    loss = F.cross_entropy(last(h2), labels)
    loss.backward()
    target2 = (h2 - 0.4 * examples * h2.grad).detach()
    target1 = (h1 + back(target2) - back(h2)).detach()
    (((torch.tanh(first(inputs)) - target1) ** 2).sum() / examples).backward()
    (((torch.tanh(second(h1)) - target2) ** 2).sum() / examples).backward()
    near = h1 + 0.2 * torch.empty_like(h1).normal_(generator=rng)
    inverse.grad = shift.grad = None
    (((back(torch.tanh(second(near)).detach()) - near) ** 2).sum() / examples).backward()
    expected = torch.cat([p.grad.flatten() for p in module.parameters()])
    assert torch.allclose(before - state.theta, 0.5 * expected, rtol=1e-9, atol=1e-12)
    expected = torch.cat([inverse.grad.flatten(), shift.grad])
    assert torch.allclose(own - state.own, 0.5 * expected, rtol=1e-9, atol=1e-12)


def test_three_hidden_layers_keep_their_inverses_apart():
    learner = DifferenceTargetPropagation()
    objective, state = begin(learner, network(4, 5, 6, 7, CLASSES), *data())
    assert len(state.own) == 5 * 6 + 5 + 6 * 7 + 6
    before = state.own.clone()
    learner.step(objective, state)
    assert (state.own != before).all()


def test_with_one_hidden_layer_it_goes_along_the_gradient():
    module = network(4, 5, CLASSES)
    found, _, objective = moved(DifferenceTargetPropagation(lr=1.0, optimizer="sgd"), module, *data())
    _, gradient = objective.gradient(objective.space.read(module))
    hidden = slice(0, 4 * 5 + 5)
    assert cosine(found[hidden], gradient[hidden]) == pytest.approx(1)


def test_an_inverse_comes_to_undo_its_layer():
    inputs, labels = data(60)
    learner = DifferenceTargetPropagation()
    objective, state = begin(learner, network(4, 5, 8, CLASSES), inputs, labels)

    first = state.own.clone()
    for _ in range(200):
        learner.step(objective, state)
    seen = objective.activations(state.theta)
    above, below = seen[3].outputs, seen[1].outputs

    def error(own):
        inverse, shift = own[:40].view(5, 8), own[40:]
        return float((torch.tanh(above @ inverse.T + shift) - below).square().mean())

    assert error(state.own) < 0.5 * error(first)


def test_a_step_costs_its_products():
    _, _, objective = moved(DifferenceTargetPropagation(), network(4, 5, 6, CLASSES), *data())
    size = 4 * 5 + 5 * 6 + 6 * CLASSES
    assert objective.meter.forwards == pytest.approx(2 + (5 * 30 + 6 * CLASSES) / size)
