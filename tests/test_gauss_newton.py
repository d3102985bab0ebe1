"""Gauss-Newton from outputs: against the step that autograd gives, and against gradient descent."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable

import plain
import pytest
import torch
import torch.nn.functional as F
from scipy.optimize import least_squares
from torch import Generator, Tensor, nn

import nogd
from nogd.engine.objective import Objective
from nogd.errors import InvalidSetting
from nogd.learners.damped_step import damped_step, flops_of_step
from nogd.learners.directions import Directions
from nogd.learners.gauss_newton import GaussNewton
from nogd.tasks.networks import Sign
from nogd.training.learner import refusal

ROWS = 30


def objective(loss: str = "mse", outputs: int = 2, widths: tuple[int, ...] = (3, 5)) -> Objective:
    module = plain.network(*widths, outputs, activation=nn.Tanh)
    x, y = plain.data(ROWS, 3, outputs)
    if loss == "cross-entropy":
        return nogd.objective(module, x, plain.classes(ROWS, outputs), loss=loss)
    return nogd.objective(module, x, (y > 0).double() if loss == "binary-cross-entropy" else y, loss=loss)


def theta_of(made: Objective) -> Tensor:
    return plain.thetas(1, made.D)[0]


def rng() -> Generator:
    return Generator().manual_seed(0)


def every(space: Directions, theta: Tensor) -> nogd.Subspace:
    return space.single(theta, torch.arange(space.size), None, 1e-6)


def by_autograd(made: Objective, theta: Tensor, damping: float) -> Tensor:
    """The damped step of all parameters, by the whole Jacobian of the outputs."""
    module = copy.deepcopy(made.module)

    def outputs(point: Tensor) -> Tensor:
        return torch.func.functional_call(module, made.space.split(point), (made.inputs,))

    jacobian = torch.func.jacrev(outputs)(theta).movedim(-1, 0)
    curve = made.curvature(outputs(theta).detach())
    matrix = torch.einsum("ino,jno->ij", jacobian, curve.product(jacobian))
    slope = (jacobian * curve.gradient).sum((1, 2))
    damped = matrix + damping * matrix.diagonal().mean() * torch.eye(made.D, dtype=theta.dtype)
    return -torch.linalg.solve(damped, slope)


@pytest.mark.parametrize("loss", ["mse", "binary-cross-entropy"])
@pytest.mark.parametrize("damping", [0.01, 1.0])
def test_a_full_step_is_that_of_the_whole_jacobian(loss, damping):
    """With a probe along each coordinate of the hidden layers, and the last layer eliminated."""
    made = objective(loss)
    theta = theta_of(made)
    space = Directions.of(made)
    assert space.readout
    gram = made.gram(every(space, theta), readout=True)
    step, own = damped_step(gram, damping)
    expected = by_autograd(made, theta, damping)
    torch.testing.assert_close(step, expected[: space.size], rtol=1e-4, atol=1e-7)
    weights = torch.cat([own[:, :-1].flatten(), own[:, -1]])
    torch.testing.assert_close(weights, expected[space.size :], rtol=1e-4, atol=1e-7)


def test_without_a_last_layer_the_step_is_that_of_all_parameters():
    x, y = plain.data(ROWS, 3, 2)
    made = nogd.objective(nn.Sequential(nn.Linear(3, 2), nn.Tanh()).double(), x, y)
    space = Directions.of(made)
    assert (space.size, space.readout, space.units) == (made.D, False, ())
    theta = theta_of(made)
    step, own = damped_step(made.gram(every(space, theta)), 0.1)
    assert own is None
    torch.testing.assert_close(step, by_autograd(made, theta, 0.1), rtol=1e-4, atol=1e-7)


class Residuals(nn.Module):
    """A problem of More, Garbow and Hillstrom (1981, doi 10.1145/355934.355936): the residuals are its outputs."""

    def __init__(self, formula: Callable[[Tensor], list[Tensor]], start: list[float]) -> None:
        super().__init__()
        self.formula, self.x = formula, nn.Parameter(torch.tensor(start, dtype=torch.float64))

    def forward(self, rows: Tensor) -> Tensor:
        return torch.stack(self.formula(self.x))[:, None] + 0 * rows


def helix(x: Tensor) -> list[Tensor]:
    turn = torch.atan2(x[1], x[0]) / (2 * math.pi)
    return [10 * (x[2] - 10 * turn), 10 * (x[:2].square().sum().sqrt() - 1), x[2]]


MGH: dict[str, tuple[Callable[[Tensor], list[Tensor]], list[float]]] = {
    "rosenbrock": (lambda x: [10 * (x[1] - x[0] ** 2), 1 - x[0]], [-1.2, 1.0]),
    "helical valley": (helix, [-1.0, 0.0, 0.0]),
    "powell singular": (
        lambda x: [
            x[0] + 10 * x[1], 5**0.5 * (x[2] - x[3]), (x[1] - 2 * x[2]) ** 2, 10**0.5 * (x[0] - x[3]) ** 2,
        ],
        [3.0, -1.0, 0.0, 1.0],
    ),
    "freudenstein and roth": (
        lambda x: [
            -13 + x[0] + ((5 - x[1]) * x[1] - 2) * x[1], -29 + x[0] + ((x[1] + 1) * x[1] - 14) * x[1],
        ],
        [6.0, 5.0],
    ),
}  # fmt: skip


@pytest.mark.parametrize("problem", MGH)
def test_least_squares_are_solved_about_as_fast_as_scipy_solves_them(problem):
    formula, start = MGH[problem]
    module = Residuals(formula, start)
    rows = torch.zeros(len(formula(module.x)), 1, dtype=torch.float64)
    first = float(F.mse_loss(module(rows), rows).detach())
    calls: list[float] = []

    def residuals(point: object) -> object:
        with torch.no_grad():
            found = torch.stack(formula(torch.as_tensor(point)))
        calls.append(float(found.square().mean()))
        return found.numpy()

    least_squares(residuals, start, jac="2-point", method="lm", xtol=1e-14, ftol=1e-14)
    theirs = next(k for k, loss in enumerate(calls, 1) if loss <= 1e-6 * first)
    run = nogd.fit(
        module, rows, rows, learner="gauss-newton,radius=1e-5", budget=20 * theirs, target=1e-6 * first
    )
    assert run.status == "target"
    assert run.meter.evaluations <= 3 * theirs


@pytest.mark.parametrize("directions", ["auto", "isotropic", "units"])
@pytest.mark.parametrize("loss", ["mse", "cross-entropy"])
def test_the_loss_never_rises_and_falls_far(directions, loss):
    made = objective(loss, 3, (3, 12, 8))
    learner = GaussNewton(probes=10, directions=directions)
    state = learner.init(made, theta_of(made), rng())
    losses = [state.loss]
    for _ in range(40):
        learner.step(made, state)
        losses.append(float(made.losses(nogd.Population(state.theta[None]))[0]))
        assert losses[-1] == pytest.approx(state.loss)
    assert all(after <= before for before, after in itertools.pairwise(losses))
    assert losses[-1] < 0.3 * losses[0]
    assert state.iteration == 40


def moons() -> tuple[Tensor, Tensor]:
    angle = math.pi * torch.linspace(0, 1, 100, dtype=torch.float64)
    upper = torch.stack([angle.cos(), angle.sin()], 1)
    x = torch.cat([upper, torch.tensor([1.0, 0.5]) - upper])
    bits = torch.cat([torch.zeros(100), torch.ones(100)]).double()[:, None]
    return x + 0.2 * torch.randn(200, 2, generator=rng(), dtype=torch.float64), bits


def test_it_trains_a_smooth_network_as_far_as_adam_does_for_the_same_forwards():
    x, bits = moons()
    found = {}
    for learner in ("gauss-newton", "adam,lr=0.1", "adam,lr=0.01", "random-search"):
        module = plain.network(2, 16, 16, 1, activation=nn.Tanh, scale=0.5)
        found[learner] = nogd.fit(
            module, x, bits, loss="binary-cross-entropy", learner=learner, budget=2000
        ).loss
    assert found["gauss-newton"] < 1.1 * min(found["adam,lr=0.1"], found["adam,lr=0.01"])
    assert found["gauss-newton"] < 0.1 * found["random-search"]


def test_probes_that_see_nothing_go_further():
    x, bits = moons()
    made = nogd.objective(
        nn.Sequential(nn.Linear(2, 16), Sign(), nn.Linear(16, 1)).double(),
        x,
        bits,
        loss="binary-cross-entropy",
    )
    learner = GaussNewton(radius=1e-6)
    state = learner.init(made, theta_of(made), rng())
    for _ in range(80):
        learner.step(made, state)
    assert state.radius > 1e-3
    assert state.loss < 0.4


def test_a_black_box_that_returns_outputs_is_called_as_often_as_it_is_paid_for():
    calls = 0
    x, y = plain.data(ROWS, 3, 2)

    def call(module: nn.Module) -> Tensor:
        nonlocal calls
        calls += 1
        return module(x).detach()

    module = plain.network(3, 5, 2, activation=nn.Tanh)
    before = float(F.mse_loss(call(module), y))
    calls = 0
    run = nogd.minimize(module, call, targets=y, loss="mse", learner="gauss-newton,probes=10", budget=300)
    assert calls == run.meter.forwards == run.meter.evaluations <= 300
    assert run.loss < 0.5 * before


@pytest.mark.parametrize(("probes", "tries"), [(6, 1), (24, 4)])  # in turn, and the first helps, or at once
def test_its_own_arithmetic_is_paid(probes, tries):
    made = objective(widths=(3, 12))
    learner = GaussNewton(probes=probes)
    state = learner.init(made, theta_of(made), rng())
    before = made.meter.forwards
    learner.step(made, state)
    gram = made.gram(Directions.of(made).normal(state.theta, probes, None, 0.01, rng()), readout=True)
    own = tries * flops_of_step(probes, gram) / made.forward_flops
    assert made.meter.forwards - before == pytest.approx(
        2 * made.gram_cost(probes, readout=True) + tries + own
    )


def test_few_probes_try_one_damping_after_the_other_until_one_helps():
    """On Rosenbrock's curved valley the first is often too small: then the same probes serve the next ones."""
    module = Residuals(*MGH["rosenbrock"])
    rows = torch.zeros(2, 1, dtype=torch.float64)
    made = nogd.objective(module, rows, rows, loss="mse", engine="loop")
    learner = GaussNewton(probes=2, radius=1e-5)
    state = learner.init(made, plain.read(module), rng())
    tries = []
    for _ in range(25):
        before, loss = made.meter.evaluations, state.loss
        learner.step(made, state)
        tries.append(made.meter.evaluations - before - 3)
        assert state.loss < loss or tries[-1] == 5 or state.loss < 1e-20
    assert set(tries) >= {1, 2}
    assert max(tries) <= 5


