"""The Gauss-Newton matrix of probes: as written out in full, as torch.func has it for a small radius, and paid for."""

from __future__ import annotations

import copy
import math
from typing import Any

import plain
import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from largest import Largest
from random_networks import ACTIVATIONS, HALVES, freezings, images, stacks, vectors
from torch import Tensor, nn

import nogd
from nogd.engine.accounts.meter import BudgetSpent, Limit, TargetReached
from nogd.engine.curvature import curvature_at
from nogd.engine.losses import find_loss
from nogd.engine.making import make_network
from nogd.engine.objective import Objective
from nogd.engine.space import ParameterSpace
from nogd.errors import InvalidSetting, NotDifferentiable
from nogd.testing.learner.counting import Spied

D, ROWS = torch.float64, 12
LOSSES = ["mse", "huber", "binary-cross-entropy", "cross-entropy"]


def targets(loss: Any, outputs: int) -> Tensor:
    if loss == "cross-entropy":
        return plain.classes(ROWS, outputs)
    numbers = plain.data(ROWS, 1, outputs)[1]
    return (numbers > 0).double() if loss == "binary-cross-entropy" else numbers


def of_fourth_powers(outputs: Tensor, wanted: Tensor) -> Tensor:
    """No formula of it is known."""
    return (outputs - wanted).pow(4).mean()


def outputs_of(module: nn.Module, theta: Tensor, x: Tensor) -> Tensor:
    plain.write(theta, module)
    with torch.no_grad():
        return module(x)


