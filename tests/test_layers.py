"""Layers of a chain, what goes through them, and a learner that needs no guess at the loss."""

from __future__ import annotations

import copy
import inspect
from pathlib import Path

import plain
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from oja import Oja
from random_networks import images, vectors
from torch import Generator, Tensor, nn

import nogd
from nogd.engine.accounts.meter import Limit, TargetReached
from nogd.errors import InvalidSetting
from nogd.testing import parametrize_with_checks

pytestmark = pytest.mark.torch_alone

ROWS = 9


class Described(nn.Module):
    """A chain by a forward of its own, with functions in it."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(3, 4), nn.ReLU(inplace=True))
        self.last = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.tanh(self.inner(x)))


def objective(module: nn.Module) -> nogd.Objective:
    return nogd.objective(plain.drawn(module.double(), 0), *plain.data(ROWS, 3, 2))


def test_layers_have_names_modules_and_places():
    made = objective(Described())
    found = [(each.name, each.weight, each.bias) for each in made.layers]
    assert found == [
        ("inner.0", slice(0, 12), slice(12, 16)),
        ("inner.1", None, None),
        ("tanh()", None, None),
        ("last", slice(16, 24), slice(24, 26)),
    ]
    assert made.layers[0].module is made.module.inner[0]
    theta = plain.thetas(1, made.D)[0]
    values = made.space.split(theta)
    for each in (made.layers[0], made.layers[3]):
        assert torch.equal(theta[each.weight].view(each.module.weight.shape), values[f"{each.name}.weight"])
        assert torch.equal(theta[each.bias], values[f"{each.name}.bias"])


def test_what_is_not_searched_has_no_place():
    module = Described()
    module.last.weight.requires_grad_(False)
    places = [(each.weight, each.bias) for each in objective(module).layers]
    assert places[0] == (slice(0, 12), slice(12, 16))
    assert places[3] == (None, slice(16, 18))


@settings(max_examples=12, deadline=None)
@given(st.data(), st.booleans(), st.sampled_from([None, [2, 0, 2, 5]]))
def test_activations_are_what_goes_through_the_modules_own_layers(data, image, rows):
    shape = (2, 4, 4) if image else (5,)
    module = plain.drawn(nn.Sequential(*data.draw(images(2, 4) if image else vectors(5))).double(), 0).eval()
    x = torch.randn(ROWS, *shape, generator=Generator().manual_seed(1), dtype=torch.float64)
    made = nogd.objective(module, x, module(x).detach() + 1)
    theta, chosen = plain.thetas(1, made.D)[0], None if rows is None else torch.tensor(rows)
    found = made.activations(theta, chosen)
    own, taken_in, gave = copy.deepcopy(made.module), [], []
    plain.write(theta, own)
    for part in own.modules():
        if not isinstance(part, nn.Sequential):
            part.register_forward_pre_hook(lambda _, taken: taken_in.append(taken[0].clone()))
            part.register_forward_hook(lambda _, taken, out: gave.append(out.clone()))
    with torch.no_grad():
        own(x if chosen is None else x[chosen])
    assert len(made.layers) == len(gave)
    torch.testing.assert_close([each.inputs for each in found], taken_in)
    torch.testing.assert_close([each.outputs for each in found], gave)


@pytest.mark.parametrize("rows", [None, torch.tensor([1, 5, 5])])
def test_activations_count_and_are_noted_as_a_scoring(rows):
    asked, scored = objective(Described()), objective(Described())
    theta = plain.thetas(1, asked.D)[0]
    asked.activations(theta, rows)
    scored.losses(nogd.Population(theta[None]), rows)
    without = {name: value for name, value in asked.meter.reading().items() if name != "seconds"}
    assert without == {name: value for name, value in scored.meter.reading().items() if name != "seconds"}
    torch.testing.assert_close(asked.trace.table()[:, [0, 1, 2, 4]], scored.trace.table()[:, [0, 1, 2, 4]])


def test_they_may_meet_the_target():
    made = objective(Described())
    theta = plain.thetas(1, made.D)[0]
    made.begin(theta, Limit(), None, 1e9)
    with pytest.raises(TargetReached):
        made.activations(theta)


def test_they_are_the_learners_to_write_into():
    made = objective(Described())
    theta = plain.thetas(1, made.D)[0]
    for inputs, outputs in made.activations(theta):
        inputs.zero_()
        outputs.zero_()
    again = made.activations(theta)
    assert torch.equal(again[0].inputs, made.inputs)
    assert again[-1].outputs.any()


class Twofold(nn.Module):
    """No chain: the input is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.one(x) + x[:, :2]


def test_no_chain_has_no_layers():
    made = objective(Twofold())
    assert "layers" not in made.features
    with pytest.raises(
        InvalidSetting, match=r"the layers cannot be listed here \(.*more than one thing after"
    ):
        _ = made.layers
    with pytest.raises(InvalidSetting, match="the layers cannot be listed here"):
        made.activations(plain.thetas(1, made.D)[0])
    with pytest.raises(InvalidSetting, match="oja needs a network that is a chain of layers"):
        nogd.fit(Twofold(), *plain.data(ROWS, 3, 2, dtype=torch.float32), learner=Oja())


def test_streams_have_none_and_say_why():
    x, y = plain.data(ROWS, 3, 2)
    made = nogd.objective(plain.network(3, 2), [(x[:5], y[:5]), (x[5:], y[5:])])
    with pytest.raises(InvalidSetting, match="the data come in 2 batches"):
        _ = made.layers


# -- a rule that guesses nothing


def ridge() -> tuple[Tensor, Tensor]:
    """Five correlated inputs, and a target that bends along the direction in which they vary most."""
    rng = Generator().manual_seed(0)
    t = torch.randn(200, 1, generator=rng)
    inputs = t * torch.tensor([[1.0, -0.8, 0.6, 0.4, -0.2]]) + 0.3 * torch.randn(200, 5, generator=rng)
    return inputs, torch.tanh(2 * t)


def small() -> nn.Sequential:
    module = nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 1))
    return plain.drawn(module, 1, 0.3)


def test_a_local_rule_learns_without_guessing_the_loss():
    (inputs, targets), module = ridge(), small()
    run = nogd.fit(module, inputs, targets, learner=Oja(), budget=400)
    assert run.loss < 0.08 < 0.4 < run.curve["loss"][0]
    assert (run.meter.forwards, run.meter.evaluations, run.meter.gradients) == (400, 400, 0)
    assert run.meter.inside <= run.meter.seconds
    # Every hidden unit has found the first principal component, up to its sign.
    first = torch.linalg.svd(inputs, full_matrices=False).Vh[0]
    weights = nn.functional.normalize(module[0].weight.detach())
    assert ((weights @ first).abs() > 0.95).all()


def test_it_takes_no_more_than_forty_lines_and_stands_in_the_docs():
    assert len(inspect.getsource(Oja).splitlines()) <= 40
    page = Path(__file__).parents[1] / "docs" / "how-to" / "layers.md"
    assert Path(inspect.getfile(Oja)).read_text(encoding="utf-8") in page.read_text(encoding="utf-8")


@parametrize_with_checks([Oja()])
def test_it_keeps_the_rules(learner, check):
    check(learner)
