"""nogd.fit, nogd.minimize and nogd.objective as a user meets them."""

from __future__ import annotations

import copy
import math
import warnings
from typing import ClassVar

import numpy as np
import pandas as pd
import plain
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import nogd
from nogd.errors import DataError, InvalidSetting, NogdWarning, UnknownName, UserError
from nogd.training.recorder import keeps_iteration

X, Y = plain.data(20, 3)


def network(scale: float = 1.0) -> nn.Sequential:
    return plain.network(3, 4, 1, activation=nn.Tanh, scale=scale)


def loss_of(module: nn.Module) -> float:
    with torch.no_grad():
        return F.mse_loss(module(X), Y).item()


# -- what a run leaves


@pytest.mark.parametrize(
    "learner", ["grid-search", "adam", "sgd", "hybrid", "random-search", "grid-search+adam"]
)
def test_the_solution_is_left_in_the_module(learner):
    module = network(5.0)
    before = loss_of(module)
    run = nogd.fit(module, X, Y, learner=learner, budget=400)
    assert torch.equal(plain.read(module), run.theta)
    assert loss_of(module) == pytest.approx(run.loss, rel=1e-12)
    assert run.loss < before
    assert run.best_loss <= run.loss
    assert run.meter.forwards <= 400


def test_training_starts_from_the_present_parameters():
    module = network()
    run = nogd.fit(module, X, Y, learner="adam", budget=10)
    assert run.curve["loss"][0] == pytest.approx(loss_of(network()), rel=1e-12)
    again = nogd.fit(module, X, Y, learner="adam", budget=10)
    assert again.curve["loss"][0] == pytest.approx(run.loss, rel=1e-12)


def test_the_curve_has_a_row_for_the_start_and_each_iteration():
    run = nogd.fit(network(), X, Y, learner="adam", budget=nogd.Budget(iterations=30))
    curve = run.curve
    assert {"iteration", "forwards", "evaluations", "gradients", "seconds", "loss", "phase"} <= set(
        curve.columns
    )
    assert curve["iteration"].tolist() == list(range(31))
    assert curve["gradients"].tolist() == list(range(31))
    assert curve["forwards"].is_monotonic_increasing
    assert curve["seconds"].is_monotonic_increasing
    assert curve["forwards"].iloc[-1] == run.meter.forwards
    assert curve["loss"].iloc[-1] == run.loss


def test_beyond_a_thousand_iterations_the_curve_is_thinned():
    run = nogd.fit(nn.Linear(1, 1), [[1.0]], [1.0], learner="sgd", budget=nogd.Budget(iterations=3_000))
    expected = [k for k in range(3_001) if keeps_iteration(k)]
    assert run.curve["iteration"].tolist() == [*expected, *([3_000] if expected[-1] != 3_000 else [])]


def test_the_last_row_is_the_end_also_within_an_iteration():
    run = nogd.fit(network(), X, Y, learner="grid-search,points=5", budget=1 + 5 * 30)
    assert run.curve["iteration"].tolist() == [0, 1, 1]
    assert run.curve["forwards"].tolist() == [0, 1 + 5 * 21, 1 + 5 * 30]


def test_without_a_budget_it_is_three_thousand_forwards():
    run = nogd.fit(network(), X, Y, learner="random-search")
    assert (run.status, run.meter.forwards) == ("budget", 3_000)


@pytest.mark.parametrize("budget", [50, {"forwards": 50}, nogd.Budget(forwards=50), {"evaluations": 50}])
def test_budgets_in_all_their_forms(budget):
    assert nogd.fit(network(), X, Y, learner="random-search", budget=budget).meter.evaluations == 50


def test_a_run_says_what_it_is_in_one_line():
    run = nogd.fit(network(), X, Y, learner="random-search,population=5", budget=50)
    assert repr(run).startswith("Run(random-search,population=5: budget, loss ")


def test_best_loss_is_the_lowest_that_was_scored():
    run = nogd.fit(network(), X, Y, learner="sgd,lr=0.6", budget=nogd.Budget(iterations=40))
    assert run.best_loss == pytest.approx(run.curve["loss"].min(), rel=1e-12)
    assert run.best_loss < run.loss


# -- the target, to the evaluation


class Given(nogd.Learner):
    """Scores what a test hands it, in one call."""

    name: ClassVar[str] = "test-given"
    line: bool = False
    walk: bool = False

    def init(self, objective, theta, rng):
        return nogd.State(theta=theta)

    def step(self, objective, state):
        values = torch.linspace(-3, 3, 50, dtype=objective.dtype)
        if self.walk:
            objective.walk(state.theta).losses(17, values)
        else:
            line = nogd.Line(state.theta, 17, values)
            objective.losses(line if self.line else nogd.Population(line.dense()))
        state.iteration += 1


