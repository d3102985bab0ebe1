"""Unit: sets of incoming weights of one unit cost what lies downstream of it, and give what they give written out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import plain
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_networks import ACTIVATIONS, HALVES, freezings, images, stacks, vectors
from torch import Tensor, nn

import nogd
from nogd.engine.accounts.meter import Limit, TargetReached
from nogd.engine.cost import Products
from nogd.engine.layers.chunks import CHUNK_ELEMENTS
from nogd.engine.layers.listing import NamedLayer
from nogd.engine.objective import Objective
from nogd.errors import InvalidSetting

ROWS, D = 9, torch.float64


def unit_of(made: Objective, layer: NamedLayer, number: int, count: int, draw: int = 0) -> nogd.Unit:
    theta = plain.read(made.module)
    units = layer.module.weight.shape[0]
    fan_in = (layer.weight.stop - layer.weight.start) // units
    weights = plain.thetas(count, fan_in + (layer.bias is not None), draw)
    return nogd.Unit(theta, layer, number % units, weights)


def searched(made: Objective) -> list[NamedLayer]:
    kinds = (nn.Linear, nn.Conv2d)
    return [each for each in made.layers if isinstance(each.module, kinds) and each.weight is not None]


@pytest.mark.parametrize("kind", ["stack", "image", "vectors"])
@settings(deadline=None, derandomize=True, max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.data(),
    count=st.sampled_from([0, 1, 7]),
    small=HALVES,
    rows=st.sampled_from([None, [2, 0, 2, 5]]),
    number=st.integers(0, 10**6),
)
def test_outputs_and_losses_are_those_of_whole_networks(kind, data, count, small, rows, number):
    shape = (2, 6, 6) if kind == "image" else (5,)
    drawn = {"stack": stacks(5, ACTIVATIONS), "image": images(2, 6), "vectors": vectors(5)}[kind]
    module = data.draw(freezings(nn.Sequential(*data.draw(drawn))))
    x = torch.randn(ROWS, *shape, generator=torch.Generator().manual_seed(1), dtype=D)
    with torch.no_grad():
        y = module(x) + 1
    made = nogd.objective(module, x, y, engine="chain")
    layers = searched(made)
    if not layers:
        return
    asked = unit_of(made, layers[number % len(layers)], number, count, number)
    chosen = None if rows is None else torch.tensor(rows)
    with pytest.MonkeyPatch.context() as patch:
        if small:
            patch.setitem(CHUNK_ELEMENTS, "cpu", 300)
            patch.setattr("nogd.engine.layers.chain.FEWEST_ROWS", 4)
            patch.setattr("nogd.engine.layers.chain.FEWEST_IMAGES", 4)
        found, losses = made.outputs(asked, chosen), made.losses(asked, chosen)
    assert found.shape[0] == len(losses) == count
    if count:
        given_rows = slice(None) if rows is None else chosen
        expected = plain.outputs(made.module, asked.dense(), x[given_rows])
        torch.testing.assert_close(found, expected)
        torch.testing.assert_close(losses, (expected - y[given_rows]).square().flatten(1).mean(1))


SIZES = [6 * 5, 5 * 4, 4 * 3]


def network() -> tuple[nn.Sequential, Tensor, Tensor]:
    return plain.network(6, 5, 4, 3), *plain.data(ROWS, 6, 3)


def flops(objective: Objective, candidates: Any) -> int:
    with Products() as counted:
        objective.losses(candidates)
    return counted.flops // (2 * ROWS)


@pytest.mark.parametrize("engine", ["stack", "chain"])
def test_a_units_planes_cost_its_column_and_what_lies_behind(engine):
    made = nogd.objective(*network(), engine=engine)
    asked = unit_of(made, made.layers[2], 1, 50)
    base = (6 + 1) * 5 + 5 * 4  # theta's own, and a row of ones for the bias of the first layer
    rest = 3 * 3  # what the last layer gets from the other three units
    assert flops(made, asked) == base + rest + 50 * 5  # and a column, whose way on is no product
    first = unit_of(made, made.layers[0], 1, 50)
    assert flops(made, first) == (6 + 1) * 5 + 4 * 4 + 50 * (7 + 4 * 3)
    last = unit_of(made, made.layers[4], 1, 50)
    assert flops(made, last) == (6 + 1) * 5 + 5 * 4 + 4 * 3 + 50 * 4


def test_a_channel_costs_its_own_image():
    module = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32, 2)
    )
    module = module.double().eval()
    x, y = plain.data(ROWS, 3 * 36, 2)
    made = nogd.objective(module, x.view(ROWS, 3, 6, 6), y)
    asked = unit_of(made, made.layers[0], 5, 40)
    base, rest = (27 + 1) * 8 * 16, 28 * 2
    assert flops(made, asked) == base + rest + 40 * ((27 + 1) * 16 + 4 * 2)


@pytest.mark.parametrize("engine", ["compiled", "stack", "chain", "vmap", "loop", "stream"])
def test_through_every_engine(engine):
    if engine == "compiled":
        pytest.importorskip("numba")
    module, x, y = network()
    layer = nogd.objective(module, x, y).layers[2]
    if engine == "stream":
        made = nogd.objective(module, torch.utils.data.StackDataset(x, y), batch_size=4)
    else:
        made = nogd.objective(module, x, y, engine=engine)
    asked = unit_of(made, layer, 3, 6)
    expected = plain.losses(module, asked.dense(), x, y, nn.functional.mse_loss)
    torch.testing.assert_close(made.losses(asked), expected)
    torch.testing.assert_close(made.outputs(asked), plain.outputs(module, asked.dense(), x))
    assert (made.meter.forwards, made.meter.evaluations) == (12, 12)
    torch.testing.assert_close(made.trace.best, float(expected.min()))


def test_a_black_box_is_called_with_each():
    module, x, y = network()
    layer = nogd.objective(module, x, y).layers[0]
    asked = []

    class Trying(nogd.Learner):
        """Try planes of one unit once (nobody, 2026)."""

        name = "trying"

        def init(self, objective: Objective, theta: Tensor, rng: torch.Generator) -> nogd.State:
            return nogd.State(theta=theta)

        def step(self, objective: Objective, state: nogd.State) -> None:
            planes = nogd.Unit(state.theta, layer, 2, plain.thetas(4, 7))
            state.theta = planes.at(int(objective.losses(planes).argmin()))
            state.finished = "once is enough"

    def score(own: nn.Module) -> float:
        asked.append(plain.read(own))
        return float(own(x).square().mean())

    nogd.minimize(module, score, learner=Trying(), budget=10)
    assert torch.equal(torch.stack(asked[:4])[:, 14], plain.thetas(4, 7)[:, 2])


def test_the_run_ends_at_the_one_that_meets_the_target():
    made = nogd.objective(*network())
    asked = unit_of(made, made.layers[2], 1, 5)
    losses = made.losses(asked)
    place = int(losses.argmin())
    made = nogd.objective(*network())
    made.begin(asked.theta, Limit(), None, float(losses[place]) + 1e-9)
    with pytest.raises(TargetReached) as reached:
        made.outputs(asked)
    assert torch.equal(reached.value.theta, asked.at(place))
    assert torch.equal(asked.at(place), asked.dense()[place])


def test_the_last_layer_can_be_solved_for_each():
    made = nogd.objective(*network())
    asked = unit_of(made, made.layers[2], 1, 5)
    found, expected = made.readout(asked), made.readout(nogd.Population(asked.dense()))
    torch.testing.assert_close(found.losses, expected.losses)
    torch.testing.assert_close(made.losses(found), found.losses)


def test_layers_in_two_places_are_written_out():
    one = nn.Linear(3, 3)
    module = nn.Sequential(one, nn.Tanh(), one, nn.Linear(3, 2)).double()
    x, y = plain.data(ROWS, 3, 2)
    made = nogd.objective(module, x, y)
    asked = unit_of(made, made.layers[0], 1, 4)
    torch.testing.assert_close(made.outputs(asked), plain.outputs(module, asked.dense(), x))


def test_parameters_that_are_not_searched_stay():
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)).double()
    module[0].bias.requires_grad_(False)
    x, y = plain.data(ROWS, 3, 2)
    made = nogd.objective(module, x, y)
    asked = unit_of(made, made.layers[0], 1, 4)
    assert asked.weights.shape == (4, 3)
    torch.testing.assert_close(made.outputs(asked), plain.outputs(module, asked.dense(), x))


REFUSED: dict[str, tuple[Callable[[Objective, Tensor, Tensor], Any], str]] = {
    "no layer": (lambda made, t, w: nogd.Unit(t, "0", 0, w), "of `objective.layers` .* which '0' is not"),
    "an activation": (lambda made, t, w: nogd.Unit(t, made.layers[1], 0, w), "which layer '1' is not"),
    "no such unit": (lambda made, t, w: nogd.Unit(t, made.layers[0], 5, w), "unit 5 is not one of the 5 of layer '0'"),
    "half a unit": (lambda made, t, w: nogd.Unit(t, made.layers[0], 0.5, w), "unit 0.5 is not one"),
    "no bias": (lambda made, t, w: nogd.Unit(t, made.layers[0], 0, w[:, 1:]), r"\[M, 7\] .* bias behind .* \[4, 6\]"),
    "one set": (lambda made, t, w: nogd.Unit(t, made.layers[0], 0, w[0]), r"\[M, 7\] for a unit"),
    "many thetas": (lambda made, t, w: nogd.Unit(t[None], made.layers[0], 0, w), r"a Unit takes theta \[D\]"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_unit_is_refused(name):
    made = nogd.objective(*network())
    call, message = REFUSED[name]
    with pytest.raises(InvalidSetting, match=message):
        call(made, plain.read(made.module), plain.thetas(4, 7))


def test_a_layer_of_another_network_is_refused():
    made = nogd.objective(*network())
    other = nogd.objective(plain.network(5, 6, 4, 3), *plain.data(ROWS, 5, 3))
    theta = torch.zeros(made.D, dtype=D)
    with pytest.raises(InvalidSetting, match="layer '2' is none of this network's"):
        made.losses(nogd.Unit(theta, other.layers[2], 0, plain.thetas(2, 7)))
    assert made.meter.forwards == 0
