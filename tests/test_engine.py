"""Every way of scoring candidates gives what the user's own module gives, called one by one."""

from __future__ import annotations

import copy
import types
import warnings

import plain
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import nogd
from nogd.engine.objective import Objective
from nogd.errors import InvalidSetting, NogdWarning

D = torch.float64
ACTIVATIONS = [
    nn.ReLU,
    nn.Tanh,
    nn.Sigmoid,
    nn.GELU,
    nn.ELU,
    nn.SiLU,
    nn.Softplus,
    nn.LeakyReLU,
    nn.Hardtanh,
    nn.Identity,
]


def engine(objective: Objective) -> str:
    return objective.engine.partition(":")[0]


def assert_equal(found: Tensor, expected: Tensor, dtype: torch.dtype = D) -> None:
    torch.testing.assert_close(
        found, expected, rtol=1e-10 if dtype == D else 2e-4, atol=1e-10 if dtype == D else 1e-4
    )


def targets(loss: str, rows: int, outputs: int, dtype: torch.dtype) -> Tensor:
    if loss == "cross-entropy":
        return plain.classes(rows, outputs)
    if loss == "binary-cross-entropy":
        return torch.randint(2, (rows, outputs), generator=torch.Generator().manual_seed(0)).to(dtype)
    return plain.data(rows, 1, outputs, dtype=dtype)[1]


SHAPES = st.lists(st.integers(1, 16), min_size=2, max_size=5)  # depth 1 to 4


@settings(deadline=None, derandomize=True, max_examples=40)
@given(
    widths=SHAPES,
    activation=st.sampled_from(ACTIVATIONS),
    loss=st.sampled_from(sorted(plain.LOSSES)),
    dtype=st.sampled_from([torch.float32, D]),
    rows=st.integers(1, 40),
    count=st.sampled_from([0, 1, 2, 37]),
    bias=st.booleans(),
)
def test_populations_of_a_stack(widths, activation, loss, dtype, rows, count, bias):
    module = plain.network(*widths, activation=activation)
    if not bias:
        for k in range(0, len(module), 2):
            module[k] = nn.Linear(module[k].in_features, module[k].out_features, bias=False)
    module = module.to(dtype)
    x = plain.data(rows, widths[0], dtype=dtype)[0]
    y = targets(loss, rows, widths[-1], dtype)
    objective = nogd.objective(module, x, y, loss=loss, engine="stack")
    candidates = plain.thetas(count, objective.D, dtype=dtype)
    found = objective.losses(nogd.Population(candidates))
    assert (found.shape, found.dtype) == ((count,), dtype)
    if count:
        assert_equal(found, plain.losses(module, candidates, x, y, plain.LOSSES[loss]), dtype)
        at_first, mine = plain.gradient(module, candidates[0], x, y, plain.LOSSES[loss])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NogdWarning)  # some of these gradients are zero
            loss_there, gradient = objective.gradient(candidates[0])
        assert_equal(loss_there, torch.tensor(at_first, dtype=dtype), dtype)
        assert_equal(gradient, mine, dtype)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(
    widths=SHAPES,
    activation=st.sampled_from(ACTIVATIONS),
    loss=st.sampled_from(sorted(plain.LOSSES)),
    rows=st.integers(1, 20),
    count=st.sampled_from([0, 1, 11]),
    moves=st.lists(st.tuples(st.integers(0, 10**6), st.floats(-3, 3)), min_size=1, max_size=12),
)
def test_a_walk_of_a_stack(widths, activation, loss, rows, count, moves):
    module = plain.network(*widths, activation=activation)
    x, y = plain.data(rows, widths[0])[0], targets(loss, rows, widths[-1], D)
    objective = nogd.objective(module, x, y, loss=loss, engine="stack")
    walk = objective.walk(plain.read(module))
    values = torch.linspace(-2, 3, count, dtype=D)
    for place, goal in moves:
        index = place % objective.D
        found = walk.losses(index, values)
        dense = nogd.Line(walk.theta, index, values).dense()
        assert found.shape == (count,)
        if count:
            assert_equal(found, plain.losses(module, dense, x, y, plain.LOSSES[loss]))
        walk.move(index, goal)
        assert walk.theta[index] == goal