@pytest.mark.parametrize("how", [{}, {"line": True}, {"walk": True}])
def test_the_target_is_met_to_the_evaluation(how):
    module = network()
    line = nogd.Line(plain.read(module), 17, torch.linspace(-3, 3, 50, dtype=torch.float64))
    losses = plain.losses(module, line.dense(), X, Y, F.mse_loss)
    target = losses.min().item() + 1e-9
    first = int((losses <= target).nonzero()[0])
    assert 0 < first < 49
    run = nogd.fit(module, X, Y, learner=Given(**how), budget=1_000, target=target)
    assert run.status == "target"
    assert torch.equal(run.theta, line.dense()[first])
    assert torch.equal(plain.read(module), run.theta)
    paid = first + 1 + ("walk" in how)
    assert (run.meter.evaluations, run.meter.forwards, run.meter.examples) == (paid, paid, 20 * paid)
    assert run.loss <= target
    assert run.curve["forwards"].iloc[-1] == paid


def test_a_target_that_the_start_meets():
    run = nogd.fit(network(), X, Y, learner="adam", target=1e9)
    assert (run.status, run.meter.gradients) == ("target", 1)
    assert torch.equal(run.theta, plain.read(network()))


def test_a_target_of_a_mini_batch_is_no_target():
    module = network()
    with torch.no_grad():
        y = module(X)
    y[::2] += 1  # every second example is met already, all of them together are not
    run = nogd.fit(module, X, y, learner="sgd,lr=1e-12", batch_size=1, budget=50, target=0.01)
    assert (run.status, run.loss) == ("budget", pytest.approx(0.5))


def test_a_target_by_a_score():
    seen = []

    def score(module: nn.Module) -> float:
        seen.append(loss_of(module))
        return seen[-1]

    target = loss_of(network(5.0)) / 2
    module = network(5.0)
    run = nogd.minimize(module, score, learner="random-search,population=64", target=target, budget=5_000)
    assert run.status == "target"
    assert loss_of(module) <= target
    assert [loss <= target for loss in seen[1 : run.meter.evaluations]].count(
        True
    ) <= 1  # seen[0] is the curve's start


# -- what is searched


def test_frozen_parameters_stay():
    module = network()
    module[0].weight.requires_grad_(False)
    before = module[0].weight.clone()
    run = nogd.fit(module, X, Y, learner="grid-search", budget=200)
    assert len(run.theta) == 21 - 12
    assert torch.equal(module[0].weight, before)
    assert not module[0].weight.requires_grad


def test_bounds_by_patterns():
    module = network()
    bounds = {"*.bias": (0.0, 0.5), "2.*": (-9.0, -8.0)}
    nogd.fit(module, X, Y, learner="random-search", bounds=bounds, budget=100, target=-1.0)
    objective = nogd.objective(module, X, Y, bounds=bounds)
    assert objective.space.low.tolist() == [-5.0] * 12 + [0.0] * 4 + [-9.0] * 4 + [0.0]
    assert objective.space.high.tolist() == [5.0] * 12 + [0.5] * 4 + [-8.0] * 4 + [0.5]


def test_the_box_is_where_is_searched_and_no_constraint():
    module = network(50.0)
    run = nogd.fit(module, X, Y, learner="sgd,lr=1e-9", bounds=(-1, 1), budget=5)
    assert run.theta.abs().max() > 20


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_dtype_is_that_of_the_work_and_the_module_keeps_its_own(dtype):
    module = network()
    run = nogd.fit(module, X, Y, learner="adam", dtype=dtype, budget=20)
    assert run.theta.dtype == dtype
    assert {p.dtype for p in module.parameters()} == {torch.float64}


def test_the_seed_decides():
    def theta(seed: int) -> list[float]:
        return nogd.fit(network(5.0), X, Y, learner="random-search", budget=100, seed=seed).theta.tolist()

    assert theta(0) == theta(0) != theta(1)


@pytest.mark.parametrize(
    "convert",
    [
        lambda t: t.numpy(),
        lambda t: t.tolist(),
        lambda t: pd.DataFrame(t.numpy()),
        lambda t: t.numpy().astype(">f8"),
        lambda t: t.numpy()[::-1][::-1],
        lambda t: np.asfortranarray(t.numpy()),
    ],
    ids=["array", "lists", "frame", "big-endian", "strided", "fortran"],
)
def test_data_in_whatever_people_hold_them(convert):
    expected = nogd.fit(network(), X, Y, learner="adam", budget=20)
    assert torch.equal(
        nogd.fit(network(), convert(X), convert(Y), learner="adam", budget=20).theta, expected.theta
    )


