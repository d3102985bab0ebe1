"""Subspace: probes around one theta cost what they change; test_against_dense and others compare what they give."""

from __future__ import annotations

from typing import Any

import plain
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from largest import Largest
from torch import nn

import nogd
from nogd.engine.candidates.noise import block_size, noise
from nogd.engine.cost import Products
from nogd.engine.objective import Objective

ROWS, WIDTHS = 9, (6, 5, 4, 3)
D = torch.float64


def made(engine: Any = "stack") -> Objective:
    return nogd.objective(plain.network(*WIDTHS), *plain.data(ROWS, WIDTHS[0], WIDTHS[-1]), engine=engine)


def within(objective: Objective, layer: int) -> slice:
    """The weights of a layer."""
    tensor = objective.space.tensors[2 * layer]
    return slice(tensor.start, tensor.stop)


def flops(objective: Objective, candidates: Any) -> int:
    with Products() as counted:
        objective.losses(candidates)
    return counted.flops // (2 * ROWS)


SIZES = [(6 + 1) * 5, 5 * 4, 4 * 3]  # the first layer adds its bias within the product


@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("seeded", [True, False])
def test_a_layers_probes_compute_nothing_below_it(layer, seeded):
    objective = made()
    theta, place = plain.thetas(1, objective.D)[0], within(objective, layer)
    directions = torch.zeros(4, objective.D, dtype=D)
    directions[:, place] = 1
    stored = nogd.Subspace(theta, directions, 0.1)
    seeds = nogd.Subspace(theta, None, 0.1, seeds=(1, 2, 3, 4), within=place)
    below, theirs = sum(SIZES[:layer]), sum(SIZES[layer:])
    assert flops(objective, seeds if seeded else stored) == below + 4 * theirs
    assert flops(objective, nogd.Population(stored.dense())) == 4 * (below + theirs)


def test_probes_of_all_layers_at_once_pay_for_their_own_alone():
    objective = made()
    last = len(SIZES) - 1
    directions = torch.zeros(4, objective.D, dtype=D)
    for k, layer in enumerate([last, 0, last]):
        directions[k, within(objective, layer).start] = 1  # and the last probe is theta itself
    asked = nogd.Subspace(plain.thetas(1, objective.D)[0], directions, 0.1)
    assert flops(objective, asked) == sum(SIZES) + 2 * SIZES[last] + sum(SIZES)


@pytest.mark.parametrize("ask", ["losses", "outputs"])
@pytest.mark.parametrize("seeded", [True, False])
def test_seeds_need_the_memory_of_a_layer(ask, seeded):
    module = nn.Sequential(nn.Linear(100, 700), nn.ReLU(), nn.Linear(700, 500), nn.ReLU(), nn.Linear(500, 3))
    objective = nogd.objective(module, *plain.data(4, 100, 3, dtype=torch.float32))
    theta = objective.space.read(module)
    assert objective.D > 1.2 * 700 * 500
    candidates = nogd.Subspace(theta, None, 0.1, seeds=tuple(range(6)))
    if not seeded:
        candidates = nogd.Subspace(theta, candidates.moves(range(6), 0, objective.D), 0.1)
    with Largest() as seen:
        getattr(objective, ask)(candidates)
    assert (seen.elements <= 700 * 500) == seeded  # of stored directions several are written out at a time


@given(st.integers(0, 20), st.integers(0, 20), st.integers(0, 3), st.integers(0, 3))
@settings(deadline=None, derandomize=True, max_examples=25)
def test_written_out_they_are_theta_and_a_step_along_each_direction(start, size, stored, seeds):
    theta = plain.thetas(1, 30)[0]
    place = slice(start, min(30, start + size))
    given_ones = plain.thetas(stored, 30, 1)[:, place]
    made = nogd.Subspace(theta, given_ones, 0.25, tuple(range(seeds)), place)
    wanted = torch.zeros(stored + seeds, 30, dtype=D)
    for k in range(stored + seeds):
        wanted[k, place] = given_ones[k] if k < stored else noise(k - stored, 0, 30, theta)[place]
    torch.testing.assert_close(made.dense(), theta + 0.25 * wanted)
    assert len(made) == stored + seeds
    for k in range(len(made)):
        assert torch.equal(made.at(k), made.dense()[k])
    weights = plain.thetas(1, len(made), 2)[0]
    out = torch.ones_like(theta)
    made.combine(weights, out)
    torch.testing.assert_close(out, 1 + weights @ wanted)


def test_combine_goes_through_blocks_of_noise():
    block = block_size(torch.device("cpu"))
    theta = torch.zeros(2 * block + 7)
    made = nogd.Subspace(theta, None, 0.1, seeds=(1, 2), within=slice(5, None))
    out = torch.zeros_like(theta)
    made.combine(torch.tensor([2.0, -1.0]), out)
    torch.testing.assert_close(out, made.moves([0], 0, len(theta))[0] * 2 - made.moves([1], 0, len(theta))[0])
    with pytest.raises(nogd.UserError, match="2 candidates but 3 weights"):
        made.combine(torch.ones(3), out)


def test_theta_is_only_read_and_directions_too():
    objective = made()
    theta, directions = plain.thetas(1, objective.D)[0], plain.thetas(3, objective.D, 1)
    kept = theta.clone(), directions.clone()
    asked = nogd.Subspace(theta, directions, 0.1)
    objective.losses(asked)
    objective.outputs(asked)
    assert torch.equal(theta, kept[0])
    assert torch.equal(directions, kept[1])
