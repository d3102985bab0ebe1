"""What a unit sees and what outputs lack, against autograd and the layer itself."""

from __future__ import annotations

import plain
import pytest
import torch
from torch import Tensor, nn

import nogd
from nogd.engine.accounts.meter import Limit
from nogd.engine.readout.unit_view import UnitView


class Odd(nn.Module):
    """A forward that is no chain: its layer is called once, or more often."""

    def __init__(self, calls: int = 1) -> None:
        super().__init__()
        self.calls, self.hidden, self.last = calls, nn.Linear(3, 4), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(self.calls - 1):
            x = x + self.hidden(x)[:, :3]
        return self.last(self.hidden(2 * x).tanh() * x[:, :1])


def rows(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def targets(kind: str, outputs: int) -> Tensor:
    if kind == "cross-entropy":
        return torch.arange(9) % outputs
    numbers = rows(9, outputs, seed=1)
    return (numbers > 0).double() if kind == "binary-cross-entropy" else numbers


def seen(module: nn.Module, x: Tensor, layer: str, loss: str = "mse", outputs: int = 2) -> UnitView:
    made = nogd.objective(module, x, targets(loss, outputs), loss=loss)
    unit = next(each for each in made.units if each.layer == layer)
    return made.unit_view(made.space.read(module), unit)


def test_a_linear_layer_s_unit_sees_what_goes_into_it():
    module = plain.drawn(
        nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2)).double(), 0
    )
    x = rows(9, 3)
    torch.testing.assert_close(seen(module, x, "0.weight").inputs, x[:, None])
    with torch.no_grad():
        torch.testing.assert_close(seen(module, x, "2.weight").inputs, module[:2](x)[:, None])


def test_a_convolution_s_channel_sees_the_patch_around_each_place():
    convolution = nn.Conv2d(2, 3, (2, 3), stride=(1, 2), padding=(1, 0))
    module = plain.drawn(
        nn.Sequential(convolution, nn.Tanh(), nn.Flatten(), nn.Linear(3 * 5 * 2, 2)).double(), 0
    )
    x = rows(9, 2, 4, 6)
    view = seen(module, x, "0.weight")
    assert view.inputs is not None
    with torch.no_grad():
        values = view.inputs @ convolution.weight.flatten(1).T + convolution.bias
        torch.testing.assert_close(values.mT, convolution(x).flatten(2))


@pytest.mark.parametrize("calls", [1, 2])
def test_a_module_that_is_no_chain_is_looked_into(calls):
    """What is called twice sees no one thing."""
    module, x = plain.drawn(Odd(calls).double(), 0), rows(9, 3)
    found = seen(module, x, "hidden.weight").inputs
    if calls == 1:
        torch.testing.assert_close(found, 2 * x[:, None])
    else:
        assert found is None


def test_a_weight_that_belongs_to_no_known_kind_of_layer_sees_nothing():
    class Outer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mixing, self.last = nn.Parameter(rows(4, 7)), nn.Linear(4, 2).double()

        def forward(self, x: Tensor) -> Tensor:
            return self.last(torch.cat([x, x, x[:, :1]], 1) @ self.mixing.T)

    assert seen(Outer(), rows(9, 3), "mixing").inputs is None


@pytest.mark.parametrize("loss", ["mse", "binary-cross-entropy", "cross-entropy"])
def test_the_error_is_the_loss_s_slope_at_the_outputs(loss):
    module, x = plain.drawn(Odd().double(), 0), rows(9, 3)
    view = seen(module, x, "hidden.weight", loss)
    outputs = module(x).detach().requires_grad_()
    wanted = targets(loss, 2)
    value = {
        "mse": nn.functional.mse_loss,
        "binary-cross-entropy": nn.functional.binary_cross_entropy_with_logits,
        "cross-entropy": nn.functional.cross_entropy,
    }[loss](outputs, wanted)
    (slope,) = torch.autograd.grad(value, outputs)
    torch.testing.assert_close(view.error, 9 * slope)
    torch.testing.assert_close(view.last, module.last.weight.detach())


def test_a_loss_without_a_slope_has_that_of_its_surrogate():
    module, x = plain.drawn(Odd().double(), 0), rows(9, 3)
    wanted = torch.arange(9) % 2
    made = nogd.objective(module, x, wanted, loss="zero-one")
    view = made.unit_view(made.space.read(module), made.units[0])
    with torch.no_grad():
        torch.testing.assert_close(view.error, module(x).softmax(1) - nn.functional.one_hot(wanted))


def test_it_counts_a_forward_and_is_noted_as_a_scoring():
    module, x = plain.drawn(Odd().double(), 0), rows(9, 3)
    made = nogd.objective(module, x, targets("mse", 2), loss="mse")
    theta, unit = made.space.read(module), made.units[0]
    made.unit_view(theta, unit, torch.arange(3))
    assert (made.meter.forwards, made.meter.evaluations) == (pytest.approx(1 / 3), 1)
    made.unit_view(theta, unit)
    assert made.meter.forwards == pytest.approx(4 / 3)
    assert made.access == "closed-form"
    assert made.trace.best == pytest.approx(float(made.losses(nogd.Population(theta[None]))[0]))


def test_it_is_refused_before_it_is_computed():
    module, x = plain.drawn(Odd().double(), 0), rows(9, 3)
    made = nogd.objective(module, x, targets("mse", 2), loss="mse")
    limit = Limit(forwards=0.5)
    with made.within(limit):
        made.unit_view(made.space.read(module), made.units[0])
    assert limit.spent
    assert made.meter.forwards == 0
