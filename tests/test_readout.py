"""The last layer solved: as scikit-learn solves it, never worse, paid for, and the candidates are what they say."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import plain
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import ACTIVATIONS, images, stacks
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import log_loss
from torch import Generator, Tensor, nn

import nogd
from nogd.engine.accounts.meter import BudgetSpent, Limit, TargetReached
from nogd.engine.objective import Objective
from nogd.engine.readout.solving import products
from nogd.errors import InvalidSetting
from nogd.learners.adam import Adam
from nogd.learners.random_search import RandomSearch
from nogd.learners.unit_search import UnitSearch
from nogd.training.learner import refusal

ROWS, RIDGE = 40, 1e-3
HIDDEN = 6


class OwnForward(nn.Module):
    """No chain: it adds what it computed before."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = (
            nn.Linear(3, HIDDEN),
            nn.Linear(HIDDEN, HIDDEN),
            nn.Linear(HIDDEN, 2),
        )

    def forward(self, x: Tensor) -> Tensor:
        a = torch.tanh(self.first(x))
        return self.head(a + torch.relu(self.second(a)))


class Doubled(OwnForward):
    """What it gives is not what its last layer gives, though it is the same tensor."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).mul_(2)


class Twice(nn.Module):
    """The last layer is used before, too."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(torch.relu(self.layer(x)))


class Tied(nn.Module):
    """The last layer has the weights of the first."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(3, 3), nn.Linear(3, 3)
        self.last.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.last(x + torch.relu(self.first(x)))


def targets(loss: Any, outputs: int) -> Tensor:
    if loss in ("cross-entropy", "classes"):
        return plain.classes(ROWS, outputs)
    y = plain.data(ROWS, 3, outputs)[1]
    return (y > 0).double() if loss in plain.OF_BITS else y


def objective(module: nn.Module | None = None, loss: Any = "mse", outputs: int = 2, **more: Any) -> Objective:
    module = plain.network(3, HIDDEN, outputs, activation=nn.Tanh) if module is None else module
    return nogd.objective(module.double(), plain.data(ROWS, 3)[0], targets(loss, outputs), loss=loss, **more)


def some(made: Objective, count: int = 3) -> nogd.Population:
    return nogd.Population(plain.thetas(count, made.D))


def features(made: Objective, theta: Tensor) -> np.ndarray[Any, Any]:
    """What goes into the last layer."""
    return np.asarray(made.activations(theta)[-1].inputs)


def test_it_is_ridge_regression():
    made = objective()
    found = made.readout(some(made), ridge=RIDGE)
    y = targets("mse", 2)
    for k, theta in enumerate(some(made).thetas):
        h = features(made, theta)
        expected = Ridge(alpha=RIDGE * ROWS * 2, tol=1e-12).fit(h, y)
        np.testing.assert_allclose(found.weights[k, :, :-1], expected.coef_, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(found.weights[k, :, -1], expected.intercept_, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(("loss", "outputs"), [("binary-cross-entropy", 1), ("cross-entropy", 4)])
def test_it_is_logistic_regression(loss, outputs):
    made = objective(loss=loss, outputs=outputs)
    found = made.readout(some(made), ridge=RIDGE, steps=60)
    y = np.asarray(targets(loss, outputs)).ravel()
    for k, theta in enumerate(some(made).thetas):
        h = features(made, theta)
        fitted = LogisticRegression(C=1 / (2 * RIDGE * ROWS), tol=1e-10, max_iter=10_000).fit(h, y)
        expected = log_loss(y, fitted.predict_proba(h)) + RIDGE * (fitted.coef_**2).sum()
        assert float(found.values[k]) == pytest.approx(expected, rel=1e-5)


@settings(max_examples=15)
@given(st.data(), st.booleans(), st.sampled_from([None, [2, 0, 2, 5, 7]]), st.sampled_from(["mse", "huber"]))
def test_what_it_gives_are_candidates_with_these_losses(data, image, rows, loss):
    shape = (2, 4, 4) if image else (5,)
    drawn = images(2, 4) if image else stacks(5, ACTIVATIONS)
    module = nn.Sequential(*data.draw(drawn), nn.Flatten())
    width = module.double()(torch.zeros(2, *shape, dtype=torch.float64)).shape[1]
    module = plain.drawn(nn.Sequential(*module, nn.Linear(width, 2)).double(), 0).eval()
    x = torch.randn(9, *shape, generator=Generator().manual_seed(1), dtype=torch.float64)
    made = nogd.objective(
        module, x, torch.randn(9, 2, generator=Generator().manual_seed(2)).double(), loss=loss
    )
    chosen = None if rows is None else torch.tensor(rows)
    before = some(made)
    found = made.readout(before, chosen)
    torch.testing.assert_close(found.losses, made.losses(nogd.Population(found.dense()), chosen))
    last = slice(made.D - 2 * (width + 1), made.D)
    changed = found.dense()
    changed[:, last] = before.thetas[:, last]
    assert torch.equal(changed, before.thetas)
    assert torch.equal(torch.stack([found.at(k) for k in range(3)]), found.dense())
    if loss == "mse":  # nothing else is solved for
        penalty = 1e-4 * before.thetas[:, last.start : made.D - 2].square().sum(1)
        assert (found.values <= made.losses(before, chosen) + penalty + 1e-9).all()


@pytest.mark.parametrize("engine", ["compiled", "stack", "chain", "vmap", "loop"])
@pytest.mark.parametrize("loss", ["mse", "binary-cross-entropy"])
def test_every_engine_solves_the_same(engine, loss):
    if engine == "compiled":
        pytest.importorskip("numba")
    expected = objective(loss=loss, engine="stack").readout(some(objective()))
    made = objective(loss=loss, engine=engine)
    found = made.readout(some(made))
    torch.testing.assert_close(found.weights, expected.weights)
    torch.testing.assert_close(found.losses, made.losses(found))


@pytest.mark.parametrize("engine", ["vmap", "loop"])
def test_a_module_with_a_forward_of_its_own(engine):
    made = objective(plain.drawn(OwnForward().double(), 0), engine=engine)
    found = made.readout(some(made, 5))
    torch.testing.assert_close(made.losses(found), found.losses)
    again = nogd.Population(found.dense())
    torch.testing.assert_close(made.readout(again).weights, found.weights)
    assert made.readout(some(made, 1)).losses[0] == pytest.approx(float(found.losses[0]))


class Listed(OwnForward):
    """Keeps its weights elsewhere too, so that vmap has no hold on them."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = [self.first.weight]

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(x @ self.kept[0].T) + self.first(x))


