"""The study's three models against plain loops that are written as its description reads, from the same start."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator

import matplotlib as mpl
import numpy as np
import pandas as pd
import plain
import pytest
import torch
import torch.nn.functional as F
from matplotlib import pyplot as plt
from sklearn.datasets import load_diabetes
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from nogd.errors import DataError, InvalidSetting
from nogd.study import GradientModel, HybridModel, SearchModel, StudyModel

pytestmark = pytest.mark.met_in("test_compiled.py", "test_report_states.py")

X, Y = load_diabetes(return_X_y=True)
SMALL = {"input_size": 10, "hidden_sizes": [5, 4], "output_size": 1}
TENSORS = torch.tensor(X[:60]), torch.tensor(Y[:60])[:, None]
RANGES = {"weight_range": [-4, 5], "bias_range": [-3, 2]}
POINTS = {"weight_range_size": 12, "bias_range_size": 9}


def in_double(model: StudyModel) -> tuple[StudyModel, nn.Module]:
    """A model in float64, where no order of summation decides between two values, and a copy of its network."""
    model.network.double()
    return model, copy.deepcopy(model.network)


def loss_of(module: nn.Module, x: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        return F.mse_loss(module(x), y).item()


def searched(module: nn.Module, x: Tensor, y: Tensor, sweeps: int, tolerance: float = 1e-6) -> list[float]:
    history, best = [], math.inf
    for _ in range(sweeps):
        before = loss_of(module, x, y)
        plain.grid_sweep(
            module,
            lambda: loss_of(module, x, y),
            lambda name: (-4, 5) if name.endswith("weight") else (-3, 2),
            lambda name: 12 if name.endswith("weight") else 9,
        )
        history.append(loss_of(module, x, y))
        if history[-1] < best:
            best = history[-1]
        elif before - history[-1] < tolerance:
            break
    return history


def trained(module: nn.Module, x: Tensor, y: Tensor, epochs: int, rate: float) -> list[float]:
    history = []
    optimiser = torch.optim.Adam(module.parameters(), lr=rate)
    schedule = ReduceLROnPlateau(optimiser, mode="min", factor=0.1, patience=5)
    for _ in range(epochs):
        optimiser.zero_grad()
        loss = F.mse_loss(module(x), y)
        loss.backward()
        optimiser.step()
        history.append(loss.item())
        schedule.step(loss.item())
    return history


def assert_same(found: np.ndarray, expected: list[float], model: StudyModel, module: nn.Module) -> None:
    assert found.tolist() == pytest.approx(expected, rel=1e-9)
    torch.testing.assert_close(plain.read(model.network), plain.read(module), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(("seed", "sweeps"), [(0, 3), (10, 8)])
def test_search_is_the_plain_loop(seed, sweeps):
    model, module = in_double(SearchModel(**SMALL, **RANGES, **POINTS, seed=seed))
    found = model.search(*TENSORS, max_iterations=15 if seed else 3)
    assert len(found) == sweeps  # of the second start's 15, it stops before the ninth
    assert_same(found, searched(module, *TENSORS, 15 if seed else 3), model, module)


def test_search_goes_on_if_told_not_to_stop():
    model, _ = in_double(SearchModel(**SMALL, **RANGES, **POINTS, seed=10))
    assert len(model.search(*TENSORS, max_iterations=15, early_stopping=False)) == 15


@pytest.mark.parametrize("rate", [0.1, 30.0])
def test_gradient_is_the_plain_loop(rate):
    model, module = in_double(GradientModel(**SMALL, seed=3))
    found = model.train_model(*TENSORS, num_epochs=30, learning_rate=rate)
    assert_same(found, trained(module, *TENSORS, 30, rate), model, module)


def test_hybrid_is_one_plain_loop_after_the_other():
    model, module = in_double(HybridModel(**SMALL, **RANGES, **POINTS, seed=2))
    found = model.search_and_train(*TENSORS, num_iterations=3, learning_rate=0.1)
    expected = searched(module, *TENSORS, 3) + trained(module, *TENSORS, 3, 0.1)
    assert_same(found, expected, model, module)


def test_the_notebook_as_it_stands():
    x, y = np.float32(X), np.float32(Y)[:, None]
    search_model = SearchModel(input_size=10, hidden_sizes=[5, 4], output_size=1, weight_range=[-5, 5],
                               bias_range=[-5, 5], weight_range_size=100, bias_range_size=100)  # fmt: skip
    searched = search_model.search(x, y, max_iterations=30)
    gradient_model = GradientModel(input_size=10, hidden_sizes=[5, 4], output_size=1)
    trained = gradient_model.train_model(x, y, num_epochs=30, learning_rate=0.1)
    hybrid_model = HybridModel(input_size=10, hidden_sizes=[5, 4], output_size=1)
    both = hybrid_model.search_and_train(x, y, num_iterations=30, learning_rate=0.1)
    assert len(trained) == 30
    # All start from the same parameters, and the hybrid searches as the search does.
    assert both.tolist()[: len(searched)] == searched.tolist()
    assert len(both) == len(searched) + 30
    assert search_model.runs[0].curve["loss"][0] == trained[0]
    assert searched[-1] == pytest.approx(search_model.evaluate(x, y), rel=1e-5)
    assert searched[-1] < 5_930 < trained[0]


def model(**changes) -> SearchModel:
    return SearchModel(**{**SMALL, "weight_range_size": 3, "bias_range_size": 3, **changes})


def test_the_network_is_the_studys():
    assert [type(each).__name__ for each in model().network] == ["Linear", "Linear", "ReLU", "Linear"]
    assert sum(p.numel() for p in model().network.parameters()) == 84
    deep = model(hidden_sizes=(3, 4, 5)).network
    assert [type(each).__name__ for each in deep][1:] == ["Linear", "ReLU", "Linear", "ReLU", "Linear"]


def test_the_start_is_drawn_from_the_ranges_by_the_seed_alone():
    torch.manual_seed(0)
    first = model(weight_range=[2, 3], bias_range=[-1, 0])
    torch.manual_seed(1)
    again = model(weight_range=[2, 3], bias_range=[-1, 0])
    other = model(weight_range=[2, 3], bias_range=[-1, 0], seed=1)
    assert torch.equal(plain.read(first.network), plain.read(again.network))
    assert not torch.equal(plain.read(first.network), plain.read(other.network))
    for name, parameter in first.network.named_parameters():
        low, high = (2, 3) if name.endswith("weight") else (-1, 0)
        assert low <= parameter.min() <= parameter.max() <= high


def test_data_in_all_their_forms_give_the_same():
    forms = [
        (X, Y),
        (torch.tensor(X), torch.tensor(Y)),
        (pd.DataFrame(X), pd.Series(Y)),
        (X.tolist(), Y[:, None].tolist()),
    ]
    found = [model().search(x, y, max_iterations=1).tolist() for x, y in forms]
    assert found == [found[0]] * len(forms)


def test_predictions_are_a_tensor_for_a_tensor_and_else_an_array():
    array, tensor = model().predict(X), model().predict(torch.tensor(X))
    assert isinstance(array, np.ndarray)
    assert isinstance(tensor, Tensor)
    assert array.shape == (442, 1)
    assert np.array_equal(array, tensor.numpy())
    assert model().evaluate(X, Y) == pytest.approx(np.mean((array[:, 0] - Y) ** 2), rel=1e-5)


def test_training_goes_on_from_where_the_model_is():
    twice, once = model(), model()
    first = [*twice.search(X, Y, 1), *twice.search(X, Y, 1)]
    assert first == pytest.approx(once.search(X, Y, 2).tolist())


def test_a_history_has_an_entry_for_each_iteration_however_many():
    gradient = GradientModel(1, [1], 1)
    assert (
        len(gradient.train_model([[0.0], [1.0]], [0.0, 1.0], num_epochs=1_500, learning_rate=1e-3)) == 1_500
    )


@pytest.fixture
def figures() -> Iterator[None]:
    with mpl.rc_context({"backend": "agg"}):
        yield
    plt.close("all")


def test_the_plot_of_a_hybrid_has_a_line_at_the_change(figures):
    hybrid = HybridModel(**SMALL, **POINTS)
    history = hybrid.search_and_train(X, Y, num_iterations=3)
    axes = hybrid.plot()
    *_, losses, change = axes.lines
    assert losses.get_xdata().tolist() == list(range(7))
    assert set(change.get_xdata()) == {3}
    # The second phase's history begins with the loss that the first one ended with.
    assert losses.get_ydata()[1:4].tolist() == history[:3].tolist()
    assert losses.get_ydata()[3:6].tolist() == pytest.approx(history[3:].tolist(), rel=1e-5)
    assert [text.get_text() for text in axes.texts] == ["adam begins"]


def test_a_plot_on_ones_own_axes(figures):
    searched, axes = model(), plt.subplots()[1]
    searched.search(X, Y, max_iterations=2)
    assert searched.plot(axes) is axes
    assert not axes.texts


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hidden_sizes": [5, 0]}, r"whole numbers of at least 1, not \[10, 5, 0, 1\]"),
        ({"hidden_sizes": "5"}, "whole numbers"),
        ({"input_size": 10.0}, "whole numbers"),
        ({"output_size": None}, "whole numbers"),
        ({"weight_range": [5, -5]}, "weight_range must be a finite pair with low <= high"),
        ({"bias_range": 5}, "bias_range must be a pair"),
        ({"bias_range": (-math.inf, 1)}, "bias_range must be a finite pair"),
        ({"seed": 0.5}, "seed must be a whole number"),
        ({"seed": -1}, "seed must be a whole number"),
    ],
)
def test_a_model_that_cannot_be(changes, words):
    with pytest.raises(InvalidSetting, match=words):
        model(**changes)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: model().plot(), "no history yet: train it first"),
        (lambda: model().search(X, Y, max_iterations=0), "iterations"),
        (
            lambda: model(weight_range_size=1).search(X, Y),
            "weight_range_size must be a whole number of at least 2, not 1",
        ),
        (lambda: model(bias_range_size=2.5).search(X, Y), "bias_range_size must be a whole number"),
        (lambda: model(bias_range_size=None).search(X, Y), "bias_range_size must be a whole number"),
        (lambda: GradientModel(**SMALL).train_model(X, Y, learning_rate=-1), "lr"),
    ],
)
def test_a_call_that_cannot_be(call, words):
    with pytest.raises(InvalidSetting, match=words):
        call()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: model().predict(X[:, :3]), r"shape \[442, 3\]; this model takes \[N, 10\]"),
        (lambda: model().predict(X[0]), r"this model takes \[N, 10\]"),
        (lambda: model().search(X[:, :3], Y), r"\[442, 3\]"),
        (lambda: model().search(X, Y[:5]), "442 rows of inputs but 5 targets"),
        (lambda: model().search(np.where(X > 0, X, np.nan), Y), "not finite"),
        (lambda: model().search(X[:0], Y[:0]), "empty"),
        (lambda: model().evaluate(X, np.stack([Y, Y], 1)), "make the shapes equal"),
    ],
)
def test_data_that_do_not_fit(call, words):
    with pytest.raises(DataError, match=words):
        call()