@settings(deadline=None, derandomize=True, max_examples=20)
@given(
    activation=st.sampled_from(ACTIVATIONS),
    dtype=st.sampled_from([torch.float32, D]),
    rows=st.sampled_from([1, 3, 7, 17, 33, 100]),
    moves=st.lists(st.tuples(st.integers(0, 91), st.floats(-3, 3, width=32)), min_size=1, max_size=20),
)
def test_a_walk_begun_anew_gives_the_same_bits(activation, dtype, rows, moves):
    module = plain.network(4, 7, 5, 2, activation=activation).to(dtype)
    x, y = plain.data(rows, 4, 2, dtype=dtype)
    live = nogd.objective(module, x, y).walk(plain.read(module))
    values = torch.linspace(-1, 1, 5, dtype=dtype)
    for index, goal in moves:
        live.losses(index % 87, values)
        live.move(index % 87, goal)
    anew = nogd.objective(module, x, y).walk(live.theta.clone())
    for index in range(0, 87, 8):
        assert torch.equal(live.losses(index, values), anew.losses(index, values))


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.last = nn.Linear(3, 3), nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(x + torch.tanh(self.inner(x)))


class Doubled(nn.Sequential):
    """A Sequential with a forward of its own."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x) + 1


class Listed(nn.Module):
    """Keeps a weight in a list, where torch.func does not find it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 1)
        self.weights = [self.layer.weight]

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weights[0].T + self.layer.bias


class Branch(nn.Module):
    """Goes one way or another by its data, which vmap cannot."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        z = self.layer(x)
        return z if z.sum() > 0 else 2 * z


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell, self.last = nn.LSTM(3, 4, batch_first=True), nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.cell(x[:, None])[0][:, 0])


def simple() -> nn.Sequential:
    return plain.network(3, 4, 1, activation=nn.Tanh)


def own_forward() -> nn.Module:
    module = simple()
    module.forward = types.MethodType(lambda self, x: 3 * nn.Sequential.forward(self, x), module)
    return module


def hooked(place: int | None, before: bool) -> nn.Module:
    module = simple()
    part = module if place is None else module[place]
    if before:
        part.register_forward_pre_hook(lambda _, inputs: (2 * inputs[0],))
    else:
        part.register_forward_hook(lambda _, inputs, outputs: 2 * outputs)
    return module


def tied() -> nn.Module:
    module = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3), nn.Linear(3, 1))
    module[2].weight = module[0].weight
    return module


def twice() -> nn.Module:
    layer = nn.Linear(3, 3)
    return nn.Sequential(layer, nn.Tanh(), layer, nn.Linear(3, 1))


def frozen(*names: str) -> nn.Module:
    module = simple()
    for name in names:
        module.get_parameter(name).requires_grad_(False)
    return module


def parametrised() -> nn.Module:
    module = simple()
    nn.utils.parametrizations.weight_norm(module[0])
    return module


def old_weight_norm() -> nn.Module:
    module = simple()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's: it is out of date, and in use
        nn.utils.weight_norm(module[0])
    return module


def between(*parts: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), *parts, nn.Linear(4, 1))


NO_STACKS = {
    "residual": (Residual, "vmap"),
    "sequential with its own forward": (lambda: Doubled(*simple()), "vmap"),
    "forward on the object": (own_forward, "vmap"),
    "hook on the whole": (lambda: hooked(None, before=False), "vmap"),
    "hook on a layer": (lambda: hooked(0, before=False), "vmap"),
    "hook on an activation": (lambda: hooked(1, before=False), "vmap"),
    "hook before a layer": (lambda: hooked(2, before=True), "vmap"),
    # torch warns of its slow batching rule, and a warning is an error here, so vmap gives up
    "parametrised": (parametrised, "loop"),
    "old weight norm": (old_weight_norm, "loop"),
    "tied": (tied, "chain"),
    "one layer twice": (twice, "chain"),
    "frozen weight": (lambda: frozen("0.weight"), "chain"),
    "frozen bias": (lambda: frozen("2.bias"), "chain"),
    "frozen layer": (lambda: frozen("0.weight", "0.bias"), "chain"),
    "batch norm of batches": (lambda: between(nn.BatchNorm1d(4, track_running_stats=False)), "vmap"),
    "batch norm": (lambda: between(nn.BatchNorm1d(4)).eval(), "chain"),
    "softmax": (lambda: between(nn.Softmax(-1)), "vmap"),
    "prelu": (lambda: between(nn.PReLU(4)), "vmap"),
    "layer norm": (lambda: between(nn.LayerNorm(4)), "chain"),
    "activation first": (lambda: nn.Sequential(nn.Tanh(), simple()), "chain"),
    "weight in a list": (Listed, "loop"),
    "branch": (Branch, "loop"),
    "recurrent": (Recurrent, "loop"),
}


@pytest.mark.parametrize("kind", NO_STACKS)
def test_what_only_looks_like_a_stack(kind):
    make, way = NO_STACKS[kind]
    module = make().to(D)
    x, y = plain.data(9, 3)
    objective = nogd.objective(module, x, y)
    objective.write(objective.space.read(module), module)  # the statistics of a batch norm that had none
    candidates = plain.thetas(9, objective.D)
    expected = plain.losses(module, candidates, x, y, F.mse_loss)
    assert len(set(expected.tolist())) == 9
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NogdWarning)  # of the loop; it has its own test
        for _ in range(2):  # the first time decides the engine, the second uses it
            assert_equal(objective.losses(nogd.Population(candidates)), expected)
        rows = torch.tensor([1, 4, 7])
        several = plain.losses(module, candidates, x[rows], y[rows], F.mse_loss)
        assert_equal(objective.losses(nogd.Population(candidates), rows), several)
        line = nogd.Line(candidates[1], 2, torch.linspace(-1, 1, 4, dtype=D))
        on_line = plain.losses(module, line.dense(), x, y, F.mse_loss)
        assert_equal(objective.losses(line), on_line)
        assert_equal(objective.walk(candidates[1].clone()).losses(2, line.values), on_line)
    assert_equal(objective.losses(nogd.Population(candidates[:1])), expected[:1])
    loss, gradient = objective.gradient(candidates[2])
    assert_equal(loss, expected[2])
    assert_equal(gradient, plain.gradient(module, candidates[2], x, y, F.mse_loss)[1])
    assert engine(objective) == way


def test_parts_that_do_nothing_or_stand_twice_leave_it_a_stack():
    relu = nn.ReLU(inplace=True)
    inner = nn.Sequential(nn.Linear(4, 4), relu)
    module = (
        nn.Sequential(nn.Linear(3, 4), relu, nn.Identity(), inner, nn.Dropout(0.5), nn.Linear(4, 1))
        .to(D)
        .eval()
    )
    x, y = plain.data(9, 3)
    objective = nogd.objective(module, x, y)
    candidates = plain.thetas(5, objective.D)
    assert engine(objective) in ("stack", "compiled")
    assert_equal(
        objective.losses(nogd.Population(candidates)), plain.losses(module, candidates, x, y, F.mse_loss)
    )


class Square(nn.Module):
    """An activation of one's own."""

    elementwise = True

    def forward(self, x: Tensor) -> Tensor:
        return x.square()