def one_minus_f1(outputs: Tensor, targets: Tensor) -> Tensor:
    """It counts, so that it has no slope."""
    said = (outputs > 0).to(targets.dtype)
    return 1 - 2 * (said * targets).sum() / (said.sum() + targets.sum()).clamp_min(1)


def test_it_is_told_where_it_cannot_work():
    x, bits = moons()
    made = nogd.objective(plain.network(2, 4, 1, activation=nn.Tanh), x, bits, loss=one_minus_f1)
    assert "nothing is known to stand for the loss 'one_minus_f1'" in str(refusal(GaussNewton(), made))
    assert refusal(GaussNewton(surrogate="binary-cross-entropy"), made) is None
    assert "class numbers" in str(refusal(GaussNewton(surrogate="cross-entropy"), made))
    assert refusal(GaussNewton(), objective()) is None


@pytest.mark.parametrize(
    ("loss", "setting"), [("zero-one", ""), (one_minus_f1, ",surrogate=binary-cross-entropy")]
)
def test_a_loss_without_a_slope_falls_by_way_of_one_that_has_it(loss, setting):
    x, bits = moons()
    module = plain.network(2, 8, 1, activation=nn.Tanh)
    before = float(
        nogd.objective(module, x, bits, loss=loss).losses(nogd.Population(plain.read(module)[None]))[0]
    )
    run = nogd.fit(module, x, bits, loss=loss, learner=f"gauss-newton{setting}", budget=500, seed=1)
    assert run.status == "budget"
    assert run.loss < 0.35 * before
    assert run.loss == pytest.approx(run.curve["loss"].min())


