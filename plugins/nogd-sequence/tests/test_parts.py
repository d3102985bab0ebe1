"""The text and its bigrams, the GRU and the transformer, against slow, obvious ways to compute them."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import torch
from nogd_sequence import bits, gru, majority, text
from torch import nn


def test_the_windows_are_cut_from_parts_of_the_text_that_follow_each_other():
    numbers, kinds = text.text()
    assert (len(numbers), kinds) == (299_968, 94)
    whole = bytes(numbers.tolist())
    rows = text.windows()
    assert [tuple(each.shape) for each in rows] == [(4_000, 7), (1_000, 7), (1_000, 7)]
    ends = [0, round(0.7 * len(whole)), round(0.85 * len(whole)), len(whole)]
    for part, begin, end in zip(rows, ends, ends[1:], strict=False):
        for row in part[:50].tolist():
            assert whole.find(bytes(row), begin, end) >= 0


def test_no_window_is_in_two_parts():
    train, validation, test = ({tuple(row) for row in part.tolist()} for part in text.windows())
    assert not train & validation
    assert not (train | validation) & test


def test_the_text_is_what_its_licence_says():
    read = text.files("nogd_sequence")
    words = read.joinpath("text.txt").read_text("ascii")
    assert words.startswith("Execution model\n")
    assert "\nCompound statements\n" in words
    licence = read.joinpath("LICENSE-text.txt").read_text()
    assert "PYTHON SOFTWARE FOUNDATION LICENSE VERSION 2" in licence
    assert "Copyright (c)\n2001-2023 Python Software Foundation; All Rights Reserved" in licence


def test_a_bigram_counts_pairs():
    train = torch.tensor([[0, 1, 2], [0, 1, 1], [0, 1, 2], [0, 2, 0]])
    found = text.bigram(train, torch.tensor([1, 2, 0]), kinds=3)
    single = Counter(row[-1] for row in train.tolist())
    share = [(single[kind] + 0.5) / (len(train) + 1.5) for kind in range(3)]
    assert text.unigram(train, 3).tolist() == pytest.approx(share)
    for row, seen in zip(found.tolist(), (1, 2, 0), strict=True):
        pairs = [sum(1 for r in train.tolist() if r[-2:] == [seen, kind]) for kind in range(3)]
        weights = [pair + 0.9 * part for pair, part in zip(pairs, share, strict=True)]
        assert row == pytest.approx([each / sum(weights) for each in weights], abs=1e-6)


def test_bits_are_minus_the_mean_logarithm_to_base_2():
    scores = torch.tensor([[0.0, 0.0], [math.log(3), 0.0]])
    assert bits.BITS(scores, torch.tensor([1, 0])) == pytest.approx((1 - math.log2(0.75)) / 2)


def test_the_gru_is_torch_s():
    torch.manual_seed(0)
    ours, theirs = gru.Gru(kinds=9, features=4, units=5, linear=nn.Linear), nn.GRU(4, 5, batch_first=True)
    with torch.no_grad():
        reset_and_kept, both = ours.gates, ours.gates.bias / 2
        theirs.weight_ih_l0.copy_(torch.cat([reset_and_kept.weight[:, :4], ours.new.weight]))
        theirs.weight_hh_l0.copy_(torch.cat([reset_and_kept.weight[:, 4:], ours.old.weight]))
        theirs.bias_ih_l0.copy_(torch.cat([both, ours.new.bias]))
        theirs.bias_hh_l0.copy_(torch.cat([both, ours.old.bias]))
    numbers = torch.randint(9, (6, 7), generator=torch.Generator().manual_seed(0))
    expected = ours.last(theirs(ours.table(numbers))[0][:, -1])
    torch.testing.assert_close(ours(numbers), expected)


def test_rounded_weights_are_multiples_of_a_step_in_8_bits():
    layer = gru.RoundedLinear(3, 1, surrogate=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[0.012, -5.0, 5.0]]))
        layer.bias.zero_()
    assert (layer(torch.eye(3)) * 64).flatten().tolist() == [1, -127, 127]


@pytest.mark.parametrize("surrogate", [False, True])
def test_only_a_surrogate_lets_a_gradient_through(surrogate):
    layer = gru.RoundedLinear(3, 2, surrogate=surrogate)
    outputs = layer(torch.ones(4, 3))
    (slope,) = torch.autograd.grad(outputs.sum(), layer.weight, allow_unused=True)
    assert (slope is not None and bool(slope.any())) == surrogate


def test_the_most_frequent_symbol_is_the_only_one():
    rows, targets = majority.Symbols().load()
    assert rows.shape == (1_500, 12)
    for row, target in zip(rows[:100].tolist(), targets[:100].tolist(), strict=True):
        (first, most), *others = Counter(row).most_common()
        assert first == target
        assert all(count < most for _, count in others)


def test_a_transformer_sees_symbols_in_any_order():
    torch.manual_seed(0)
    network = majority.Transformer(8)
    rows = torch.randint(4, (5, 12), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(network(rows), network(rows.flip(1)))


@pytest.mark.parametrize("network", ["gru", "int8", "transformer"])
def test_many_networks_can_be_called_at_once(network):
    """As the engine does, by vmap over the parameters."""
    torch.manual_seed(0)
    module = {
        "gru": lambda: gru.Gru(4, 3, 5, nn.Linear),
        "int8": lambda: gru.Gru(4, 3, 5, lambda a, b: gru.RoundedLinear(a, b, surrogate=False)),
        "transformer": lambda: majority.Transformer(6),
    }[network]()
    named = {key: torch.stack([value, value + 0.3]).detach() for key, value in module.named_parameters()}
    rows = torch.randint(4, (5, 7), generator=torch.Generator().manual_seed(0))
    at_once = torch.func.vmap(lambda each: torch.func.functional_call(module, each, rows))(named)
    for number in range(2):
        one = torch.func.functional_call(module, {key: value[number] for key, value in named.items()}, rows)
        torch.testing.assert_close(at_once[number], one)
