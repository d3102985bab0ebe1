"""Every optimiser of torch does here what it does in a plain training loop."""

from __future__ import annotations

import subprocess
import sys
from inspect import isclass

import pytest
import torch
from nogd_torch_optim import nogd_learners
from nogd_torch_optim.fields import NOT_SETTINGS, descriptions
from nogd_torch_optim.names import LEFT_OUT, class_names, name_of
from torch import Generator, nn

import nogd
from nogd.engine.state import from_bytes, to_bytes
from nogd.errors import InvalidSetting
from nogd.training.names import build

NAMES = class_names()
OTHERS = [name for name in NAMES if name not in ("LBFGS", "Muon")]


def problem(bias=True):
    rng = Generator().manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 5, bias), nn.Tanh(), nn.Linear(5, 2, bias)).double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=rng, dtype=torch.float64))
    inputs = torch.randn(40, 3, generator=rng, dtype=torch.float64)
    return module, inputs, torch.sin(2 * inputs[:, :2])


def begun(learner, bias=True):
    module, inputs, targets = problem(bias)
    made = nogd.objective(module, inputs, targets)
    return made, learner.init(made, made.space.read(module).clone(), Generator().manual_seed(0))


def plain_losses(optimiser, steps, bias=True, **settings):
    """A loop as anybody would write it: the loss before each step, and after the last."""
    module, inputs, targets = problem(bias)
    made, losses = optimiser(module.parameters(), **settings), []

    def loss():
        made.zero_grad()
        value = nn.functional.mse_loss(module(inputs), targets)
        value.backward()
        return value

    for _ in range(steps):
        losses.append(float(loss().detach()))
        made.step(loss)
    return [*losses, float(loss().detach())]


def own_losses(learner, steps, bias=True):
    made, state = begun(learner, bias)
    losses = [made.measure(state.theta)["loss"]]
    for _ in range(steps):
        learner.step(made, state)
        losses.append(made.measure(state.theta)["loss"])
    return losses


def test_they_are_all_that_torch_has_but_for_what_is_left_out_with_a_reason():
    there = {name for name in torch.optim.__all__ if isclass(getattr(torch.optim, name))}
    assert {*NAMES, *LEFT_OUT} == there
    assert [lazy.name for lazy in nogd_learners()] == [f"torch-{name.lower()}" for name in NAMES]
    for lazy in nogd_learners():
        assert build(lazy.name).name == lazy.name


def test_listing_them_does_not_import_torch():
    code = "import nogd_torch_optim as n, sys; print(len(n.nogd_learners()), 'torch' in sys.modules)"
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert listed.stdout == f"{len(NAMES)} False\n"


@pytest.mark.parametrize("name", OTHERS)
def test_it_gives_the_losses_of_a_plain_loop(name):
    found = own_losses(build(name_of(name)), 20)
    assert found == pytest.approx(plain_losses(getattr(torch.optim, name), 20), rel=1e-9)
    assert found[-1] < found[0]


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        (
            "torch-adamw,lr=0.02,betas=(0.8, 0.9),amsgrad=true",
            {"lr": 0.02, "betas": (0.8, 0.9), "amsgrad": True},
        ),
        ("torch-sgd,lr=0.05,momentum=0.9,nesterov=true", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
        ("torch-rmsprop,centered=true,momentum=0.5", {"centered": True, "momentum": 0.5}),
        ("torch-adafactor,eps=(1e-4, 1e-2)", {"eps": (1e-4, 1e-2)}),
    ],
)
def test_settings_reach_torch(text, settings):
    learner = build(text)
    expected = plain_losses(type(learner).optimiser, 20, **settings)
    assert own_losses(learner, 20) == pytest.approx(expected, rel=1e-9)


def test_muon_gives_the_losses_of_a_plain_loop_where_all_parameters_are_matrices():
    found = own_losses(build("torch-muon,lr=0.02"), 20, bias=False)
    assert found == pytest.approx(plain_losses(torch.optim.Muon, 20, bias=False, lr=0.02), rel=1e-6)


