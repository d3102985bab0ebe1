"""A world in place of data: common episodes, measured on others, its steps counted; cart-pole is gymnasium's."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from bench_help import PATIENCE
from torch import Tensor, nn

import nogd
import nogd.learners
from nogd import Objective, ParameterSpace, Policies, Population, SimulatorTask, uniform
from nogd.bench.experiment import make_experiment
from nogd.bench.freeze import freeze
from nogd.bench.perform import Job, Listener, perform
from nogd.bench.plan import plan
from nogd.bench.progress import Silent
from nogd.engine.simulation import Simulation
from nogd.errors import InvalidSetting, NogdWarning, PluginError
from nogd.hookspecs import hookimpl
from nogd.plugins.manager import Plugins
from nogd.tasks.control import CartPole, has_ended, pushed
from nogd.testing import NotApplicable
from nogd.testing.task_simulator import noise_is_declared

pytestmark = pytest.mark.any_version

RECORDED = json.loads((Path(__file__).parent / "data" / "cart_pole.json").read_text(encoding="utf-8"))
STEPS = 3


class Follow(SimulatorTask):
    """Say the numbers that are seen, three times an episode; some episodes end after one step."""

    name, why = "follow", "A world of a millisecond."
    constant: ClassVar[float] = -2.0
    solved: ClassVar[float] = -0.05
    budget: ClassVar[float] = 60

    def network(self):
        return nn.Linear(2, 2)

    def rollout(self, policies, seeds):
        seen = uniform(seeds, 2).expand(policies.count, -1, -1).to(policies.dtype)
        running = torch.ones(seen.shape[:2], dtype=torch.bool)
        missed = torch.zeros(seen.shape[:2])
        for _ in range(STEPS):
            missed += running * (policies(seen, running=running) - seen).square().sum(-1)
            running = running & (seen[..., 0] < 0.5)
        return -missed


def objective_of(task: SimulatorTask) -> tuple[Objective, Tensor]:
    problem = task.problem(0)
    space = ParameterSpace(problem.module, problem.bounds)
    objective = Objective(Simulation(problem.module, space, problem.simulator), differentiable=False)
    return objective, space.read(problem.module)


def around(theta: Tensor, count: int = 4) -> Tensor:
    return theta + torch.randn(count, len(theta), generator=torch.Generator().manual_seed(1))


class Plain(Follow):
    """Whatever a policy does comes to the same."""

    name = "plain"

    def rollout(self, policies, seeds):
        return 0 * super().rollout(policies, seeds)


# Cart-pole


@pytest.mark.parametrize("episode", RECORDED["episodes"], ids=lambda each: f"{len(each['actions'])} steps")
def test_the_dynamics_are_those_of_gymnasium_step_by_step(episode):
    state, before = torch.tensor(episode["start"], dtype=torch.float64), True
    assert (state.abs() <= 0.05).all()
    for action, expected in zip(episode["actions"], episode["states"], strict=True):
        assert before, "no step is taken after the end"
        state = pushed(state, torch.tensor(action == 1))
        assert state.numpy() == pytest.approx(np.array(expected), rel=1e-12, abs=1e-12)
        before = not has_ended(state)
    assert bool(has_ended(state)) == episode["fell"]
    assert sum(episode["rewards"]) == len(episode["actions"])
    assert episode["late"] == (len(episode["actions"]) == 500)


class Steering(nn.Module):
    """What steered the recorded episodes."""

    def __init__(self):
        super().__init__()
        self.weights = nn.Parameter(torch.tensor([[0.1, 0.3, 3.0, 1.0]]))

    def forward(self, inputs):
        return inputs @ self.weights.T


def test_returns_are_steps_and_steps_are_counted(monkeypatch):
    monkeypatch.setattr(CartPole, "network", lambda self: Steering())
    objective, theta = objective_of(CartPole(episodes=4))
    losses = objective.losses(Population(torch.stack([theta, 0 * theta, -theta])))
    assert losses[0] == -500
    assert (losses[1:] > -12).all()
    assert objective.meter.steps == -float(losses.sum()) * 4
    assert objective.meter.flops == 2 * 4 * objective.meter.steps
    assert (objective.meter.forwards, objective.meter.evaluations, objective.meter.examples) == (3, 3, 12)


def test_the_best_constant_action_is_worth_what_the_task_says(monkeypatch):
    class OneSide(nn.Module):
        def __init__(self):
            super().__init__()
            self.bias = nn.Parameter(torch.ones(1))

        def forward(self, inputs):
            return self.bias.expand(*inputs.shape[:-1], 1)

    monkeypatch.setattr(CartPole, "network", lambda self: OneSide())
    objective, theta = objective_of(CartPole(episodes=4_000))
    assert float(objective.losses(Population(theta[None]))) == pytest.approx(-CartPole.constant, abs=0.1)


# The contract


def test_all_candidates_of_a_call_see_the_same_episodes_and_each_call_its_own():
    objective, theta = objective_of(Follow())
    assert objective.noisy
    first, again = (objective.losses(Population(theta.repeat(3, 1))) for _ in range(2))
    assert len(first.unique()) == len(again.unique()) == 1
    assert first[0] != again[0]


def test_where_all_candidates_return_the_same_nobody_can_say_whether_there_is_noise():
    with pytest.raises(NotApplicable, match="all return the same"):
        noise_is_declared(Plain())
    noise_is_declared(Follow())


def test_without_noise_all_calls_see_the_same():
    objective, theta = objective_of(Follow(noisy=False))
    assert not objective.noisy
    first, again = (objective.losses(Population(around(theta))) for _ in range(2))
    assert torch.equal(first, again)
    assert objective.measure(theta)["loss"] == float(objective.losses(Population(theta[None])))


def test_some_of_the_episodes_are_a_share_of_a_forward():
    objective, theta = objective_of(Follow(noisy=False, episodes=8))
    halves = [objective.losses(Population(theta[None]), rows) for rows in torch.arange(8).split(4)]
    assert objective.meter.forwards == 1
    assert float(sum(halves)) / 2 == pytest.approx(float(objective.losses(Population(theta[None]))))


def test_measuring_changes_nothing_and_counts_nothing():
    losses = []
    for measures in (False, True):
        objective, theta = objective_of(Follow())
        scored = []
        for _ in range(3):
            scored.append(objective.losses(Population(around(theta))))
            if measures:
                assert objective.measure(theta) == objective.measure(theta)
        losses.append(torch.stack(scored))
        assert 3 * 4 * 16 < objective.meter.steps < 3 * 4 * 16 * STEPS
    assert torch.equal(*losses)


def test_it_has_neither_data_nor_gradient():
    objective, theta = objective_of(Follow())
    assert objective.features == {"observations"}
    with pytest.raises(InvalidSetting, match="so a learner cannot look at them"):
        objective.inputs  # noqa: B018
    with pytest.raises(nogd.UserError, match="no gradient"):
        objective.gradient(theta)


def test_a_module_that_vmap_refuses_is_asked_in_a_loop_for_the_same_returns(monkeypatch):
    class Branching(nn.Linear):
        def forward(self, inputs):
            return super().forward(inputs) if float(self.weight.sum()) < 100 else inputs

    plain, theta = objective_of(Follow())
    expected = plain.losses(Population(around(theta)))
    monkeypatch.setattr(Follow, "network", lambda self: Branching(2, 2))
    objective, _ = objective_of(Follow())
    with pytest.warns(NogdWarning, match="policies are asked one by one, which is slow"):
        found = objective.losses(Population(around(theta)))
    assert torch.allclose(found, expected, rtol=1e-5)


def test_a_policy_may_have_a_memory(monkeypatch):
    class Recurrent(nn.Module):
        def __init__(self):
            super().__init__()
            self.cell = nn.Linear(3, 1)

        def forward(self, inputs, memory):
            memory = self.cell(torch.cat([inputs, memory], -1)).tanh()
            return memory, {"memory": memory}

    class Remember(Follow):
        def network(self):
            return Recurrent()

        def rollout(self, policies, seeds):
            memory = torch.zeros(policies.count, len(seeds), 1)
            for seen in uniform(seeds, STEPS, 2).to(policies.dtype).unbind(1):
                said, kept = policies(seen.expand(policies.count, -1, -1), memory)
                memory = kept["memory"]
            return said[..., 0]

    objective, theta = objective_of(Remember(episodes=2))
    losses = objective.losses(Population(around(theta)))
    assert len(losses.unique()) == 4
    assert objective.meter.steps == 4 * 2 * STEPS


def test_returns_of_another_shape_are_refused_with_the_one_that_is_wanted():
    class Averaging(Follow):
        def rollout(self, policies, seeds):
            return super().rollout(policies, seeds).mean(1)

    objective, theta = objective_of(Averaging(episodes=3))
    with pytest.raises(PluginError, match=r"'follow' gives \[2\]; it must give returns .* here \[2, 3\]"):
        objective.losses(Population(around(theta, 2)))


def test_uniform_numbers_follow_from_each_seed_alone():
    both = uniform(torch.tensor([5, 7]), 3)
    assert torch.equal(both[1:], uniform(torch.tensor([7]), 3))
    assert (both.shape, both.dtype) == ((2, 3), torch.float64)
    assert not torch.equal(both[0], both[1])


# The bench


def test_a_comparison_keeps_returns_and_steps_and_says_who_cannot(tmp_path):
    results = nogd.run(
        learners=["random-search", "grid-search", "sgd"], tasks=[Follow, Follow(noisy=False)], repetitions=1,
        out=tmp_path, jobs=0, progress=False,
    )  # fmt: skip
    runs = results.runs.set_index(["task", "learner"])
    assert set(runs.loc[(slice(None), "sgd"), "status"]) == {"not-applicable"}
    done = runs[runs["status"] == "budget"]
    assert len(done) == 4
    assert (done["steps"] > done["examples"]).all()
    assert (done["steps"] < STEPS * done["examples"]).all()
    assert (done["metric_name"] == "return").all()
    assert (done["test_metric"] == -done["test_loss"]).all()
    assert (done["constant"] == -2).all()
    assert (done["has_split"] == 1).all()
    searched = done.loc[(slice(None), "grid-search"), :]
    assert (searched["best_loss"] < searched["start_loss"]).all()
    noisy = results.curves[results.curves["task"] == "follow"]
    assert len(noisy) > 2


@pytest.mark.parametrize("learner", ["random-search", "grid-search"])
def test_a_run_that_goes_on_from_a_checkpoint_ends_as_one_that_never_stopped(learner):
    [item] = plan(make_experiment({"learners": learner, "tasks": Follow, "repetitions": 1}))
    saved: list[bytes] = []
    listener = Listener(lambda _: None, saved.append)
    job = Job(item.cell, item.learner, item.task, timeout=PATIENCE, checkpoint_seconds=0.0)
    whole = perform(job, listener)
    middle = saved[len(saved) // 2]
    job = Job(item.cell, item.learner, item.task, timeout=PATIENCE, checkpoint=middle)
    again = perform(job, listener)
    assert len(saved) > 2
    assert again.row["steps"] == whole.row["steps"] > 0
    assert np.array_equal(np.delete(again.curve, 5, 1), np.delete(whole.curve, 5, 1), equal_nan=True)
    assert np.array_equal(again.theta, whole.theta)


def test_a_noisy_run_is_judged_by_what_is_measured(tmp_path):
    """Its best loss is one of the curve, not of a lucky call."""
    [item] = plan(make_experiment({"learners": "random-search", "tasks": Follow, "repetitions": 1}))
    job = Job(item.cell, item.learner, item.task, timeout=PATIENCE)
    record = perform(job, Listener(lambda _: None, lambda _: None))
    assert record.row["best_loss"] == np.nanmin(record.curve[:, 8])


def offer(monkeypatch: pytest.MonkeyPatch, task: type[SimulatorTask]) -> None:
    class Plugin:
        @hookimpl
        def nogd_tasks(self):
            return [task]

    loaded = Plugins.of(nogd.learners, Plugin())
    monkeypatch.setattr("nogd.plugins.manager.plugins", lambda: loaded)


def test_what_is_frozen_is_a_return_written_down_and_not_a_learners(tmp_path, monkeypatch):
    offer(monkeypatch, Follow)
    settings = {
        "learner": "grid-search",
        "out": tmp_path,
        "repetitions": 5,
        "jobs": 0,
        "progress": Silent(),
    }
    found = freeze(["follow"], **settings)["follow"]
    assert (found["test_metric"], found["constant"], found["measured_on"]) == (-0.05, -2.0, "test")
    assert found["targets"]

    class Unscaled(Follow):
        solved: ClassVar[float] = math.nan

    offer(monkeypatch, Unscaled)
    with pytest.raises(InvalidSetting, match="the task 'follow' has no scale to freeze: set `constant`"):
        freeze(["follow"], **settings)


def test_cart_pole_describes_itself():
    facts = CartPole().describe()
    json.dumps(facts, allow_nan=False)
    assert (facts["episodes"], facts["solved at"], facts["best constant action"]) == (16, 475.0, 9.3)
    assert CartPole.reference["test_metric"] == 475.0
    assert CartPole(noisy=False).reference is None


def test_policies_say_how_many_they_are():
    problem = Follow().problem(0)
    objective, theta = objective_of(Follow())
    seen = []

    class Watching(Follow):
        def rollout(self, policies: Policies, seeds: Tensor) -> Tensor:
            seen.append((policies.count, len(seeds), policies.dtype))
            return super().rollout(policies, seeds)

    objective, theta = objective_of(Watching(episodes=6))
    objective.losses(Population(around(theta, 7)))
    assert seen == [(7, 6, torch.float32)]
    assert not problem.is_supervised


def test_policies_in_parts_return_and_count_what_they_do_together():
    class InParts(Follow):
        def rollout(self, policies: Policies, seeds: Tensor) -> Tensor:
            parts = list(policies.split(3))
            assert [part.count for part in parts] == [3, 3, 1]
            found = torch.cat([super(InParts, self).rollout(part, seeds) for part in parts])
            assert policies.steps == parts[0].steps
            return found

    found = {}
    for kind in (Follow, InParts):
        objective, theta = objective_of(kind(noisy=False))
        losses = objective.losses(Population(around(theta, 7)))
        found[kind] = losses, objective.meter.steps
    torch.testing.assert_close(found[InParts][0], found[Follow][0])
    assert found[InParts][1] == found[Follow][1] > 0