def test_the_surrogate_of_a_loss_is_followed_as_the_loss_itself_would_be():
    """With the own loss named as its surrogate nothing changes but that outputs are asked for in place of losses."""
    x, bits = moons()
    made = [
        nogd.objective(plain.network(2, 5, 1, activation=nn.Tanh), x, bits, loss="binary-cross-entropy")
        for _ in range(2)
    ]
    states = []
    for each, learner in zip(
        made, (GaussNewton(), GaussNewton(surrogate="binary-cross-entropy")), strict=True
    ):
        states.append(learner.init(each, theta_of(each), rng()))
        for _ in range(8):
            learner.step(each, states[-1])
    one, other = states
    torch.testing.assert_close(one.theta, other.theta)
    assert one.loss == pytest.approx(other.loss)
    assert one.value == one.loss < 0.5
    assert made[0].meter.forwards == pytest.approx(made[1].meter.forwards)


class HeadFirst(nn.Module):
    """The last layer is the first in theta."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.body = nn.Linear(5, 2), nn.Linear(3, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.body(x)))


class HeadApart(HeadFirst):
    """Its bias lies behind the rest."""

    def __init__(self) -> None:
        super().__init__()
        bias = self.head.bias
        self.head = nn.Linear(5, 2, bias=False)
        self.body = nn.Linear(3, 5)
        self.head.bias = bias


@pytest.mark.parametrize("module", [HeadFirst, HeadApart])
def test_a_last_layer_that_does_not_lie_at_the_end_is_searched_as_the_others_are(module):
    made = nogd.objective(plain.drawn(module().double(), 0), *plain.data(ROWS, 3, 2))
    space = Directions.of(made)
    if "readout" in made.features and not space.readout:
        assert space.size == made.D
        learner = GaussNewton()
        state = learner.init(made, theta_of(made), rng())
        before = state.loss
        for _ in range(5):
            learner.step(made, state)
        assert state.loss < before


def test_where_the_last_layer_lies():
    made = objective()
    assert made.last_layer == slice(20, 32)
    x, y = plain.data(ROWS, 3, 2)
    with pytest.raises(InvalidSetting, match="must end in a linear layer"):
        _ = nogd.objective(nn.Sequential(nn.Linear(3, 2), nn.Tanh()).double(), x, y).last_layer