def hessian(outputs: Tensor, y: Tensor, loss: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Loss, gradient and Hessian with respect to flat outputs."""
    plainly = find_loss(loss)

    def of(flat: Tensor) -> Tensor:
        return plainly(flat.view(outputs.shape), y)

    flat = outputs.reshape(-1)
    of_flat = torch.autograd.functional
    return of(flat), of_flat.jacobian(of, flat), of_flat.hessian(of, flat)


def dense(
    module: nn.Module, x: Tensor, y: Tensor, loss: Any, probes: nogd.Subspace
) -> tuple[Tensor, Tensor, Tensor]:
    """Losses of the probes, slope and matrix, from the outputs of the user's own module and nothing reduced."""
    module = copy.deepcopy(module)
    base = outputs_of(module, probes.theta, x)
    every = [outputs_of(module, theta, x) for theta in probes.dense()]
    jacobian = torch.stack([(each - base).reshape(-1) / probes.radius for each in every])
    _, gradient, curve = hessian(base, y, loss)
    losses = torch.stack([find_loss(loss)(each, y) for each in every])
    return losses, jacobian @ gradient, jacobian @ curve @ jacobian.T


def probes_of(made: Objective, draw: int, radius: float = 0.3) -> nogd.Subspace:
    """Directions of one tensor, of all behind one, of everything and of nothing; and seeds."""
    theta = plain.thetas(1, made.D)[0] / 2
    directions = plain.thetas(4, made.D, draw)
    one, other = (made.space.tensors[(draw + k) % len(made.space.tensors)] for k in (0, 1))
    directions[0, : one.start] = directions[0, one.stop :] = 0
    directions[1, : other.start] = 0
    directions[2] = 0
    return nogd.Subspace(theta, directions, radius, seeds=(draw,))


def close(found: nogd.engine.gram.found.Gram, expected: tuple[Tensor, Tensor, Tensor]) -> None:
    for ours, theirs in zip((found.losses, found.slope, found.matrix), expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-9 * (1 + float(theirs.abs().max())))


@pytest.mark.filterwarnings("ignore::nogd.errors.NogdWarning")  # of vmap, where torch warns of a slow rule
@pytest.mark.parametrize("engine", ["stack", "chain", "loop"])
@settings(deadline=None, derandomize=True, max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.data(),
    loss=st.sampled_from([*LOSSES, of_fourth_powers]),
    small=HALVES,
    some=HALVES,
    number=st.integers(0, 10**6),
)
def test_it_is_the_one_written_out(engine, data, loss, small, some, number):
    shape = (2, 6, 6) if engine == "chain" and data.draw(HALVES) else (5,)
    drawn = stacks(5, ACTIVATIONS) if engine == "stack" else images(2, 6) if len(shape) > 1 else vectors(5)
    module = data.draw(freezings(nn.Sequential(*data.draw(drawn))))
    if engine == "stack":
        module.requires_grad_(True)
    x = plain.data(ROWS, math.prod(shape))[0].view(ROWS, *shape)
    outputs = module(x).shape[1]
    if outputs == 1 and loss == "cross-entropy":
        loss = "mse"
    y = targets(loss, outputs)
    made = nogd.objective(module, x, y, loss=loss, engine=engine)
    probes, rows = probes_of(made, number), torch.tensor([3, 0, 0, 7]) if some else None
    own = copy.deepcopy(made.module)  # whose running statistics were gathered
    expected = dense(own, *((x, y) if rows is None else (x[rows], y[rows])), loss, probes)
    with pytest.MonkeyPatch.context() as patch:
        if small:
            patch.setattr("nogd.engine.gram.reducing._BLOCK", 40)
            patch.setitem(nogd.engine.layers.chunks.CHUNK_ELEMENTS, "cpu", 300)
        close(made.gram(probes, rows), expected)


def network(loss: str = "mse", activation: type[nn.Module] = nn.Tanh) -> tuple[nn.Sequential, Tensor, Tensor]:
    outputs = 3
    return (
        plain.network(4, 6, 5, outputs, activation=activation, scale=0.5),
        plain.data(ROWS, 4)[0],
        targets(loss, outputs),
    )


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch's own use of it
@pytest.mark.parametrize("loss", LOSSES)
def test_for_a_small_radius_it_is_the_gauss_newton_matrix_of_torch(loss):
    module, x, y = network(loss)
    made = nogd.objective(module, x, y, loss=loss)
    theta = plain.read(module)
    names = [name for name, _ in module.named_parameters()]

    def outputs(point: Tensor) -> Tensor:
        parts = made.space.split(point)
        found: Tensor = torch.func.functional_call(module, {name: parts[name] for name in names}, (x,))
        return found.reshape(-1)

    jacobian = torch.func.jacrev(outputs)(theta)
    value, gradient, curve = hessian(module(x).detach(), y, loss)
    found = made.gram(nogd.Subspace(theta, torch.eye(made.D, dtype=D), 1e-6))
    torch.testing.assert_close(found.loss, value)
    torch.testing.assert_close(found.slope, gradient @ jacobian, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(found.matrix, jacobian.T @ curve @ jacobian, rtol=1e-4, atol=1e-6)


def in_both_types(layer: int | None, radius: float) -> tuple[float, float]:
    """The error of the matrix in float32 beside that in float64; and of one from subtracted outputs."""
    module, x, y = network(activation=nn.ReLU)
    made = nogd.objective(copy.deepcopy(module).float(), x.float(), y.float(), engine="stack")
    exact = nogd.objective(module, x, y, engine="stack")
    theta = plain.read(module).float()
    place = None
    if layer is not None:
        place = slice(made.space.tensors[2 * layer].start, made.space.tensors[2 * layer].stop)
    single = nogd.Subspace(theta, None, radius, seeds=(1, 2, 3, 4, 5), within=place)
    directions = single.moves(range(5), 0, made.D)
    double = nogd.Subspace(theta.double(), directions.double(), radius)
    wanted = exact.gram(double).matrix
    changes = (made.outputs(single) - made.outputs(nogd.Population(theta[None]))).flatten(1).double()
    subtracted = changes @ changes.T / radius**2 * (2 / changes.shape[1])

    def error(matrix: Tensor) -> float:
        return float((matrix.double() - wanted).norm() / wanted.norm())

    return error(made.gram(single).matrix), error(subtracted)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_in_single_precision_a_layers_differences_do_not_drown(layer):
    ours, subtracted = in_both_types(layer, 1e-6)
    assert ours < 0.01
    assert subtracted > 0.02


def test_in_single_precision_differences_of_all_layers_keep_their_digits():
    ours, subtracted = in_both_types(None, 1e-3)
    assert ours < 1e-3
    assert ours < 2 * subtracted


# -- the last layer


@pytest.mark.parametrize("engine", ["stack", "loop"])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("rows", [None, torch.tensor([2, 5, 5, 1])])
def test_the_last_layer_needs_no_probes(engine, loss, rows):
    module, x, y = network(loss)
    made = nogd.objective(module, x, y, loss=loss, engine=engine)
    theta = plain.read(module)
    last = slice(made.space.tensors[-2].start, made.D)
    probes = nogd.Subspace(theta, None, 1e-2, seeds=(1, 2), within=slice(0, last.start))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nogd.engine.gram.reducing._BLOCK", 18)
        found = made.gram(probes, rows, readout=True)
    assert found.readout is not None
    assert (found.readout.weight, found.readout.bias) == (
        slice(last.start, made.D - 3),
        slice(made.D - 3, made.D),
    )
    # A small radius along each of its weights is exact, as the outputs are linear in them.
    unit = torch.eye(made.D, dtype=D)
    order = [[*range(last.start + 5 * c, last.start + 5 * c + 5), made.D - 3 + c] for c in range(3)]
    directions = torch.cat(
        [probes.moves([0, 1], 0, made.D), unit[[place for some in order for place in some]]]
    )
    whole = made.gram(nogd.Subspace(theta, directions, 1e-2), rows)
    torch.testing.assert_close(found.matrix, whole.matrix[:2, :2])
    torch.testing.assert_close(found.readout.slope.flatten(), whole.slope[2:])
    torch.testing.assert_close(found.readout.coupling.flatten(1), whole.matrix[:2, 2:])
    blocks = torch.block_diag(*found.readout.matrix)
    if loss == "cross-entropy":
        assert torch.linalg.eigvalsh(blocks - whole.matrix[2:, 2:]).min() > -1e-12
        p = made.outputs(nogd.Population(theta[None]), rows)[0].softmax(-1)
        torch.testing.assert_close(found.readout.matrix[:, -1, -1], (2 * p * (1 - p)).mean(0))
    else:
        torch.testing.assert_close(blocks, whole.matrix[2:, 2:])
    assert made.access == "layers"


def test_a_linear_network_is_all_last_layer():
    module, (x, y) = nn.Linear(3, 2).double(), plain.data(ROWS, 3, 2)
    made = nogd.objective(module, x, y)
    found = made.gram(nogd.Subspace(plain.read(module), None, 0.1), readout=True)
    assert (found.slope.shape, found.matrix.shape) == ((0,), (0, 0))
    ones = torch.cat([x, torch.ones(ROWS, 1, dtype=D)], 1)
    assert found.readout is not None
    torch.testing.assert_close(found.readout.matrix[1], ones.T @ ones / ROWS)
    move = -torch.linalg.solve(found.readout.matrix, found.readout.slope[..., None])[..., 0]
    best = plain.read(module)
    best[found.readout.weight] += move[:, :3].flatten()
    best[found.readout.bias] += move[:, 3]
    assert made.gradient(best)[1].abs().max() < 1e-12


# -- what it costs


def test_it_is_paid_by_passes_and_arithmetic():
    made = nogd.objective(*network())
    rows, half = torch.arange(ROWS // 2), made.gram_cost(5, torch.arange(ROWS // 2))
    made.gram(probes_of(made, 0), rows)
    products = 4 * 6 + 6 * 5 + 5 * 3
    assert half == pytest.approx(0.5 * (6 + 3 * (2 * 25 + 30) / (2 * products)))
    assert made.meter.forwards == pytest.approx(half)
    assert (made.meter.evaluations, made.meter.examples) == (6, 6 * ROWS // 2)
    assert made.meter.flops == pytest.approx(half * 2 * products * ROWS)
    assert made.access == "outputs"
    assert made.gram_cost(5, readout=True) == pytest.approx(
        2 * half + 6 * (6 + 3 * 6) / (2 * products) * 2 + 36 / (2 * products)
    )


def test_what_does_not_fit_is_not_computed():
    made = nogd.objective(*network())
    made.begin(plain.thetas(1, made.D)[0], Limit(forwards=made.gram_cost(5) - 0.01), None, None)
    with pytest.raises(BudgetSpent):
        made.gram(probes_of(made, 0))
    assert made.meter.forwards == 0


def test_losses_are_noted_and_the_first_that_meets_the_target_ends_the_run():
    made = nogd.objective(*network())
    probes = probes_of(made, 0)
    found = made.gram(probes)
    torch.testing.assert_close(found.losses, made.losses(probes))
    assert made.trace.best == min(float(found.loss), float(found.losses.min()))
    for k, loss in enumerate([found.loss, *found.losses]):
        if loss >= min([found.loss, *found.losses][:k], default=math.inf):
            continue
        again = nogd.objective(*network())
        again.begin(probes.theta, Limit(), None, float(loss) + 1e-12)
        with pytest.raises(TargetReached) as reached:
            again.gram(probes)
        assert torch.equal(reached.value.theta, probes.at(k - 1) if k else probes.theta)
        assert again.meter.evaluations == k + 1


def test_outputs_of_all_examples_are_never_kept(monkeypatch):
    rows, count = 500, 8
    module = plain.network(4, 6, 5)
    made = nogd.objective(module, *plain.data(rows, 4, 5), engine="stack")
    probes = nogd.Subspace(plain.read(module), plain.thetas(count, made.D), 0.1)
    with Largest() as seen:
        made.gram(probes)
    assert seen.elements >= count * 5 * rows
    monkeypatch.setattr("nogd.engine.gram.reducing._BLOCK", count * 5 * 10)
    with Largest() as seen:
        made.gram(probes)
    assert seen.elements <= max((count + 1) * 6 * 10, count * made.D, rows * 5)


def test_seeds_need_the_memory_of_a_layer():
    module = nn.Sequential(nn.Linear(100, 700), nn.ReLU(), nn.Linear(700, 500), nn.ReLU(), nn.Linear(500, 3))
    made = nogd.objective(module, *plain.data(4, 100, 3, dtype=torch.float32))
    theta = made.space.read(module)
    with Largest() as seen:
        made.gram(nogd.Subspace(theta, None, 0.01, seeds=range(6)))
    assert seen.elements == 700 * 500 < made.D


# -- other data


def test_streamed_data_give_what_they_give_in_memory():
    module, x, y = network("cross-entropy")
    source = torch.utils.data.StackDataset(x, y)
    held = nogd.objective(module, x, y, loss="cross-entropy")
    made = nogd.objective(module, source, loss="cross-entropy", batch_size=5)
    for rows in (None, torch.tensor([1, 8])):
        found, expected = made.gram(probes_of(held, 1), rows), held.gram(probes_of(held, 1), rows)
        close(found, (expected.losses, expected.slope, expected.matrix))
    assert made.meter.forwards == held.meter.forwards


class Looking(nogd.Learner):
    """Ask for a matrix once (nobody, 2026)."""

    name = "looking"
    needs = frozenset({"outputs", "curvature"})

    def init(self, objective: Objective, theta: Tensor, rng: torch.Generator) -> nogd.State:
        return nogd.State(theta=theta)

    def step(self, objective: Objective, state: nogd.State) -> None:
        directions = torch.eye(objective.D, dtype=D)
        found = objective.gram(nogd.Subspace(state.theta, directions, 0.5))
        move = torch.linalg.solve(found.matrix + 1e-9 * directions, -found.slope)
        state.theta = state.theta + move
        state.finished = "once is enough"


@pytest.mark.parametrize("target", [None, 0.9])
def test_a_black_box_needs_no_more_than_outputs(target):
    x, y = plain.data(ROWS, 3, 2)
    module, asked = nn.Linear(3, 2, bias=False, dtype=D), []

    def box(own: nn.Module) -> Tensor:
        asked.append(plain.read(own))
        return x @ own.weight.T

    nn.init.zeros_(module.weight)
    run = nogd.minimize(module, box, targets=y, learner=Looking(), budget=50, target=target)
    best = float((x @ torch.linalg.lstsq(x, y).solution - y).square().mean())
    if target is None:
        assert run.loss == pytest.approx(best)
        assert run.meter.forwards == len(asked) == 6 + 1 + 1  # and the solution
    else:
        assert run.status == "target"
        assert run.meter.forwards == len(asked) < 7


# -- what cannot be asked


def test_what_makes_no_sense_is_refused():
    module, x, y = network()
    made = nogd.objective(module, x, y)
    theta = plain.read(module)
    with pytest.raises(InvalidSetting, match=r"takes a nogd\.Subspace around .*, not a Population"):
        made.gram(nogd.Population(theta[None]))
    with pytest.raises(InvalidSetting, match=r"torch\.float64 on cpu, not a Subspace of another kind"):
        made.gram(nogd.Subspace(theta.float(), None, 0.1, seeds=(1,)))
    with pytest.raises(InvalidSetting, match="have 3 parameters each"):
        made.gram(nogd.Subspace(theta[:3], None, 0.1, seeds=(1,)))
    closed = nogd.objective(nn.Sequential(module, nn.Tanh()), x, y)
    with pytest.raises(InvalidSetting, match="must end in a linear layer"):
        closed.gram(nogd.Subspace(theta, None, 0.1, seeds=(1,)), readout=True)
    counting = nogd.objective(module, x, (y > 0).double(), loss="zero-one")
    with pytest.raises(NotDifferentiable, match="zero-one"):
        counting.gram(nogd.Subspace(theta, None, 0.1, seeds=(1,)))
    assert (made.meter.forwards, closed.meter.forwards, counting.meter.forwards) == (0, 0, 0)


# -- how it is reduced


@pytest.mark.parametrize("loss", LOSSES)
def test_the_products_of_a_loss_keep_the_layout_of_what_they_are_given(loss):
    """Else a block of outputs would be copied once more."""
    base, change = plain.data(3, ROWS)[0], plain.data(4 * 3, ROWS, seed=1)[0].view(4, 3, ROWS)
    found = curvature_at(find_loss(loss), base.mT, targets(loss, 3), 2).product(change.mT)
    assert found.mT.is_contiguous()


def test_the_kit_takes_its_arithmetic_for_paid():
    module, x, y = network()
    working = copy.deepcopy(module)
    made = Spied(make_network(working, x, y, "mse", ParameterSpace(working), "stack"))
    probes = probes_of(made, 0)
    with made.spy.looking():
        found = made.gram(probes, readout=True)
        assert made.unpaid <= 0
        _ = found.matrix @ found.matrix  # what is made of it, is not
    assert made.unpaid > 0


COUNTED = {"zero-one": "zero-one", "F1": lambda o, t: ((o > 0).to(t) - t).abs().sum() / len(t)}


@pytest.mark.filterwarnings("ignore::nogd.errors.NogdWarning")
@pytest.mark.parametrize("readout", [False, True])
@pytest.mark.parametrize(
    ("loss", "surrogate"),
    [
        ("zero-one", "cross-entropy"),
        ("zero-one", "binary-cross-entropy"),
        ("zero-one", "mse"),
        ("F1", "binary-cross-entropy"),
        ("cross-entropy", "mse"),
        ("mse", "binary-cross-entropy"),
        ("mse", "mse"),
    ],
)
def test_a_surrogate_is_followed_and_the_own_loss_noted(loss, surrogate, readout):
    """Equal to the Gram matrix of an objective with the surrogate as its loss, and with targets made for it by hand."""
    module, x, numbers = network()
    numbers = plain.classes(ROWS, 3) if surrogate == "cross-entropy" or loss == "cross-entropy" else numbers
    if loss == "F1":
        numbers = (numbers > 0).to(D)
    wanted = numbers
    if surrogate != "cross-entropy" and not numbers.is_floating_point():
        wanted = F.one_hot(numbers, 3).to(D)
    elif surrogate == "binary-cross-entropy":
        wanted = (numbers > 0).to(D)
    made = nogd.objective(module, x, numbers, loss=COUNTED.get(loss, loss))
    other = nogd.objective(module, x, wanted, loss=surrogate)
    probes = nogd.Subspace(plain.read(module), plain.thetas(4, made.D), 0.2)
    found = made.gram(probes, readout=readout, surrogate=surrogate)
    expected = other.gram(probes, readout=readout)
    for name in ("value", "values", "slope", "matrix"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name))
    torch.testing.assert_close(expected.value, expected.loss)
    torch.testing.assert_close(found.losses, made.losses(probes))
    torch.testing.assert_close(found.loss, made.losses(nogd.Population(probes.theta[None]))[0])
    if found.readout is not None and expected.readout is not None:
        for name in ("slope", "matrix", "coupling"):
            torch.testing.assert_close(getattr(found.readout, name), getattr(expected.readout, name))
    outputs = made.outputs(probes)
    curve, theirs = made.curvature(outputs, surrogate=surrogate), other.curvature(outputs)
    torch.testing.assert_close(curve.loss, theirs.loss)
    torch.testing.assert_close(curve.gradient, theirs.gradient)
    torch.testing.assert_close(curve.loss, found.values)
    torch.testing.assert_close(made.losses_of(outputs), found.losses)
    rows = torch.tensor([1, 5, 5])
    some = made.outputs(probes, rows)
    torch.testing.assert_close(made.losses_of(some, rows), made.losses(probes, rows))
    torch.testing.assert_close(
        made.curvature(some, rows, surrogate=surrogate).gradient, other.curvature(some, rows).gradient
    )


def test_a_surrogate_of_streamed_data():
    module, x, y = network("cross-entropy")
    expected = nogd.objective(module, x, y, loss="cross-entropy")
    probes = nogd.Subspace(plain.read(module), plain.thetas(3, expected.D), 0.2)
    source = torch.utils.data.StackDataset(x, y)
    made = nogd.objective(module, source, loss="zero-one", batch_size=5)
    found, wanted = made.gram(probes, surrogate="cross-entropy"), expected.gram(probes)
    torch.testing.assert_close(found.slope, wanted.slope)
    torch.testing.assert_close(found.values, wanted.losses)
    curve = made.curvature(made.outputs(probes), surrogate="cross-entropy")
    torch.testing.assert_close(curve.loss, wanted.losses)


def test_a_surrogate_of_a_black_box():
    module, x, y = network("cross-entropy")

    def box(own: nn.Module) -> Tensor:
        return torch.tanh(x) @ own.weight.T

    module = nn.Linear(4, 3, bias=False, dtype=D)
    before = float((box(module).argmax(1) != y).double().mean())
    run = nogd.minimize(module, box, targets=y, loss="zero-one", learner="gauss-newton,probes=12", budget=200)
    assert run.loss <= before - 2 / ROWS


def test_what_stands_for_a_loss_is_known():
    module, x, numbers = network()
    classes, bits = plain.classes(ROWS, 3), (numbers > 0).to(D)
    for loss, y, kind in (
        ("zero-one", classes, "cross-entropy"),
        ("zero-one", bits, "binary-cross-entropy"),
        ("hinge", classes, "cross-entropy"),
        ("mae", numbers, "mse"),
        ("huber", numbers, "mse"),
        ("cross-entropy", classes, "cross-entropy"),
    ):
        assert nogd.objective(module, x, y, loss=loss).stand_in == kind
    with pytest.raises(InvalidSetting, match="nothing is known to stand for the loss"):
        assert nogd.objective(module, x, numbers, loss=of_fourth_powers).stand_in
    made = nogd.objective(module, x, numbers)
    with pytest.raises(
        InvalidSetting, match="surrogate 'hinge' is none of mse, binary-cross-entropy, cross-entropy"
    ):
        made.gram(nogd.Subspace(plain.read(module), plain.thetas(2, made.D), 0.1), surrogate="hinge")
    with pytest.raises(InvalidSetting, match="needs targets that are class numbers"):
        made.gram_cost(2, surrogate="cross-entropy")
