"""MNIST-1D is generated as its author describes it, the same at each call."""

from __future__ import annotations

import math

import numpy as np
import torch
from nogd_images import mnist1d
from nogd_images.mnist1d import Mnist1d


def test_there_are_500_of_each_digit_on_a_common_scale():
    inputs, targets = Mnist1d().load()
    assert (inputs.shape, inputs.dtype) == ((5_000, 40), torch.float32)
    assert targets.bincount().tolist() == [500] * 10
    assert abs(float(inputs.mean())) < 1e-5
    assert abs(float(inputs.std(unbiased=False)) - 1) < 1e-5


def test_they_are_the_same_at_each_call_whatever_else_is_drawn():
    np.random.seed(1)  # noqa: NPY002 - to see that it changes nothing
    first = Mnist1d().load()[0]
    np.random.seed(2)  # noqa: NPY002
    assert torch.equal(Mnist1d().load()[0], first)


def test_templates_begin_and_end_at_0_and_differ():
    templates = mnist1d.templates()
    assert templates.shape == (10, 12)
    np.testing.assert_allclose(templates[:, [0, -1]], 0, atol=1e-12)
    np.testing.assert_allclose(templates.std(1), 1 / 6)
    assert len({tuple(row) for row in templates.round(6)}) == 10


def test_the_filter_is_a_gaussian_of_two_mirrored_at_the_ends():
    signal = np.random.default_rng(0).standard_normal(72)
    mirrored = [*signal[:8][::-1], *signal, *signal[-8:][::-1]]
    weights = [math.exp(-(offset**2) / 8) for offset in range(-8, 9)]
    expected = [
        sum(weight * mirrored[at + each] for each, weight in enumerate(weights)) / sum(weights)
        for at in range(72)
    ]
    np.testing.assert_allclose(mnist1d.smoothed(signal), expected)


def test_resampling_keeps_the_ends_and_is_linear_in_between():
    np.testing.assert_allclose(mnist1d.resampled(np.array([0.0, 1.0, 3.0]), 5), [0, 0.5, 1, 2, 3])


def test_without_noise_and_shear_an_example_is_its_template_moved(monkeypatch):
    for constant in ("_SCALE", "_SHEAR", "_SMOOTH_NOISE", "_WHITE_NOISE"):
        monkeypatch.setattr(mnist1d, constant, 0.0)
    monkeypatch.setattr(mnist1d, "PADDING", (60, 60))
    monkeypatch.setattr(mnist1d, "FINAL_LENGTH", mnist1d.LENGTH)
    [template] = mnist1d.templates()[[3]]
    found = mnist1d.drawn(template, np.random.default_rng(5))
    moves = [np.roll(np.pad(template, (0, 60)), by) for by in range(48)]
    assert sum(np.allclose(found, each, atol=1e-6) for each in moves) == 1
