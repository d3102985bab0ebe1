"""What holds for every learner of the package."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import torch
from landscapes import FLOOR, Point, begin, bowl, flat, network
from nogd_zeroth_order import nogd_learners
from pydantic import ValidationError

import nogd
from nogd.training.names import build

ALL = [lazy.name for lazy in nogd_learners()]
NAMES = [name for name in ALL if name != "qes"]  # which goes by a lattice: test_qes.py
BLIND = [name for name in NAMES if name != "forward-gradient"]
IN_PAIRS = [name for name in BLIND if name != "fzoo"]
START = torch.tensor([0.0, 0.0, 0.0, 0.0, 0.0], dtype=torch.float64)
every_learner = pytest.mark.parametrize("name", NAMES)


def fit(name, landscape, start, forwards, seed=0, **options):
    return nogd.fit(
        Point(start),
        start.new_zeros(1, 1),
        start.new_zeros(1, 1),
        loss=lambda outputs, targets: landscape(outputs[0]),
        learner=name,
        budget=nogd.Budget(forwards=forwards),
        seed=seed,
        **options,
    )


def test_the_package_offers_what_its_classes_are_called():
    for lazy in nogd_learners():
        assert build(lazy.name).name == lazy.name


def test_listing_them_imports_nothing_heavy():
    code = (
        "import nogd_zeroth_order as n, sys; n.nogd_learners(); print({'torch', 'numpy'} & set(sys.modules))"
    )
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert listed.stdout == "set()\n"


@pytest.mark.parametrize("name", ALL)
def test_it_says_where_it_comes_from_and_what_a_step_costs(name):
    text = type(build(name)).__doc__
    assert "costs" in text
    assert "arXiv" in text or "doi" in text or "openreview" in text


@every_learner
def test_it_comes_near_the_floor_of_a_bowl(name):
    """From a loss of 31; those whose steps are of one length hover there."""
    runs = [fit(name, bowl, START, 2_000, seed) for seed in range(2)]
    assert max(run.loss for run in runs) < 1
    assert bowl(START) > 30


@every_learner
def test_three_steps_would_not_be_enough(name):
    assert fit(name, bowl, START, 3 * 16).loss > 1


@every_learner
def test_where_all_losses_are_equal_it_stays(name):
    learner = build(name)
    made, state = begin(learner, flat, START + 0.3)
    for _ in range(5):
        learner.step(made, state)
    assert state.theta.equal(START + 0.3)


@every_learner
def test_the_losss_unit_is_nothing_to_it(name):
    """The first step's length is what is wanted, so that no rate has to be found for each loss."""
    plain, scaled = (
        fit(name, lambda theta, unit=unit: unit * bowl(theta), START, 200) for unit in (1.0, 2.0**20)
    )
    assert plain.theta.allclose(scaled.theta, rtol=1e-6)


@every_learner
def test_the_first_step_has_about_the_wanted_length(name):
    lengths = []
    for seed in range(20):
        learner = build(f"{name},first-step=0.002")
        made, state = begin(learner, bowl, START, seed)
        learner.step(made, state)
        lengths.append(float((state.theta - START).norm()))
    assert 0.5 < sum(lengths) / len(lengths) / (0.002 * 10) < 2


@pytest.mark.parametrize("name", ["spsa", "guided-es", "mezo", "lozo", "fzoo", "forward-gradient"])
def test_no_step_is_longer_than_the_first_was_to_be(name):
    """Where slopes grow on the way a fixed rate explodes."""
    learner = build(f"{name},first-step=0.002")
    made, state = begin(learner, bowl, START)
    learner.step(made, state)
    state.rate *= 1e6
    there = state.theta.clone()
    learner.step(made, state)
    assert 0 < (state.theta - there).norm() < 3 * 0.002 * 10


@every_learner
def test_a_rate_that_is_given_is_taken(name):
    learner = build(f"{name},lr=1e-3")
    made, state = begin(learner, bowl, START)
    learner.step(made, state)
    assert state.rate == 1e-3
    expected = {"fzoo": 9, "forward-gradient": 1 + (made.gradient_cost - 1)}.get(name)
    assert made.meter.forwards == (learner.population if expected is None else expected)


@every_learner
def test_a_step_into_where_no_loss_is_finite_is_taken_back_and_the_next_ones_are_half_as_long(name):
    def cliff(theta):
        return torch.where((theta - FLOOR).norm() > 5, math.inf, bowl(theta))

    learner = build(f"{name},lr=1e-3")
    made, state = begin(learner, cliff, START)
    learner.step(made, state)
    assert not state.theta.equal(START)
    state.theta.add_(100.0)
    learner.step(made, state)
    assert state.rate == 5e-4
    # Steps of these two are taken back by what they were made of, not by a copy.
    assert state.theta.allclose(START + 100.0 if name in ("mezo", "lozo") else START)
    learner.step(made, state)
    assert state.rate == 5e-4


@pytest.mark.parametrize("name", BLIND)
def test_a_wall_beside_it_pushes_it_away(name):
    def walled(theta):
        return torch.where(theta[0] > 0, math.nan, (theta[0] + 1) ** 2 + theta[1] ** 2)

    run = fit(f"{name},first-step=0.01", walled, torch.tensor([-0.005, 1.0], dtype=torch.float64), 300)
    assert run.theta[0] <= 0
    assert run.loss < 1


@pytest.mark.parametrize("name", ["spsa", "mezo", "lozo"])
def test_a_wall_on_one_side_of_every_pair_says_where_to_go_and_nothing_of_the_rate(name):
    def walled(theta):
        return torch.where(theta[0] > 0, math.nan, 1e-4 * (theta[0] + 1) ** 2)

    learner = build(f"{name},sigma=0.1")
    made, state = begin(learner, walled, torch.tensor([-1e-9], dtype=torch.float64))
    learner.step(made, state)
    assert state.theta[0] < -0.01
    assert (state.rate, state.usual) == (0.0, 0.0)
    for _ in range(30):
        learner.step(made, state)
    assert state.rate > 10  # slopes are 1e-4 and less here


@every_learner
def test_nothing_that_is_drawn_or_kept_is_of_another_type(name):
    module, inputs, targets = network()
    run = nogd.fit(module.float(), inputs.float(), targets.float(), learner=name, budget=100)
    assert run.theta.dtype == torch.float32
    assert run.theta.isfinite().all()


@every_learner
def test_mini_batches_are_paid_by_their_share(name):
    module, inputs, targets = network()
    learner = build(f"{name},rows=5,lr=1e-3")
    made = nogd.objective(module, inputs, targets)
    state = learner.init(made, made.space.read(module), torch.Generator().manual_seed(0))
    for _ in range(4):
        learner.step(made, state)
    expected = {"fzoo": 9.0, "forward-gradient": made.gradient_cost}.get(name)
    assert made.meter.forwards == pytest.approx(learner.population if expected is None else expected)


@pytest.mark.parametrize("name", IN_PAIRS)
def test_candidates_come_in_pairs(name):
    with pytest.raises(ValidationError, match="population"):
        type(build(name))(population=3)
