"""Forward-forward: its local loss, its labels, what passes from layer to layer, and whom it refuses."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from nogd_local_rules.forward_forward import ForwardForward, normalised, other_labels
from small import CLASSES, begin, data, moved, network
from torch import Generator, nn

import nogd


def test_a_step_is_the_gradient_of_each_layers_own_loss():
    inputs, labels = data()
    module = network(4, 5, 6, CLASSES, activation=nn.ReLU)
    learner = ForwardForward(lr=0.5, optimizer="sgd", threshold=0.3)
    objective, state = begin(learner, module, inputs, labels)
    known, codes = state.fixed
    wrong = other_labels(known, CLASSES, Generator().set_state(state.rng.get_state()))
    before = state.theta.clone()
    learner.step(objective, state)
    F.cross_entropy(module[4](module[:4](inputs).detach()), labels).backward()
    size = inputs.square().mean().sqrt()
    right_side, wrong_side = inputs + size * codes[known], inputs + size * codes[wrong]
    for layer in (module[0], module[2]):
        right, other = torch.relu(layer(right_side)), torch.relu(layer(wrong_side))
        edge = 0.3 * right.shape[1]
        up = torch.log1p(torch.exp(edge - right.square().sum(1))).mean()
        down = torch.log1p(torch.exp(other.square().sum(1) - edge)).mean()
        layer.zero_grad()
        (up + down).backward()
        lengths = torch.cat([right, other]).norm(dim=1).mean().detach()
        # Activities that are all zero stay zero.
        right_side = F.normalize(right.detach(), dim=1) * lengths
        wrong_side = F.normalize(other.detach(), dim=1) * lengths
    expected = torch.cat([p.grad.flatten() for p in module.parameters()])
    assert torch.allclose(before - state.theta, 0.5 * expected, rtol=1e-9, atol=1e-12)


def test_the_length_of_activities_does_not_reach_the_next_layer():
    outputs = torch.tensor([[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]])
    lengths = normalised(outputs).norm(dim=1)
    assert float(lengths[0]) == pytest.approx(float(lengths[1]))
    assert float(lengths[2]) == 0.0


def test_a_wrong_label_is_never_the_right_one_and_is_any_other():
    labels = torch.arange(3_000) % CLASSES
    rng = Generator().manual_seed(0)
    first, second = (other_labels(labels, CLASSES, rng) for _ in range(2))
    assert (first != labels).all()
    assert not torch.equal(first, second)
    others = torch.stack([(first[labels == k] == (k + 1) % CLASSES).double().mean() for k in range(CLASSES)])
    assert torch.allclose(others, torch.full_like(others, 0.5), atol=0.06)


def test_two_steps_draw_other_wrong_labels():
    learner = ForwardForward()
    objective, state = begin(learner, network(4, 5, CLASSES), *data(60))
    before = state.rng.get_state()
    learner.step(objective, state)
    assert not torch.equal(before, state.rng.get_state())


@pytest.mark.parametrize("loss", ["cross-entropy", "hinge"])
def test_it_knows_each_examples_class(loss):
    inputs, labels = data(12)
    _, state = begin(ForwardForward(), network(4, 5, CLASSES), inputs, labels, loss=loss)
    pairs = set(zip(state.fixed[0].tolist(), labels.tolist(), strict=True))
    assert len(pairs) == CLASSES


def test_two_classes_of_one_output_are_known_too():
    inputs, labels = data(12)
    targets = (labels > 0).double()[:, None]
    _, state = begin(ForwardForward(), network(4, 5, 1), inputs, targets, loss="binary-cross-entropy")
    assert len(state.fixed[1]) == 2
    assert len(set(zip(state.fixed[0].tolist(), targets.flatten().tolist(), strict=True))) == 2


def test_the_codes_of_all_labels_add_up_to_nothing():
    """So that the network sees the neutral label where it is used, without a code."""
    _, state = begin(ForwardForward(), network(4, 5, CLASSES), *data())
    codes = state.fixed[1]
    assert torch.allclose(codes.sum(0), torch.zeros(4, dtype=torch.float64), atol=1e-12)
    assert float(codes.square().mean()) == pytest.approx(1)


def test_numbers_are_refused_as_targets_and_so_is_a_single_class():
    inputs, labels = data(30)
    numbers = nogd.objective(network(4, 5, 1), inputs, inputs[:, :1], loss="mse")
    assert "classes" in (ForwardForward().supports(numbers) or "")
    same = nogd.objective(network(4, 5, CLASSES), inputs, 0 * labels, loss="cross-entropy")
    assert "one class" in (ForwardForward().supports(same) or "")


def test_a_step_costs_its_products():
    _, _, objective = moved(ForwardForward(), network(4, 5, 6, CLASSES), *data())
    hidden, last = 4 * 5 + 5 * 6, 6 * CLASSES
    assert objective.meter.forwards == pytest.approx(1 + (4 * hidden + last) / (hidden + last))


def test_goodness_comes_to_tell_right_labels_from_wrong_ones():
    inputs, _ = data(90)
    labels = (inputs[:, 0] > 0).long() + (inputs[:, 1] > 0).long()
    learner = ForwardForward()
    objective, state = begin(learner, network(4, 20, CLASSES, activation=nn.ReLU), inputs, labels)
    for _ in range(200):
        learner.step(objective, state)
    known, codes = state.fixed
    wrong = other_labels(known, CLASSES, Generator().manual_seed(9))
    layer = objective.layers[0]
    matrix, bias = state.theta[layer.weight].view(20, 4), state.theta[layer.bias]
    size = inputs.square().mean().sqrt()
    right, other = (
        torch.relu((inputs + size * codes[each]) @ matrix.T + bias).square().sum(1) for each in (known, wrong)
    )
    assert float((right > other).double().mean()) > 0.6
