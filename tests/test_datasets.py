from __future__ import annotations

import numpy as np
import pytest
import sklearn.datasets
import torch

from nogd.plugins.manager import Plugins
from nogd.problem.task import Dataset
from nogd.tasks import files

SHAPES = {
    "diabetes": ((442, 10), (442, 1)),
    "breast-cancer": ((569, 30), (569, 1)),
    "wine": ((178, 13), (178,)),
    "iris": ((150, 4), (150,)),
    "digits": ((1797, 64), (1797,)),
    "two-spirals": ((400, 2), (400, 1)),
    "parity": ((256, 8), (256, 1)),
}


def built_in(name: str) -> Dataset:
    import nogd.tasks

    return Plugins.of(nogd.tasks).datasets.find(name).load()()


def test_all_data_sets_are_tested_here():
    import nogd.tasks

    assert [entry.name for entry in nogd.tasks.nogd_datasets()] == list(SHAPES)


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_and_types(name):
    inputs, targets = built_in(name).load()
    assert (tuple(inputs.shape), tuple(targets.shape)) == SHAPES[name]
    assert inputs.dtype == torch.float32
    assert targets.dtype == (torch.int64 if targets.ndim == 1 else torch.float32)
    assert inputs.isfinite().all()


@pytest.mark.parametrize("name", SHAPES)
def test_twice_the_same_whatever_the_global_random_state(name):
    torch.manual_seed(1)
    first = built_in(name).load()
    torch.manual_seed(2)
    second = built_in(name).load()
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    torch.manual_seed(2)
    assert torch.equal(torch.rand(3), torch.rand(3, generator=torch.Generator().manual_seed(2)))


def test_diabetes_is_as_in_the_study():
    _, targets = built_in("diabetes").load()
    assert (targets.min(), targets.max()) == (25, 346)


def test_digits_lie_between_0_and_1():
    inputs, targets = built_in("digits").load()
    assert (inputs.min(), inputs.max()) == (0, 1)
    assert targets.unique().tolist() == list(range(10))


def test_parity_holds_every_row_once_with_its_parity():
    inputs, targets = built_in("parity").load()
    assert len({tuple(row.tolist()) for row in inputs}) == 256
    assert all((row == 1).sum() % 2 == target for row, target in zip(inputs, targets, strict=True))


def test_the_spirals_are_each_other_turned_by_half_a_turn():
    inputs, targets = built_in("two-spirals").load()
    first, second = inputs[targets[:, 0] == 0], inputs[targets[:, 0] == 1]
    assert len(first) == len(second) == 200
    assert (first + second).abs().max() < 0.15  # a few deviations of the noise


@pytest.mark.parametrize("name", ["breast_cancer", "diabetes", "digits", "iris", "wine"])
def test_they_are_scikit_learns_to_the_last_bit_though_read_without_it(name, monkeypatch):
    theirs = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    with monkeypatch.context() as patch:
        patch.setattr(files, "_by_scikit_learn", lambda name: pytest.fail(f"{name} was not found"))
        ours = files.bundled(name)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.dtype == np.float64
        assert np.array_equal(mine, other)


@pytest.mark.parametrize("layout", [{}, {"iris.csv": "150 rows\nof, something, else\n"}])
def test_where_scikit_learn_keeps_them_otherwise_it_is_asked(layout, tmp_path, monkeypatch):
    for name, text in layout.items():
        (tmp_path / name).write_text(text)
    expected = files.bundled("iris")
    monkeypatch.setattr(files, "_folder", lambda: tmp_path)
    found = files.bundled("iris")
    assert all(map(np.array_equal, found, expected))
    assert found[0].shape == (150, 4)