def test_a_module_that_evades_vmap_is_called_one_by_one():
    made = objective(plain.drawn(Listed().double(), 0), engine="vmap")
    found = made.readout(some(made, 5))
    one_by_one = objective(plain.drawn(Listed().double(), 0), engine="loop")
    torch.testing.assert_close(one_by_one.losses(found), found.losses)


@pytest.mark.parametrize("loss", ["binary-cross-entropy", "cross-entropy"])
@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_newton_steps_never_make_it_worse(loss, scale):
    made = objective(loss=loss, outputs=3)
    candidates = nogd.Population(plain.thetas(4, made.D) * scale)
    values = torch.stack([made.readout(candidates, ridge=RIDGE, steps=k).values for k in range(6)])
    assert (values.diff(dim=0) <= 1e-12).all()
    assert (values[-1] < values[0]).all()


def test_no_steps_change_nothing():
    made = objective(loss="cross-entropy", outputs=3)
    torch.testing.assert_close(made.readout(some(made), steps=0).dense(), some(made).thetas)


@pytest.mark.parametrize("bias", [None, "fixed"])
def test_a_bias_that_is_not_searched_stays(bias):
    module = nn.Sequential(
        nn.Linear(3, HIDDEN), nn.Tanh(), nn.Linear(HIDDEN, 2, bias=bias is not None)
    ).double()
    if bias:
        module[2].bias.requires_grad_(False).fill_(3.0)
    made = objective(module)
    found = made.readout(some(made), ridge=RIDGE)
    torch.testing.assert_close(made.losses(found), found.losses)
    for k, theta in enumerate(some(made).thetas):
        y = targets("mse", 2) - (3.0 if bias else 0.0)
        expected = Ridge(alpha=RIDGE * ROWS * 2, fit_intercept=False).fit(features(made, theta), y)
        np.testing.assert_allclose(found.weights[k], expected.coef_, rtol=1e-6, atol=1e-9)