def test_data_that_are_read_only_give_no_warning_and_are_not_looked_at_again():
    inputs = X.numpy().copy()
    objective = nogd.objective(network(), inputs, Y)
    before = objective.measure(plain.read(network()))
    inputs[:] = 0
    assert objective.measure(plain.read(network())) == before
    inputs.setflags(write=False)
    nogd.objective(network(), inputs, Y)


def test_whole_numbers_and_flat_targets():
    run = nogd.fit(network(), (X * 10).int(), Y[:, 0], learner="adam", budget=10)
    assert math.isfinite(run.loss)


# -- objective


def test_an_objective_scores_candidates():
    module = network()
    candidates = plain.thetas(5, 21)
    found = nogd.objective(module, X, Y, loss="mae").losses(nogd.Population(candidates))
    torch.testing.assert_close(found, plain.losses(module, candidates, X, Y, F.l1_loss))


def test_an_objective_tells_what_it_is():
    objective = nogd.objective(network(), X, Y)
    assert (objective.D, objective.N, objective.dtype) == (21, 20, torch.float64)
    assert objective.features == {
        "outputs",
        "curvature",
        "directional",
        "layers",
        "observations",
        "readout",
        "gradient",
    }
    stepped = nogd.objective(network(), X, Y > 0, loss="zero-one")
    assert stepped.features == {"outputs", "layers", "observations", "readout"}
    assert objective.inputs.shape == (20, 3)
    assert "stack" in objective.engine


# -- what goes wrong while it runs


def test_nan_losses_never_become_the_solution():
    def sometimes(outputs: Tensor, targets: Tensor) -> Tensor:
        loss = F.mse_loss(outputs, targets)
        return torch.where(outputs.mean() > 0, loss * math.nan, loss)

    for learner in ("random-search", "grid-search"):
        module = network()
        run = nogd.fit(module, X, Y, learner=learner, loss=sometimes, budget=300)
        assert math.isfinite(run.best_loss)
        assert torch.isfinite(run.theta).all()


def test_a_run_that_diverges_leaves_the_last_finite_parameters():
    module = network()
    run = nogd.fit(module, X, Y, learner="sgd,lr=1e200", budget=60)
    assert run.status == "diverged"
    assert torch.isfinite(plain.read(module)).all()
    assert math.isfinite(run.loss)
    assert "final loss is" in run.reason


def test_ctrl_c_leaves_what_was_found():
    module, calls = network(5.0), []

    def score(module: nn.Module) -> float:
        calls.append(loss_of(module))
        if len(calls) == 150:
            raise KeyboardInterrupt
        return calls[-1]

    with pytest.raises(KeyboardInterrupt):
        nogd.minimize(module, score, learner="random-search,population=10", budget=1_000)
    assert loss_of(module) < calls[0]
    told = calls[: 150 - 11]  # the last generation was not finished
    assert loss_of(module) == pytest.approx(min(told), rel=1e-12)


def test_an_error_of_the_score_is_the_users_to_see_and_leaves_what_was_found():
    module, calls = network(5.0), []

    def score(module: nn.Module) -> float:
        calls.append(loss_of(module))
        return calls[-1] if len(calls) < 100 else 1 / 0

    with pytest.raises(ZeroDivisionError):
        nogd.minimize(module, score, learner="random-search,population=10", budget=1_000)
    assert loss_of(module) < calls[0]


