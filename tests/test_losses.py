"""Losses by name: the form for whole populations equals the plain one, and wrong targets are said to be wrong."""

from __future__ import annotations

import math

import plain
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor, nn

import nogd
from nogd.engine import losses, nogd_losses
from nogd.engine.losses import BUILT_IN, Loss, find_loss
from nogd.errors import DataError, InvalidSetting, UnknownName

pytestmark = pytest.mark.torch_alone

OF_NUMBERS, OF_CLASSES = plain.OF_NUMBERS + plain.OF_BITS, plain.OF_CLASSES
MEANT_WITH_NUMBERS = {name: loss for name, loss in plain.LOSSES.items() if name in OF_NUMBERS} | {
    "hinge": lambda z, y: (1 - (2 * y - 1) * z).clamp(min=0).mean(),
    "zero-one": lambda z, y: ((z > 0).double() != y).double().mean(),
}
MEANT_WITH_CLASSES = {
    "cross-entropy": plain.LOSSES["cross-entropy"],
    "hinge": F.multi_margin_loss,
    "zero-one": lambda z, y: (z.argmax(1) != y).double().mean(),
}


def outputs(networks: int, units: int, rows: int, seed: int, scale: float = 2.0) -> Tensor:
    """Outputs of several networks, `[P, outputs, N]`."""
    rng = Generator().manual_seed(seed)
    return torch.randn(networks, units, rows, generator=rng, dtype=torch.float64) * scale


def bits(units: int, rows: int, seed: int) -> Tensor:
    return torch.randint(2, (rows, units), generator=Generator().manual_seed(seed)).double()


def one_by_one(loss: Loss, z: Tensor, targets: Tensor) -> Tensor:
    return torch.stack([loss(network.T, targets) for network in z])


SIZES = {
    "networks": st.integers(1, 6),
    "units": st.integers(1, 5),
    "rows": st.integers(1, 30),
    "seed": st.integers(0, 10**6),
    "scale": st.sampled_from([0.5, 2.0, 300.0]),
}


@settings(deadline=None, derandomize=True, max_examples=60)
@given(name=st.sampled_from(OF_NUMBERS), **SIZES)
def test_batched_equals_plain_with_numbers(name, networks, units, rows, seed, scale):
    z, y = outputs(networks, units, rows, seed, scale), bits(units, rows, seed + 1)
    expected = one_by_one(BUILT_IN[name], z, y)
    torch.testing.assert_close(
        BUILT_IN[name].batched(z.clone(), y.T.contiguous()), expected, rtol=1e-12, atol=1e-12
    )


