"""theta and the module's tensors, and the box."""

from __future__ import annotations

import plain
import pytest
import torch
from torch import Generator, nn

from nogd.engine.space import ParameterSpace
from nogd.errors import InvalidSetting

pytestmark = pytest.mark.torch_alone


def test_theta_is_in_the_order_of_named_parameters_row_by_row():
    module = plain.network(3, 4, 1)
    space = ParameterSpace(module)
    assert [t.name for t in space] == [name for name, _ in module.named_parameters()]
    assert torch.equal(space.read(module), plain.read(module))
    assert [t.is_bias for t in space] == [False, True, False, True]
    assert [space.at(k).name for k in (0, 11, 12, 15, 16, 20)] == [
        "0.weight", "0.weight", "0.bias", "0.bias", "2.weight", "2.bias",
    ]  # fmt: skip


def test_writing_and_reading_are_inverse_and_leave_the_frozen():
    module = plain.network(3, 4, 1)
    module[2].weight.requires_grad_(False)
    frozen = module[2].weight.clone()
    space = ParameterSpace(module)
    theta = plain.thetas(1, space.dimension)[0]
    space.write(theta, module)
    assert torch.equal(space.read(module), theta)
    assert torch.equal(module[2].weight, frozen)


def test_split_gives_named_views_also_of_many():
    space = ParameterSpace(plain.network(3, 4, 1))
    theta = plain.thetas(5, 21)
    parts = space.split(theta)
    assert {name: tuple(part.shape) for name, part in parts.items()} == {
        "0.weight": (5, 4, 3), "0.bias": (5, 4), "2.weight": (5, 1, 4), "2.bias": (5, 1),
    }  # fmt: skip
    assert torch.equal(torch.cat([part.reshape(5, -1) for part in parts.values()], 1), theta)


def test_a_scalar_is_split_like_all_others():
    module = plain.network(3, 1)
    module.scale = nn.Parameter(torch.tensor(2.0, dtype=torch.float64))
    space = ParameterSpace(module)
    theta = space.read(module)
    assert {name: tuple(part.shape) for name, part in space.split(theta).items()} == {
        "scale": (), "0.weight": (1, 3), "0.bias": (1,),
    }  # fmt: skip
    assert space.split(theta)["scale"] == 2
    assert torch.equal(space.split(plain.thetas(4, 5))["scale"], plain.thetas(4, 5)[:, 0])


def test_samples_fill_the_box_and_repeat():
    bounds = {"*.bias": (-1.0, 0.0), "0.*": (2.0, 4.0)}
    space = ParameterSpace(plain.network(3, 4, 1), bounds)
    drawn = space.sample(2_000, Generator().manual_seed(1))
    assert (drawn >= space.low).all()
    assert (drawn <= space.high).all()
    torch.testing.assert_close(
        drawn.mean(0), (space.low + space.high) / 2, atol=0.4, rtol=0
    )  # 5 standard errors
    assert torch.equal(drawn, space.sample(2_000, Generator().manual_seed(1)))


def test_the_first_pattern_that_matches_counts_and_the_rest_is_the_default():
    space = ParameterSpace(plain.network(3, 4, 1), {"0.*": (0, 1), "*.bias": (2, 3)})
    assert [(t.low, t.high) for t in space] == [(0, 1), (0, 1), (-5, 5), (2, 3)]


def test_numbers_only():
    module = nn.Linear(2, 1).to(torch.float64)
    module.phase = nn.Parameter(torch.zeros(2, dtype=torch.complex64))
    with pytest.raises(InvalidSetting, match=r"parameter 'phase' is of torch\.complex64"):
        ParameterSpace(module)