def test_an_activation_of_ones_own_that_says_it_is_elementwise():
    module = between(Square()).to(D)
    x, y = plain.data(9, 3)
    objective = nogd.objective(module, x, y)
    candidates = plain.thetas(5, objective.D)
    assert engine(objective) in ("stack", "compiled")
    assert_equal(
        objective.losses(nogd.Population(candidates)), plain.losses(module, candidates, x, y, F.mse_loss)
    )
    walk = objective.walk(candidates[0].clone())
    line = nogd.Line(candidates[0], 3, torch.linspace(-1, 1, 4, dtype=D))
    assert_equal(walk.losses(3, line.values), plain.losses(module, line.dense(), x, y, F.mse_loss))


def test_a_random_slope_in_training_is_scored_by_the_module_itself_with_one_warning():
    module = between(nn.RReLU()).to(D)
    objective = nogd.objective(module, *plain.data(30, 3), mode="train")
    candidates = nogd.Population(plain.thetas(1, objective.D).repeat(9, 1))
    assert "draws its slope at random" in objective.engine
    with pytest.warns(
        NogdWarning, match="one by one, which is slow, as torch.func.vmap refuses it"
    ) as caught:
        found = objective.losses(candidates)
    assert len(caught) == 1
    assert len(set(found.tolist())) == 1  # all candidates of a call get the same slopes
    assert objective.losses(candidates)[0] != found[0]  # no second warning: they are errors here


def test_vmap_is_left_with_one_warning_that_says_why():
    objective = nogd.objective(Branch().to(D), *plain.data(9, 3))
    with pytest.warns(NogdWarning, match="data-dependent control flow") as caught:
        objective.losses(nogd.Population(plain.thetas(8, objective.D)))
    assert len(caught) == 1
    objective.losses(nogd.Population(plain.thetas(8, objective.D)))
    assert engine(objective) == "loop"


@pytest.mark.parametrize("on_layer", [False, True])
def test_a_forward_that_holds_on_to_the_module_itself_is_refused(on_layer):
    """A copy of such a module would go on using the original's weights, whatever the candidate."""
    module = simple()
    if on_layer:
        first = module[0]
        first.register_forward_hook(lambda _, inputs, outputs: outputs + inputs[0] @ first.weight.T)
    else:
        module.forward = lambda x: 2 * nn.Sequential.forward(module, x)
    with pytest.raises(InvalidSetting, match="holds on to the module itself"):
        nogd.objective(module, *plain.data(9, 3))


