"""Each layer against a slow, obvious way to compute it; surrogates give the same values, and a gradient."""

from __future__ import annotations

import math

import pytest
import torch
from nogd_images import networks
from torch import Tensor, nn


def rows(count: int, size: int, seed: int = 0) -> Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed))


LAYERS = {
    "sign": lambda surrogate: networks.Sign(surrogate=surrogate),
    "staircase": lambda surrogate: networks.Staircase(surrogate=surrogate),
    "chosen": lambda surrogate: networks.Chosen(surrogate=surrogate),
    "spiking": lambda surrogate: networks.LeakyIntegrateAndFire(surrogate=surrogate),
    "int8": lambda surrogate: networks.RoundedLinear(16, 5, surrogate=surrogate),
    "attention": lambda surrogate: networks.HardAttention(4, 2, 3, surrogate=surrogate),
    "mixture": lambda surrogate: networks.HardMixture(16, 3, 2, surrogate=surrogate),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_surrogate_changes_no_value(name):
    torch.manual_seed(0)
    hard = LAYERS[name](False)
    smooth = LAYERS[name](True)
    smooth.load_state_dict(hard.state_dict())
    inputs = rows(7, 16)
    torch.testing.assert_close(smooth(inputs), hard(inputs), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_only_a_surrogate_lets_a_gradient_through_to_what_is_stepped(name):
    def reaches(surrogate: bool) -> list[bool]:
        torch.manual_seed(0)
        layer = LAYERS[name](surrogate)
        inputs = rows(7, 16).requires_grad_()
        watched = {
            "int8": lambda: [layer.weight, layer.bias],
            "attention": lambda: [layer.query.weight, layer.key.weight],
            "mixture": lambda: [layer.gate.weight],
        }.get(name, lambda: [inputs])()
        outputs = layer(inputs)
        if not outputs.requires_grad:
            return [False] * len(watched)
        weights = torch.arange(outputs.numel()).view_as(outputs).float()
        slopes = torch.autograd.grad((weights * outputs).sum(), watched, allow_unused=True)
        return [each is not None and bool(each.abs().sum() > 0) for each in slopes]

    assert not any(reaches(False))
    assert all(reaches(True))


def test_the_gradient_of_a_surrogate_is_that_of_the_smooth_function():
    inputs = rows(3, 5).requires_grad_()
    networks.Staircase(surrogate=True)(inputs).sum().backward()
    s = inputs.detach().sigmoid()
    torch.testing.assert_close(inputs.grad, s * (1 - s))


def test_a_staircase_rounds_the_sigmoid_down():
    inputs = rows(4, 6)
    found = networks.Staircase(levels=5, surrogate=False)(inputs)
    expected = [[math.floor(5 / (1 + math.exp(-x))) / 5 for x in row] for row in inputs.tolist()]
    torch.testing.assert_close(found, torch.tensor(expected))


def test_rounded_weights_are_multiples_of_a_step_in_8_bits():
    torch.manual_seed(0)
    layer = networks.RoundedLinear(16, 5, surrogate=False)
    with torch.no_grad():
        layer.weight.mul_(20)
    units = torch.eye(16)
    columns = ((layer(units) - layer(torch.zeros(1, 16))) / layer.STEP).detach()
    torch.testing.assert_close(columns, columns.round(), rtol=0, atol=1e-3)
    assert float(columns.abs().amax()) == pytest.approx(127, abs=1e-3)
    expected = (layer.weight / layer.STEP).round().clamp(-127, 127).T
    torch.testing.assert_close(columns, expected.detach(), rtol=0, atol=1e-3)


def test_the_first_of_equal_scores_is_chosen():
    found = networks.Chosen(surrogate=False)(torch.tensor([[1.0, 3.0, 3.0], [2.0, 1.0, 0.0]]))
    assert found.tolist() == [[0, 1, 0], [1, 0, 0]]


def test_each_patch_takes_the_value_of_the_one_that_fits_best():
    torch.manual_seed(0)
    layer = networks.HardAttention(side=4, size=2, features=3, surrogate=False)
    images = rows(5, 16)
    layer.requires_grad_(False)
    found = layer(images)
    for image, row in zip(images.view(5, 4, 4), found, strict=True):
        patches = [image[a : a + 2, b : b + 2].flatten() for a in (0, 2) for b in (0, 2)]
        expected = []
        for patch in patches:
            query = layer.query(patch)
            scores = [float(query @ layer.key(each)) for each in patches]
            expected.append(layer.value(patches[scores.index(max(scores))]))
        torch.testing.assert_close(row, torch.cat(expected))


def test_one_expert_is_asked():
    torch.manual_seed(0)
    layer = networks.HardMixture(inputs=6, experts=3, units=2, surrogate=False)
    for row in rows(8, 6):
        found = layer(row[None])[0]
        best = int(layer.gate(row).argmax())
        expected = torch.zeros(6)
        weight, bias = (
            layer.hidden.weight[2 * best : 2 * best + 2],
            layer.hidden.bias[2 * best : 2 * best + 2],
        )
        expected[2 * best : 2 * best + 2] = (weight @ row + bias).relu()
        torch.testing.assert_close(found, expected)


def test_a_neuron_charges_leaks_spikes_and_starts_again():
    layer = networks.LeakyIntegrateAndFire(steps=10, decay=0.9, surrogate=False)
    for current in (-1.0, 0.05, 0.11, 0.3, 0.6, 1.0, 5.0):
        potential, spikes = 0.0, 0
        for _ in range(10):
            potential = 0.9 * potential + current
            if potential >= 1:
                spikes, potential = spikes + 1, 0.0
        assert float(layer(torch.tensor([[current]]))) == pytest.approx(spikes / 10)


@pytest.mark.parametrize("name", LAYERS)
def test_many_networks_can_be_called_at_once(name):
    """As the engine does, by vmap over the parameters."""
    torch.manual_seed(0)
    layer = nn.Sequential(LAYERS[name](False))
    named = {key: torch.stack([value, value + 0.3]) for key, value in layer.named_parameters()}
    inputs = rows(4, 16)
    if not named:
        return
    at_once = torch.func.vmap(lambda each: torch.func.functional_call(layer, each, inputs))(
        {key: value.detach() for key, value in named.items()}
    )
    for number in range(2):
        one = torch.func.functional_call(layer, {key: value[number] for key, value in named.items()}, inputs)
        torch.testing.assert_close(at_once[number], one)
