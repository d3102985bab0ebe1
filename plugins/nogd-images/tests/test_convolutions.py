"""The convolutional networks have the layers and sizes that they are known for."""

from __future__ import annotations

import pytest
import torch
from nogd_images.convolutions import Block, lenet, residual
from nogd_images.image_tasks import LeNet, SmallResNet
from torch import nn
from torch.nn import functional

import nogd


def parameters(module):
    return sum(each.numel() for each in module.parameters())


def test_lenet_has_61706_parameters_and_those_of_its_normalisations():
    assert parameters(lenet((1, 28, 28), 10)) == 61_706 + 2 * (6 + 16)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32)])
@pytest.mark.parametrize("make", [lenet, lambda *given: residual(*given, width=2)])
def test_flat_images_become_one_output_a_class(shape, make):
    torch.manual_seed(0)
    inputs = torch.randn(3, shape[0] * shape[1] * shape[2])
    assert make(shape, 7).eval()(inputs).shape == (3, 7)


def test_lenet_pads_images_of_28_pixels_to_32():
    torch.manual_seed(0)
    small = lenet((1, 28, 28), 10).eval()
    large = lenet((1, 32, 32), 10).eval()
    large.load_state_dict(small.state_dict())
    images = torch.randn(2, 1, 28, 28)
    padded = functional.pad(images, (2, 2, 2, 2))
    torch.testing.assert_close(large(padded.flatten(1)), small(images.flatten(1)))


@pytest.mark.parametrize(("before", "after", "stride"), [(3, 3, 1), (3, 5, 1), (3, 3, 2), (2, 4, 2)])
def test_a_block_whose_changes_are_0_gives_its_shortcut(before, after, stride):
    torch.manual_seed(0)
    block = Block(before, after, stride).eval()
    nn.init.zeros_(block.changes[-1].weight)
    images = torch.randn(2, before, 6, 6)
    found = block(images)
    assert found.shape == (2, after, 6 // stride, 6 // stride)
    torch.testing.assert_close(found, block.shortcut(images).relu())
    assert isinstance(block.shortcut, nn.Identity) == (before == after and stride == 1)


def test_the_small_residual_network_is_small():
    network = SmallResNet().network()
    assert parameters(network) == 19_810
    assert sum(isinstance(each, nn.Conv2d) for each in network.modules()) == 9  # two of them shortcuts


@pytest.mark.parametrize("task", [LeNet(), SmallResNet(width=2)])
@pytest.mark.parametrize("mode", ["eval", "train"])
def test_batch_normalisation_learns_in_both_modes(task, mode):
    problem = task.problem(0)
    rows = torch.arange(60)
    run = nogd.fit(
        problem.module.eval(),
        problem.train.inputs[rows],
        problem.train.targets[rows],
        loss="cross-entropy",
        learner="adam,lr=0.01",
        budget=60,
        mode=mode,
    )
    assert run.loss < 0.8 * float(run.curve["loss"].iloc[0])