@settings(deadline=None, derandomize=True, max_examples=60)
@given(name=st.sampled_from(OF_CLASSES), **SIZES)
def test_batched_equals_plain_with_classes(name, networks, units, rows, seed, scale):
    z = outputs(networks, units, rows, seed, scale)
    y = torch.randint(units, (rows,), generator=Generator().manual_seed(seed + 1))
    expected = one_by_one(BUILT_IN[name], z, y)
    torch.testing.assert_close(BUILT_IN[name].batched(z.clone(), y), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_what_the_names_mean_with_numbers(name):
    z, y = outputs(1, 3, 20, 0)[0].T, bits(3, 20, 1)
    assert BUILT_IN[name](z, y) == pytest.approx(MEANT_WITH_NUMBERS[name](z, y).item())


@pytest.mark.parametrize("name", OF_CLASSES)
def test_what_the_names_mean_with_classes(name):
    z, y = outputs(1, 3, 20, 0)[0].T, torch.arange(20) % 3
    assert BUILT_IN[name](z, y) == pytest.approx(MEANT_WITH_CLASSES[name](z, y).item())


@pytest.mark.parametrize("classes", [False, True])
def test_a_nan_output_is_a_mistake(classes):
    z = torch.full((2, 2, 4), math.nan, dtype=torch.float64)
    y = torch.zeros(4, dtype=torch.long) if classes else torch.zeros(2, 4, dtype=torch.float64)
    assert BUILT_IN["zero-one"].batched(z.clone(), y).tolist() == [1.0, 1.0]
    assert BUILT_IN["zero-one"](z[0].T, y if classes else y.T) == 1.0


def test_all_names_are_offered_and_found():
    assert [lazy.name for lazy in nogd_losses()] == list(BUILT_IN)
    for lazy in nogd_losses():
        assert find_loss(lazy.name) is BUILT_IN[lazy.name]
        module, _, attribute = lazy.target.partition(":")
        assert getattr(__import__(module, fromlist=[attribute]), attribute) is BUILT_IN[lazy.name]


def test_every_loss_that_is_defined_is_registered_and_tested():
    defined = [each for each in vars(losses).values() if isinstance(each, Loss)]
    assert defined == list(BUILT_IN.values()), "name it in _LOSSES of nogd/engine/__init__.py"
    assert {*OF_NUMBERS, *OF_CLASSES} == set(BUILT_IN), "name it in tests/plain.py"


def test_only_zero_one_has_no_gradient():
    assert [name for name, loss in BUILT_IN.items() if not loss.differentiable] == ["zero-one"]


@pytest.mark.parametrize(
    ("name", "targets", "fitted"),
    [
        ("mse", torch.zeros(4), torch.zeros(4, 1)),
        ("mse", torch.tensor([1, 2, 3, 4]), torch.tensor([[1.0], [2.0], [3.0], [4.0]])),
        ("mse", torch.tensor([True, False, True, True]), torch.tensor([[1.0], [0.0], [1.0], [1.0]])),
        ("hinge", torch.tensor([0, 1, 1, 0]), torch.tensor([[0.0], [1.0], [1.0], [0.0]])),
        ("binary-cross-entropy", torch.tensor([0, 1, 1, 0]), torch.tensor([[0.0], [1.0], [1.0], [0.0]])),
    ],
)
def test_targets_take_the_shape_of_one_output(name, targets, fitted):
    found = BUILT_IN[name].fit_targets(targets, torch.zeros(4, 1))
    assert torch.equal(found, fitted)
    assert found.dtype == torch.float32


@pytest.mark.parametrize("name", OF_CLASSES)
@pytest.mark.parametrize(
    "targets", [torch.tensor([0, 2, 1, 0]), torch.tensor([[0], [2], [1], [0]], dtype=torch.int32)]
)
def test_class_numbers(name, targets):
    found = BUILT_IN[name].fit_targets(targets, torch.zeros(4, 3))
    assert (found.tolist(), found.dtype) == ([0, 2, 1, 0], torch.int64)


@pytest.mark.parametrize(
    ("name", "targets", "units", "sentence"),
    [
        (
            "mse",
            torch.zeros(4),
            3,
            r"outputs of shape \[4, 3\], but the targets have shape \[4\].*make the shapes equal",
        ),
        ("mse", torch.zeros(4, 2), 1, "make the shapes equal"),
        ("cross-entropy", torch.zeros(4), 3, "integer class numbers"),
        ("cross-entropy", torch.tensor([0, 1, 2, 3]), 3, r"from 0 to 3, but the network has 3 outputs"),
        ("cross-entropy", torch.tensor([-1, 0, 0, 0]), 3, r"from -1 to 0"),
        ("hinge", torch.tensor([0, 1, 2, 9]), 3, "from 0 to 9"),
        (
            "binary-cross-entropy",
            torch.tensor([-1.0, 1.0, 1.0, -1.0]),
            1,
            "targets from 0 to 1, but they reach from -1 to 1",
        ),
    ],
)
def test_targets_that_do_not_fit(name, targets, units, sentence):
    with pytest.raises(DataError, match=sentence):
        BUILT_IN[name].fit_targets(targets, torch.zeros(4, units))


@pytest.mark.parametrize(
    ("loss", "error", "sentence"),
    [
        ("mes", UnknownName, r"did you mean 'mse'\?"),
        (5, InvalidSetting, "a loss is a name such as 'mse' or a callable"),
        (None, InvalidSetting, "a loss is a name such as 'mse' or a callable"),
        (nn.MSELoss, InvalidSetting, r"the loss is a class; make one of it: MSELoss\(\)"),
    ],
)
def test_losses_that_are_none(loss, error, sentence):
    with pytest.raises(error, match=sentence):
        find_loss(loss)


def test_a_module_is_a_loss():
    module = nn.Linear(2, 1)
    x, y = torch.ones(3, 2), torch.zeros(3, 1)
    found = nogd.objective(module, x, y, loss=nn.SmoothL1Loss())
    assert found.losses(nogd.Population(torch.ones(1, 3))).item() == pytest.approx(2.5)


@pytest.mark.parametrize("value", [None, "low", torch.zeros(3), [1.0, 2.0]], ids=repr)
def test_a_loss_that_gives_no_number(value):
    objective = nogd.objective(
        nn.Linear(2, 1), torch.ones(3, 2), torch.zeros(3, 1), loss=lambda outputs, targets: value
    )
    with pytest.raises(InvalidSetting, match="loss '<lambda>' must give one number, but it gave"):
        objective.losses(nogd.Population(torch.ones(2, 3)))


def counted(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs > targets).sum()


def whether(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs > targets).any()


def plain_number(outputs: Tensor, targets: Tensor) -> float:
    return float((outputs - targets).square().mean())


def overwrites_outputs(outputs: Tensor, targets: Tensor) -> Tensor:
    return outputs.sub_(targets).square_().mean()


def overwrites_targets(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - targets.mul_(2)).square().mean()


@pytest.mark.parametrize("engine", ["stack", "chain", "vmap", "loop"])
@pytest.mark.parametrize("loss", [counted, whether, plain_number, overwrites_outputs])
@pytest.mark.filterwarnings("ignore")  # the loop's warning, that of no gradient, and torch's of a slow rule
def test_losses_of_ones_own_of_any_kind(loss, engine):
    module, (x, y) = plain.network(3, 4, 1), plain.data(9, 3)
    found = nogd.objective(module, x, y, loss=loss, engine=engine)
    thetas = plain.thetas(9, found.D)
    expected = plain.losses(module, thetas, x, y, lambda *both: torch.as_tensor(loss(*both), dtype=x.dtype))
    for _ in range(2):
        losses = found.losses(nogd.Population(thetas))
        torch.testing.assert_close(losses, expected)
    value, gradient = found.gradient(thetas[0])
    derivatives = found.directional(thetas[0], thetas)[1]
    assert value.dtype == gradient.dtype == derivatives.dtype == x.dtype
    torch.testing.assert_close(derivatives, thetas @ gradient)
    assert found.walk(thetas[0].clone()).lowest(0, x[:3, 0])[1] < 1e9


@pytest.mark.parametrize("engine", ["stack", "vmap", "loop"])
def test_a_loss_that_writes_into_its_targets_is_refused(engine):
    module, (x, y) = plain.network(3, 4, 1), plain.data(9, 3)

    def score() -> None:
        made = nogd.objective(module, x, y, loss=overwrites_targets, engine=engine)
        made.losses(nogd.Population(plain.thetas(1, made.D)))

    with pytest.raises(
        InvalidSetting, match=r"'overwrites_targets' writes into its targets.*targets.clone\(\)"
    ):
        score()


def test_outputs_that_are_no_tensor_with_a_loss_that_gives_a_plain_number():
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 1).double()

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return self.layer(x), x

    made = nogd.objective(
        Both(), *plain.data(9, 3), loss=lambda both, y: float((both[0] - y).square().mean())
    )
    assert made.losses(nogd.Population(plain.thetas(2, 4))).isfinite().all()
