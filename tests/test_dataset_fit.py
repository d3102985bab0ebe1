"""What is learnt from data is learnt from the training split alone, and every split gets it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from nogd import Dataset, SupervisedTask
from nogd.errors import DataError

GAPS = torch.arange(100.0).reshape(-1, 1)
GAPS[::9] = torch.nan
TARGETS = torch.arange(100.0).reshape(-1, 1)


class Means(Dataset):
    """A column with gaps; what it is fitted on is noted."""

    name = "means"
    seen: list[torch.Tensor] = []  # noqa: RUF012  # of the test
    inputs = GAPS

    def load(self):
        return self.inputs, TARGETS

    def fit(self, train):
        self.seen.append(train.inputs)
        mean = float(np.nanmean(train.inputs))
        return lambda inputs: np.nan_to_num(np.asarray(inputs), nan=mean)


class OnMeans(SupervisedTask):
    """Numbers by themselves."""

    name, dataset, loss, metric = "on-means", Means, "mse", "r2"
    standardise = ()

    def network(self):
        return nn.Linear(1, 1)


@pytest.fixture(autouse=True)
def nothing_seen():
    Means.seen.clear()


@pytest.mark.parametrize("kind", [torch.as_tensor, np.asarray, pd.DataFrame])
def test_all_splits_get_what_training_examples_taught(kind, monkeypatch):
    class Held(Means):
        inputs = kind(GAPS.numpy())

    class OnHeld(OnMeans):
        dataset = Held

    problem = OnHeld().problem(0)
    [taught] = Means.seen
    assert len(taught) == len(problem.train) == 60
    mean = float(np.nanmean(taught))
    for part in (problem.train, problem.validation, problem.test):
        gaps = part.targets[:, 0] % 9 == 0
        assert gaps.any()
        assert part.inputs[gaps].unique().tolist() == pytest.approx([mean])
        assert torch.equal(part.inputs[~gaps], part.targets[~gaps])


def test_another_split_teaches_something_else_and_without_one_all_examples_teach():
    class Whole(OnMeans):
        split = None

    for task in (OnMeans(), OnMeans(split=1), Whole()):
        task.problem(0)
    first, second, every = map(np.asarray, Means.seen)
    assert len(first) == len(second)
    assert not np.array_equal(first, second, equal_nan=True)
    assert len(every) == 100


def test_targets_are_split_as_they_are_without_fit():
    class Plain(Dataset):
        """The same targets, inputs without gaps."""

        name = "plain"

        def load(self):
            return TARGETS, TARGETS

    class OnPlain(OnMeans):
        dataset = Plain

    assert torch.equal(OnPlain().problem(0).test.targets, OnMeans().problem(0).test.targets)


def test_a_transform_that_leaves_gaps_is_refused_by_the_data_sets_name():
    class Lazy(Means):
        def fit(self, train):
            return lambda inputs: inputs

    class OnLazy(OnMeans):
        dataset = Lazy

    with pytest.raises(DataError, match="the data set 'means' has inputs that are NaN or infinite"):
        OnLazy().problem(0)


def test_what_is_standardised_is_what_was_transformed():
    class Standard(OnMeans):
        standardise = ("inputs",)

    inputs = Standard().problem(0).train.inputs
    assert float(inputs.mean()) == pytest.approx(0, abs=1e-5)
    assert float(inputs.std(unbiased=False)) == pytest.approx(1, abs=1e-5)