def test_a_loss_of_ones_own():
    def worst(outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).abs().amax()

    module, (x, y) = simple(), plain.data(9, 3)
    for made in (module, Residual().to(D)):
        objective = nogd.objective(made, x, y, loss=worst)
        candidates = plain.thetas(5, objective.D)
        assert_equal(
            objective.losses(nogd.Population(candidates)), plain.losses(made, candidates, x, y, worst)
        )


def test_a_loss_that_gives_a_plain_number():
    def outside_of_torch(outputs: Tensor, targets: Tensor) -> float:
        return float(((outputs.numpy() - targets.numpy()) ** 2).mean())

    module, (x, y) = simple(), plain.data(9, 3)
    objective = nogd.objective(module, x, y, loss=outside_of_torch)
    candidates = plain.thetas(5, objective.D)
    assert_equal(
        objective.losses(nogd.Population(candidates)), plain.losses(module, candidates, x, y, F.mse_loss)
    )


def test_large_populations_are_chunked():
    module, (x, y) = plain.network(3, 16, 1), plain.data(5_000, 3)
    objective = nogd.objective(module, x, y)
    candidates = plain.thetas(40, objective.D)
    assert_equal(
        objective.losses(nogd.Population(candidates)), plain.losses(module, candidates, x, y, F.mse_loss)
    )
    values = torch.linspace(-1, 1, 60, dtype=D)
    dense = nogd.Line(candidates[0], 5, values).dense()
    assert_equal(
        objective.walk(candidates[0]).losses(5, values), plain.losses(module, dense, x, y, F.mse_loss)
    )


class Mirrored:
    """Candidates of a type of one's own: pairs around a centre."""

    def __init__(self, centre: Tensor, steps: Tensor) -> None:
        self.centre, self.steps = centre, steps

    def __len__(self) -> int:
        return 2 * len(self.steps)

    def dense(self) -> Tensor:
        return torch.cat([self.centre + self.steps, self.centre - self.steps])


def test_candidates_of_a_type_of_ones_own():
    module, (x, y) = simple(), plain.data(9, 3)
    objective = nogd.objective(module, x, y)
    mirrored = Mirrored(plain.read(module), plain.thetas(4, objective.D))
    assert_equal(objective.losses(mirrored), plain.losses(module, mirrored.dense(), x, y, F.mse_loss))
    assert objective.meter.evaluations == 8


def test_losses_that_are_not_finite_rank_last():
    module, (x, y) = simple(), plain.data(9, 3)
    objective = nogd.objective(module, x, y, loss=lambda outputs, targets: outputs.sum().log())
    candidates = plain.thetas(40, objective.D)
    found = objective.losses(nogd.Population(candidates))
    assert torch.isinf(found).any()
    assert not torch.isnan(found).any()
    assert (found > -torch.inf).all()


def everything(module: nn.Module) -> dict[str, object]:
    return {
        "state": {name: value.clone() for name, value in module.state_dict().items()},
        "objects": [id(p) for p in module.parameters()],
        "requires": [p.requires_grad for p in module.parameters()],
        "grads": [p.grad for p in module.parameters()],
        "training": [part.training for part in module.modules()],
        "dtype": [p.dtype for p in module.parameters()],
    }


@pytest.mark.parametrize("make", [simple, lambda: between(nn.BatchNorm1d(4)).to(D).eval(), Residual])
def test_the_users_module_is_untouched(make):
    module = make()
    before = everything(module)
    objective = nogd.objective(module, *plain.data(9, 3), dtype=torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NogdWarning)
        objective.losses(nogd.Population(plain.thetas(8, objective.D, dtype=torch.float32)))
    objective.gradient(plain.thetas(1, objective.D, dtype=torch.float32)[0])
    walk = objective.walk(plain.thetas(1, objective.D, dtype=torch.float32)[0])
    walk.losses(0, torch.zeros(2))
    after = everything(module)
    assert all(torch.equal(before["state"].pop(name), value) for name, value in after["state"].items())
    assert {k: v for k, v in before.items() if k != "state"} == {
        k: v for k, v in after.items() if k != "state"
    }


def test_theta_and_the_data_are_not_changed_by_scoring():
    module, (x, y) = plain.network(3, 4, 2, activation=nn.ReLU), plain.data(9, 3, 2)
    candidates = plain.thetas(3, 26)
    kept = copy.deepcopy((x, y, candidates))
    for loss in plain.OF_NUMBERS + plain.OF_BITS:
        objective = nogd.objective(module, x, y.sigmoid() if loss == "binary-cross-entropy" else y, loss=loss)
        objective.losses(nogd.Population(candidates))
        objective.walk(candidates[0]).losses(3, torch.zeros(2, dtype=D))
    assert all(torch.equal(a, b) for a, b in zip((x, y, candidates), kept, strict=True))