def test_a_linear_model_is_its_own_readout():
    made = objective(nn.Linear(3, 2))
    found = made.readout(some(made, 2), ridge=RIDGE)
    expected = Ridge(alpha=RIDGE * ROWS * 2).fit(*(np.asarray(each) for each in (made.inputs, made.targets)))
    for weights in found.weights:
        np.testing.assert_allclose(weights[:, :-1], expected.coef_, rtol=1e-6)


@pytest.mark.parametrize(
    ("loss", "surrogate"),
    [
        ("mae", "mse"),
        ("huber", "mse"),
        ("hinge", "binary-cross-entropy"),
        ("zero-one", "binary-cross-entropy"),
    ],
)
def test_what_stands_for_a_loss(loss, surrogate):
    made, other = objective(loss=loss), objective(loss=loss)
    found = made.readout(some(made))
    assert torch.equal(found.weights, other.readout(some(made), surrogate=surrogate).weights)
    torch.testing.assert_close(found.losses, made.losses(found))
    y = targets(loss, 2)
    solved = nogd.objective(plain.network(3, HIDDEN, 2, activation=nn.Tanh), made.inputs, y, loss=surrogate)
    torch.testing.assert_close(solved.readout(some(made)).weights, found.weights)


def test_classes_by_zero_one_are_solved_by_cross_entropy_or_least_squares():
    y = plain.classes(ROWS, 3)
    module = plain.network(3, HIDDEN, 3, activation=nn.Tanh)
    made, x = nogd.objective(module, plain.data(ROWS, 3)[0], y, loss="zero-one"), plain.data(ROWS, 3)[0]
    expected = nogd.objective(module, x, y, loss="cross-entropy").readout(some(made)).weights
    assert torch.equal(made.readout(some(made)).weights, expected)
    one_hot = nogd.objective(module, x, nn.functional.one_hot(y).double()).readout(some(made)).weights
    assert torch.equal(made.readout(some(made), surrogate="mse").weights, one_hot)


def mean_of_fourth_powers(outputs: Tensor, y: Tensor) -> Tensor:
    return (outputs - y).pow(4).mean()


def test_a_loss_of_ones_own_needs_a_surrogate():
    made = objective(loss=mean_of_fourth_powers)
    with pytest.raises(InvalidSetting, match=r"mean_of_fourth_powers.*surrogate=.*mse"):
        made.readout(some(made))
    found = made.readout(some(made), surrogate="mse")
    torch.testing.assert_close(found.losses, made.losses(found))
    assert torch.equal(found.weights, objective().readout(some(made)).weights)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"ridge": 0.0}, "ridge must be above 0"),
        ({"ridge": float("nan")}, "ridge must be above 0"),
        ({"steps": -1}, "steps 0 or more"),
        ({"surrogate": "msee"}, "did you mean.*mse"),
        ({"surrogate": "cross-entropy"}, "class numbers"),
    ],
)
def test_what_cannot_be_asked(settings, message):
    made = objective()
    with pytest.raises(InvalidSetting, match=message):
        made.readout(some(made), **settings)
    assert made.meter.forwards == 0


def ends_in_an_activation() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 2), nn.Tanh())


def fixed_last_layer() -> nn.Module:
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    module[2].requires_grad_(False)
    return module


@pytest.mark.parametrize(
    ("module", "outputs"),
    [(ends_in_an_activation, 2), (fixed_last_layer, 2), (Doubled, 2), (Twice, 3), (Tied, 3)],
)
def test_where_there_is_no_readout(module: Callable[[], nn.Module], outputs: int):
    made = objective(module(), outputs=outputs)
    assert "readout" not in made.features
    with pytest.raises(InvalidSetting, match="must end in a linear layer"):
        made.readout(some(made))
    with pytest.raises(InvalidSetting, match="must end in a linear layer"):
        made.readout_cost()
    with pytest.raises(InvalidSetting, match="must end in a linear layer"):
        made.gram(nogd.Subspace(plain.thetas(1, made.D)[0], None, 0.1, (1,)), readout=True)


def test_a_network_in_train_mode_has_no_readout():
    module = nn.Sequential(nn.Linear(3, 4), nn.Dropout(), nn.Linear(4, 2))
    assert "readout" not in objective(module, mode="train").features
    assert "readout" in objective(module.eval()).features


