"""Each layer against a slow, obvious way to compute it; surrogates give the same values, and a gradient."""

from __future__ import annotations

import math

import pytest
import torch
from nogd_no_gradient import layers
from torch import Tensor, nn


def rows(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# Name: layer by surrogate, its inputs, and the parameters before the step.
LAYERS = {
    "few-valued": (
        lambda surrogate: layers.FewValuedLinear(6, 5, values=3, surrogate=surrogate),
        (rows(7, 6),),
        ["weight"],
    ),
    "lookup": (
        lambda surrogate: layers.HardLookup(3, 2, surrogate=surrogate),
        (rows(7, 3), rows(7, 4, 3, seed=1), rows(7, 4, 2, seed=2)),
        ["query.weight", "key.weight"],
    ),
    "tree": (
        lambda surrogate: layers.HardTree(3, 2, surrogate=surrogate),
        (rows(7, 3),),
        ["nodes.weight", "nodes.bias"],
    ),
    "spiking": (
        lambda surrogate: layers.SpikingRows(4, 3, 5, surrogate=surrogate),
        (rows(7, 12),),
        ["current.weight", "current.bias"],
    ),
}


def made(name: str, surrogate: bool) -> nn.Module:
    torch.manual_seed(0)
    return LAYERS[name][0](surrogate)


@pytest.mark.parametrize("name", LAYERS)
def test_a_surrogate_changes_no_value(name):
    inputs = LAYERS[name][1]
    torch.testing.assert_close(made(name, True)(*inputs), made(name, False)(*inputs), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_only_a_surrogate_lets_a_gradient_through_to_what_is_stepped(name):
    _, inputs, watched = LAYERS[name]
    for surrogate in (False, True):
        layer = made(name, surrogate)
        outputs = layer(*inputs)
        weights = torch.arange(outputs.numel()).view_as(outputs).float()
        named = [layer.get_parameter(each) for each in watched]
        if outputs.requires_grad:
            slopes = torch.autograd.grad((weights * outputs).sum(), named, allow_unused=True)
        else:
            slopes = [None] * len(named)
        assert [each is not None and bool(each.abs().sum() > 0) for each in slopes] == [surrogate] * len(
            named
        )


@pytest.mark.parametrize("name", LAYERS)
def test_many_networks_can_be_called_at_once(name):
    """As the engine does, by vmap over the parameters."""
    layer, inputs = made(name, False), LAYERS[name][1]
    named = {key: torch.stack([value, value + 0.3]).detach() for key, value in layer.named_parameters()}
    at_once = torch.func.vmap(lambda each: torch.func.functional_call(layer, each, inputs))(named)
    for number in range(2):
        one = torch.func.functional_call(layer, {key: value[number] for key, value in named.items()}, inputs)
        torch.testing.assert_close(at_once[number], one)


@pytest.mark.parametrize("values", [3, 15, 255])
def test_weights_take_so_many_values_equally_often_at_the_start(values):
    torch.manual_seed(0)
    layer = layers.FewValuedLinear(100, 400, values=values, surrogate=False)
    columns = (layer(torch.eye(100)) - layer(torch.zeros(1, 100))).detach() * 10
    found, counts = columns.mul(10_000).round().unique(return_counts=True)
    assert len(found) == values
    assert float(counts.float().std()) < 3 * math.sqrt(40_000 / values)
    assert float(columns.amax()) == pytest.approx(1.5 * (values // 2) / (values / 2), abs=1e-3)


def test_of_three_values_they_are_minus_1_0_and_1():
    layer = layers.FewValuedLinear(4, 1, values=3, surrogate=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[-7.0, -0.4, 0.4, 0.6]]))
        layer.bias.zero_()
    found = layer(torch.eye(4)).flatten().tolist()
    assert [each * 2 for each in found] == [-1, 0, 0, 1]


def test_an_example_goes_down_the_tree_to_one_leaf():
    torch.manual_seed(0)
    tree = layers.HardTree(2, 3)
    inputs = rows(20, 2)
    found = tree(inputs).flatten().tolist()
    for row, number in zip(inputs, found, strict=True):
        node = 0
        for _ in range(3):
            right = bool(tree.nodes.weight[node] @ row + tree.nodes.bias[node] > 0)
            node = 2 * node + 1 + right
        assert number == pytest.approx(tree.leaves.weight[0, node - 7].item())
    assert len({round(each, 6) for each in found}) > 3


def test_the_record_that_fits_best_answers():
    torch.manual_seed(0)
    layer = layers.HardLookup(3, 2, surrogate=False)
    asked, features, values = LAYERS["lookup"][1]
    for row, (question, keys, answers) in zip(
        layer(asked, features, values), zip(asked, features, values, strict=True), strict=True
    ):
        scores = [float((layer.query(question) @ layer.key(key)).detach()) for key in keys]
        assert torch.equal(row, answers[scores.index(max(scores))])


def test_a_neuron_charges_leaks_spikes_starts_again_and_hears_the_others():
    torch.manual_seed(0)
    layer = layers.SpikingRows(4, 3, 5, surrogate=False)
    with torch.no_grad():
        layer.current.weight.mul_(3)
    weight, bias = layer.current.weight.tolist(), layer.current.bias.tolist()
    images = rows(6, 12)
    rates = layer(images).tolist()
    for image, found in zip(images.tolist(), rates, strict=True):
        potential, spiked, total = [0.0] * 5, [0.0] * 5, [0] * 5
        for step in range(4):
            seen = image[3 * step : 3 * step + 3] + spiked
            current = [sum(w * s for w, s in zip(weight[n], seen, strict=True)) + bias[n] for n in range(5)]
            potential = [0.9 * p * (1 - s) + c for p, s, c in zip(potential, spiked, current, strict=True)]
            spiked = [float(p >= 1) for p in potential]
            total = [t + int(s) for t, s in zip(total, spiked, strict=True)]
        assert found == pytest.approx([each / 4 for each in total])
    assert 0 < sum(map(sum, rates)) < 30


def test_a_sign_has_no_gradient():
    inputs = rows(3, 4).requires_grad_()
    outputs = layers.Sign()(inputs)
    assert torch.equal(outputs, torch.where(inputs > 0, 1.0, -1.0))
    assert not torch.autograd.grad(outputs.sum(), inputs)[0].any()