def test_muon_refuses_a_network_with_biases_and_says_why():
    made, _ = begun(build("torch-adam"))
    reason = build("torch-muon").supports(made)
    assert reason
    assert "2D" in reason
    assert build("torch-adam").supports(made) is None


@pytest.mark.parametrize("search", ["strong_wolfe", None])
def test_lbfgs_goes_where_a_plain_loop_goes_and_recommends_the_best_it_has_seen(search):
    steps = 4 if search else 1
    learner = build("torch-lbfgs", {"line_search_fn": search, "lr": 0.1, "max_iter": 5})
    expected = plain_losses(torch.optim.LBFGS, steps, line_search_fn=search, lr=0.1, max_iter=5)
    made, state = begun(learner)
    for loss in expected[1:]:
        learner.step(made, state)
        assert made.measure(state.here)["loss"] == pytest.approx(loss, rel=1e-7)
        assert made.measure(state.theta)["loss"] == pytest.approx(state.best, rel=1e-12)
        if search:  # without it the optimiser has not looked at where it went last
            assert state.best <= loss * (1 + 1e-9)


def test_each_point_that_lbfgs_looks_at_is_charged():
    learner = build("torch-lbfgs,max-iter=10")
    made, state = begun(learner)
    asked, original = [], made.gradient
    made.gradient = lambda theta, rows=None: asked.append(1) or original(theta, rows)
    learner.step(made, state)
    assert len(asked) > 5
    assert made.meter.forwards == pytest.approx(len(asked) * made.gradient_cost)


def test_lbfgs_stopped_in_the_middle_of_a_line_leaves_the_best_it_has_seen():
    _, inputs, targets = problem()
    losses = [
        nogd.fit(problem()[0], inputs, targets, learner="torch-lbfgs", budget=forwards).loss
        for forwards in range(3, 60, 4)
    ]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize("name", ["Adam", "Rprop", "ASGD", "Adafactor", "LBFGS"])
def test_a_resumed_run_goes_on_to_the_last_bit(name):
    learner = build(name_of(name))
    made, state = begun(learner)
    for _ in range(3):
        learner.step(made, state)
    again = from_bytes(to_bytes(state))
    for _ in range(3):
        learner.step(made, state)
        learner.step(made, again)
    assert to_bytes(again) == to_bytes(state)


def test_steps_do_not_copy_the_moments():
    learner = build("torch-adam")
    made, state = begun(learner)
    learner.step(made, state)
    moment = state.saved["state"][0]["exp_avg"]
    learner.step(made, state)
    assert state.saved["state"][0]["exp_avg"] is moment


def test_a_value_that_torch_refuses_is_refused_before_training():
    with pytest.raises(InvalidSetting, match="beta"):
        build("torch-adamw,betas=(1.5, 0.9)")
    with pytest.raises(InvalidSetting, match="line_search_fn"):
        build("torch-lbfgs,line-search-fn=weak")
    with pytest.raises(InvalidSetting, match="foreach"):
        build("torch-adam,foreach=true")


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_says_what_it_is(name):
    fields = type(build(name_of(name))).model_fields
    assert not NOT_SETTINGS & fields.keys()
    assert "lr" in fields
    for field in fields.values():
        assert field.description
        assert "`~" not in field.description
    assert not fields["lr"].description.startswith("as in")


def test_descriptions_are_read_from_a_docstring():
    text = """Does it.

    Args:
        lr (float): rate of
            change (default: 1e-3)
        eps (float): :class:`~a.b`

    More."""
    assert descriptions(text) == {"lr": "rate of change", "eps": "a.b"}


def test_each_state_has_an_optimiser_of_its_own():
    learner = build("torch-adam")
    made, first = begun(learner)
    _, second = begun(learner)
    for _ in range(4):
        learner.step(made, first)
    learner.step(made, second)
    assert int(second.saved["state"][0]["step"]) == 1