def test_a_gradient_that_is_zero_everywhere_is_said_once():
    class Step(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.sign(x)

    module = nn.Sequential(nn.Linear(3, 1, dtype=torch.float64), Step())
    with pytest.warns(NogdWarning, match="the gradient is exactly zero everywhere") as caught:
        nogd.fit(module, X, Y, learner="adam", budget=20)
    assert len(caught) == 1


def test_a_gradient_that_is_not_zero_is_passed_over_in_silence():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nogd.fit(network(), X, Y, learner="adam", budget=20)


def test_minimize_by_a_score():
    module = network(5.0)
    before = loss_of(module)
    run = nogd.minimize(module, loss_of, learner="grid-search,points=5", budget=300)
    assert run.loss == pytest.approx(loss_of(module), rel=1e-12)
    assert run.loss < before
    assert run.meter.evaluations == run.meter.forwards <= 300


def test_a_score_may_train_inside():
    def score(module: nn.Module) -> Tensor:
        with torch.enable_grad():
            return F.mse_loss(module(X), Y)

    run = nogd.minimize(network(), score, learner="random-search", budget=40)
    assert not run.theta.requires_grad


def test_a_learner_is_refused_where_it_cannot_work():
    with pytest.raises(InvalidSetting, match="adam is not applicable: adam needs a gradient"):
        nogd.fit(network(), X, Y > 0, loss="zero-one", learner="adam")


# -- what users get wrong


def fit(module: object = None, x: object = X, y: object = Y, **settings: object) -> nogd.Run:
    module = network() if module is None else module
    return nogd.fit(module, x, y, **({"learner": "adam", "budget": 10} | settings))


MISUSES = {
    "learner": (lambda: fit(learner="adan"), UnknownName, "'adan'; did you mean 'adam'"),
    "hyper-parameter": (lambda: fit(lrr=1), InvalidSetting, "no hyper-parameter 'lrr'; did you mean 'lr'"),
    "range": (
        lambda: fit(lr=-1),
        InvalidSetting,
        "adam: lr = -1 is not right: input should be greater than 0",
    ),
    "type": (lambda: fit(lr="fast"), InvalidSetting, "lr = 'fast'"),
    "no learner": (lambda: fit(learner=None), InvalidSetting, "a learner is a name such as"),
    "loss": (lambda: fit(loss="mes"), UnknownName, "'mes'; did you mean 'mse'"),
    "loss shape": (lambda: fit(loss=lambda z, y: (z - y) ** 2), InvalidSetting, r"one number.*\[20, 1\]"),
    "budget zero": (lambda: fit(budget=0), InvalidSetting, "budget: forwards = 0"),
    "budget text": (lambda: fit(budget="lots"), InvalidSetting, "budget: forwards = 'lots'"),
    "budget nan": (lambda: fit(budget=math.nan), InvalidSetting, "budget: forwards = nan"),
    "budget empty": (
        lambda: fit(budget={}),
        InvalidSetting,
        "budget: a budget limits something: give forwards",
    ),
    "budget of nothing": (
        lambda: fit(budget={"seconds": None}),
        InvalidSetting,
        "budget: a budget limits something",
    ),
    "budget infinite": (lambda: fit(budget=math.inf), InvalidSetting, "budget: a limit must be finite"),
    "budget name": (
        lambda: fit(budget={"forward": 3}),
        InvalidSetting,
        "budget: there is no setting 'forward'",
    ),
    "bounds": (
        lambda: fit(bounds=5),
        InvalidSetting,
        r"bounds must be a pair \(low, high\) of numbers, not 5",
    ),
    "bounds of three": (lambda: fit(bounds=(1, 2, 3)), InvalidSetting, "bounds must be a pair"),
    "bounds reversed": (lambda: fit(bounds=(5, -5)), InvalidSetting, "low <= high"),
    "bounds infinite": (lambda: fit(bounds=(0, math.inf)), InvalidSetting, "finite pair"),
    "bounds name": (lambda: fit(bounds={"2.wieght": (0, 1)}), InvalidSetting, "did you mean '2.weight'"),
    "bounds key": (lambda: fit(bounds={5: (0, 1)}), InvalidSetting, "5 is no name"),
    "bounds value": (lambda: fit(bounds={"*": "ab"}), InvalidSetting, r"bounds\['\*'\] must be a pair"),
    "seed text": (lambda: fit(seed="a"), InvalidSetting, "seed must be a whole number.*'a'"),
    "seed fraction": (lambda: fit(seed=1.5), InvalidSetting, "seed must be a whole number"),
    "seed huge": (lambda: fit(seed=2**70), InvalidSetting, "seed must be a whole number"),
    "target": (lambda: fit(target="low"), InvalidSetting, "target must be a number, not 'low'"),
    "target nan": (lambda: fit(target=math.nan), InvalidSetting, "target must be a number, not nan"),
    "device": (lambda: fit(device="gpu"), InvalidSetting, "device 'gpu' is not available on this machine"),
    "device number": (
        lambda: fit(device=3.5),
        InvalidSetting,
        "device '3.5' is not available on this machine",
    ),
    "device meta": (
        lambda: fit(device="meta"),
        InvalidSetting,
        "device 'meta' is not available on this machine",
    ),
    "dtype": (lambda: fit(dtype=torch.int32), InvalidSetting, "dtype must be a floating-point type"),
    "dtype text": (lambda: fit(dtype="float64"), InvalidSetting, "dtype must be a floating-point type"),
    "batch size": (lambda: fit(batch_size=0), InvalidSetting, "batch_size must be .* not 0"),
    "batch size text": (lambda: fit(batch_size="a"), InvalidSetting, "batch_size must be .* not 'a'"),
    "module": (lambda: fit("net"), InvalidSetting, "must be a torch.nn.Module, not a str"),
    "module class": (lambda: fit(nn.Linear), InvalidSetting, "must be a torch.nn.Module, not a type"),
    "no parameters": (lambda: fit(nn.Sequential()), InvalidSetting, "nothing to train"),
    "all frozen": (lambda: fit(network().requires_grad_(False)), InvalidSetting, "nothing to train"),
    "lazy": (lambda: fit(nn.LazyLinear(1)), InvalidSetting, "lazy parameters without a shape; call it once"),
    "features": (lambda: fit(x=X[:, :2]), DataError, r"cannot process inputs of shape \[20, 2\]"),
    "rows": (lambda: fit(y=Y[:5]), DataError, "20 rows of inputs but 5 targets"),
    "empty": (lambda: fit(x=X[:0], y=Y[:0]), DataError, "the data are empty"),
    "nan": (lambda: fit(x=X * math.nan), DataError, r"the inputs hold nan at \[0, 0\] \(60 values"),
    "infinite": (lambda: fit(y=Y * math.inf), DataError, "the targets hold -?inf"),
    "too large": (lambda: fit(x=X * 1e300, dtype=torch.float32), DataError, "not finite in torch.float32"),
    "text": (
        lambda: fit(x=[["a"] * 3] * 20),
        DataError,
        "the inputs must be numbers, but they are of type <U1",
    ),
    "objects": (lambda: fit(x=pd.DataFrame({"a": ["x"] * 20})), DataError, "must be numbers"),
    "dates": (lambda: fit(x=pd.date_range("2020", "2021", 20)), DataError, "must be numbers.*datetime64"),
    "nothing": (lambda: fit(y=None), DataError, "the targets must be numbers"),
    "ragged": (lambda: fit(x=[[1], [1, 2]]), DataError, "do not form an array"),
    "one number": (lambda: fit(x=3.0), DataError, "one row for each example"),
    "complex": (lambda: fit(x=X.to(torch.complex64)), DataError, "must be real numbers"),
    "sparse": (lambda: fit(x=X.to_sparse()), DataError, "in a dense tensor"),
    "target shape": (lambda: fit(y=torch.zeros(20, 2)), DataError, r"outputs of shape \[20, 1\].*\[20, 2\]"),
    "classes": (lambda: fit(loss="cross-entropy"), DataError, "integer class numbers"),
    "several outputs": (lambda: fit(nn.LSTM(3, 2).double()), DataError, "the module returns a tuple"),
    "score": (
        lambda: nogd.minimize(network(), 5, learner="sgd"),
        InvalidSetting,
        "score must be a callable.*5",
    ),
    "score of none": (
        lambda: nogd.minimize(network(), lambda module: None, learner="random-search"),
        InvalidSetting,
        "the score must give one number for a module, but it gave NoneType",
    ),
    "score of several": (
        lambda: nogd.minimize(network(), lambda module: torch.zeros(3), learner="random-search"),
        InvalidSetting,
        "the score must give one number for a module, but it gave Tensor",
    ),
}


@pytest.mark.parametrize("misuse", MISUSES)
def test_every_misuse_is_one_clear_sentence(misuse):
    call, kind, sentence = MISUSES[misuse]
    with pytest.raises(kind, match=sentence) as caught:
        call()
    assert isinstance(caught.value, UserError)
    assert "\n" not in str(caught.value)


def test_a_misuse_leaves_the_module_alone():
    module = network()
    before = copy.deepcopy(module.state_dict())
    with pytest.raises(UserError):
        fit(module, y=Y[:5])
    with pytest.raises(UserError):
        fit(module, budget=0)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_a_population_may_be_an_array():
    module, (x, y) = plain.network(2, 1), plain.data(5, 2)
    objective = nogd.objective(module, x, y)
    thetas = plain.thetas(3, objective.D)
    losses = objective.losses(nogd.Population(thetas.numpy()))
    assert torch.equal(losses, objective.losses(nogd.Population(thetas)))


class Cutter(nogd.Learner):
    """Leaves half a network behind."""

    name = "cutter"

    def init(self, objective, theta, rng):
        return nogd.State(theta=theta)

    def step(self, objective, state):
        state.theta = state.theta[:2]


def test_a_recommendation_of_the_wrong_shape_names_the_learner():
    with pytest.raises(nogd.UserError, match=r"cutter left a recommendation of shape \[2\]"):
        nogd.fit(plain.network(2, 1), *plain.data(5, 2), learner=Cutter)