class Counting(OwnForward):
    """No chain; counts its calls with all examples."""

    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        Counting.calls += len(x) == ROWS
        return super().forward(x)


def test_who_never_asks_for_a_readout_pays_for_no_look_at_it():
    made = objective(Counting())
    Counting.calls = 0
    assert refusal(RandomSearch(), made) is None
    assert refusal(Adam(), made) is None
    assert made.lacks(frozenset({"gradient", "layers"})) == {"layers"}
    assert Counting.calls == 0
    assert refusal(UnitSearch(), made) is None
    assert "readout" in made.features
    assert Counting.calls == 1
    assert made.lacks(frozenset({"readout", "layers"})) == {"layers"}
    assert "needs a network that ends in a linear layer" in (
        refusal(UnitSearch(), objective(Doubled())) or ""
    )


@pytest.mark.parametrize("loss", ["mse", "binary-cross-entropy"])
@pytest.mark.parametrize("rows", [None, torch.arange(10)])
def test_it_is_paid_by_passes_and_arithmetic(loss, rows):
    made = objective(loss=loss)
    share = 1 if rows is None else 0.25
    work = products(loss, HIDDEN + 1, 2, round(share * ROWS), 3)
    forward = 2 * (3 * HIDDEN + HIDDEN * 2) * ROWS
    assert made.readout_cost(rows, steps=3) == pytest.approx(share + work / forward)
    made.readout(some(made, 5), rows, steps=3)
    assert made.meter.forwards == pytest.approx(5 * made.readout_cost(rows, steps=3))
    assert made.meter.evaluations == 5
    assert made.meter.reading()["flops"] == pytest.approx(5 * (share * forward + work))
    assert made.access == "closed-form"


def test_what_does_not_fit_the_budget_is_not_solved():
    made = objective()
    made.begin(plain.thetas(1, made.D)[0], Limit(forwards=3 * made.readout_cost() - 0.01), None, None)
    with pytest.raises(BudgetSpent):
        made.readout(some(made))
    assert (made.meter.forwards, made.access) == (0, "losses")
    made.readout(some(made, 2))


def test_the_run_ends_at_the_first_that_meets_the_target():
    made = objective()
    losses = objective().readout(some(made, 6)).losses
    k = int(losses.argmin())
    made.begin(plain.thetas(1, made.D)[0], Limit(), None, float(losses[k]))
    with pytest.raises(TargetReached) as reached:
        made.readout(some(made, 6))
    assert float(made.measure(reached.value.theta)["loss"]) == pytest.approx(float(losses[k]))
    assert made.trace.best == float(losses[k])


def test_features_that_are_not_finite_rank_last():
    made = objective()
    thetas = some(made).thetas.clone()
    thetas[1, 0] = torch.nan
    found = made.readout(nogd.Population(thetas))
    assert found.losses.isinf().tolist() == [False, True, False]
    assert found.values.isinf().tolist() == [False, True, False]
    alone = made.readout(nogd.Population(thetas[[0, 2]]))
    torch.testing.assert_close(found.losses[[0, 2]], alone.losses)


def test_none_are_solved_for_nothing():
    made = objective()
    found = made.readout(some(made, 0))
    assert (len(found), found.dense().shape, made.meter.forwards) == (0, (0, made.D), 0)


def test_many_are_solved_a_few_at_a_time():
    made = objective()
    many = some(made, 5_000)
    assert 5_000 * (HIDDEN + 1) * ROWS > 1 << 19
    found = made.readout(many)
    torch.testing.assert_close(found.losses[-3:], made.readout(nogd.Population(many.thetas[-3:])).losses)


def test_single_precision_is_solved_in_double():
    x, y = (each.float() for each in plain.data(ROWS, 3, 2))
    module = plain.network(3, HIDDEN, 2, activation=nn.Tanh)
    single, double = (
        nogd.objective(copy.deepcopy(module).float(), x, y),
        nogd.objective(module, x.double(), y.double()),
    )
    thetas = plain.thetas(3, single.D)
    found = single.readout(nogd.Population(thetas.float()), ridge=1e-8)
    assert found.weights.dtype == torch.float32
    expected = double.readout(nogd.Population(thetas.float().double()), ridge=1e-8)
    torch.testing.assert_close(found.losses.double(), expected.losses, rtol=1e-4, atol=1e-6)
