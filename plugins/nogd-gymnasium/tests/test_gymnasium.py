"""The task keeps nogd's rules, plays gymnasium's episodes, and refuses what it cannot do in one sentence."""

from __future__ import annotations

import pickle
import subprocess
import sys

import gymnasium
import nogd_gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from nogd_gymnasium.actions import actions_of
from nogd_gymnasium.environments import inputs_of, made, observed
from nogd_gymnasium.scales import SCALES
from nogd_gymnasium.stage import AT_ONCE
from nogd_gymnasium.standardised import Standardised, seen_at_random
from nogd_gymnasium.task import Gymnasium

import nogd
from nogd import UserError
from nogd.testing import parametrize_with_checks


@parametrize_with_checks([Gymnasium, Gymnasium(env="Pendulum-v1", steps=20, depth=0, standardise_by=50)])
def test_nogd_rules(task, check):
    check(task)


def test_listing_the_task_imports_nothing_heavy():
    code = "import nogd_gymnasium as n, sys; n.nogd_tasks(); print({'torch', 'numpy', 'gymnasium'} & set(sys.modules))"
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert listed.stdout == "set()\n"


def test_the_package_offers_what_its_class_is_called():
    (lazy,) = nogd_gymnasium.nogd_tasks()
    assert (lazy.load(), lazy.name, set(lazy.tags)) == (Gymnasium, Gymnasium.name, set(Gymnasium.tags))
    with pytest.raises(AttributeError, match="no attribute 'movie'"):
        nogd_gymnasium.movie  # noqa: B018


class Always:
    """A policy that does the same whatever it sees, and remembers what that was."""

    dtype, device = torch.float32, torch.device("cpu")

    def __init__(self, outputs: list[list[float]]) -> None:
        self.given, self.count, self.seen, self.steps = torch.tensor(outputs), len(outputs), [], 0

    def split(self, most):
        return (Always(part.tolist()) for part in self.given.split(most))

    def __call__(self, seen, running):
        self.seen.append(seen)
        self.steps += int(running.sum())
        return self.given[:, None].expand(-1, seen.shape[1], -1)


def by_hand(name: str, action, seed: int) -> float:
    env, total, over = gymnasium.make(name), 0.0, False
    env.reset(seed=seed)
    while not over:
        _, reward, terminated, truncated, _ = env.step(action)
        total, over = total + float(reward), terminated or truncated
    return total


@pytest.mark.parametrize(
    ("name", "outputs", "actions"),
    [
        ("CartPole-v1", [[1.0, 0.0], [0.0, 1.0]], [0, 1]),
        ("Pendulum-v1", [[0.5], [9.0]], [np.array([1.0], np.float32), np.array([2.0], np.float32)]),
        ("FrozenLake-v1", [[0, 0, 1.0, 0]], [2]),
    ],
)
def test_returns_are_those_of_gymnasium(name, outputs, actions):
    seeds = [3, 1_000_003]
    found = Gymnasium(env=name).rollout(Always(outputs), torch.tensor(seeds))
    expected = [[by_hand(name, action, seed) for seed in seeds] for action in actions]
    assert found.tolist() == [pytest.approx(row, rel=1e-6) for row in expected]


def test_more_policies_and_episodes_than_environments_return_the_same():
    task = Gymnasium()
    few = task.rollout(Always([[1.0, 0.0]]), torch.arange(3))
    assert task.rollout(Always([[1.0, 0.0]] * (AT_ONCE + 6)), torch.arange(3)).tolist() == [
        few[0].tolist()
    ] * (AT_ONCE + 6)
    many = task.rollout(Always([[1.0, 0.0]]), torch.arange(AT_ONCE + 3))
    assert many.shape == (1, AT_ONCE + 3)
    assert many[0, :3].tolist() == few[0].tolist()
    assert len(task._stage._envs) == AT_ONCE


def test_each_step_of_a_running_episode_counts():
    policies = Always([[1.0, 0.0], [0.0, 1.0]])
    policies.split = lambda most: [policies]
    returns = Gymnasium().rollout(policies, torch.arange(3))
    assert policies.steps == returns.sum(), "cart-pole pays one for each step"


def test_a_shorter_time_limit_ends_episodes():
    assert Gymnasium(env="Pendulum-v1", steps=5).rollout(Always([[0.0]]), torch.arange(1)) > -5 * 17
    found = Gymnasium(env="Acrobot-v1", steps=7).rollout(Always([[1.0, 0.0, 0.0]]), torch.arange(2))
    assert found.tolist() == [[-7, -7]]


def test_environments_stay_when_a_task_travels():
    task = Gymnasium()
    task.rollout(Always([[1.0, 0.0]]), torch.arange(1))
    there = pickle.loads(pickle.dumps(task))
    assert there == task
    assert there._stage._envs == []


ACTIONS = [
    (spaces.Discrete(3, start=5), [0.0, 2.0, 1.0], 6),
    (spaces.Box(-2, 4, (2,), np.float32), [0.5, -7.0], [2.5, -2.0]),
    (spaces.Box(-np.inf, np.inf, (1,), np.float64), [7.0], [7.0]),
    (spaces.Box(0, 10, (1, 1), np.int64), [0.31], [[7]]),
    (spaces.MultiBinary(3), [1.0, -1.0, 0.5], [1, 0, 1]),
    (spaces.MultiDiscrete([2, 3]), [0.0, 1.0, 5.0, 1.0, 2.0], [1, 0]),
    (spaces.Discrete(2), [float("nan"), -1.0], 0),
]


@pytest.mark.parametrize(("space", "outputs", "expected"), ACTIONS, ids=lambda value: str(value)[:30])
def test_what_outputs_do(space, outputs, expected):
    actions = actions_of(space, "it")
    action = actions(np.array(outputs))
    assert actions.outputs == len(outputs)
    assert space.contains(action)
    assert np.asarray(action).tolist() == expected


def test_what_cannot_be_done_or_seen_is_refused():
    with pytest.raises(UserError, match="an action in 'it' is Tuple; a policy here chooses Discrete"):
        actions_of(spaces.Tuple([spaces.Discrete(2)]), "it")
    with pytest.raises(UserError, match="observed in 'it' is Sequence, which has no fixed"):
        inputs_of(spaces.Sequence(spaces.Discrete(2)), "it")


def test_a_choice_is_seen_as_ones_and_zeros():
    env = made("FrozenLake-v1")
    assert observed(env, 3).tolist() == [0.0] * 3 + [1.0] + [0.0] * 12
    assert Gymnasium(env="FrozenLake-v1").describe()["network"] == "Linear(16, 8), Tanh, Linear(8, 4)"


def test_standardised_observations_have_one_scale_and_are_the_same_for_all():
    seen = seen_at_random(made("CartPole-v1"), 200)
    assert np.array_equal(seen, seen_at_random(made("CartPole-v1"), 200))
    found = Standardised(seen)(torch.from_numpy(seen).float())
    assert found.mean(0).tolist() == pytest.approx([0.0] * 4, abs=1e-4)
    assert found.std(0, correction=0).tolist() == pytest.approx([1.0] * 4, abs=1e-4)
    constant = Standardised(np.ones((5, 2)))(torch.tensor([[1.0, 3.0]]))
    assert constant.tolist() == [[0.0, 2.0]]
    first, second = (Gymnasium(standardise_by=200).problem(seed).module for seed in (0, 1))
    assert torch.equal(first[0].mean, second[0].mean)
    assert not torch.equal(first[1].weight, second[1].weight)


def test_the_default_has_a_frozen_reference():
    frozen = Gymnasium().reference
    assert frozen["learner"] == "random-search"
    assert (frozen["constant"], frozen["test_metric"]) == (9.3, 475.0)
    assert Gymnasium(env="Acrobot-v1").reference is None


@pytest.mark.parametrize("name", sorted(SCALES))
def test_score_1_is_the_threshold_of_gymnasium_where_it_has_one(name):
    threshold = gymnasium.spec(name).reward_threshold
    assert SCALES[name].solved == (threshold or SCALES[name].solved)
    assert SCALES[name].constant < SCALES[name].solved
    assert (threshold is None) == (name == "Pendulum-v1")


def test_the_scale_may_be_stated():
    task = Gymnasium(env="Blackjack-v1", steps=20, zero=-1, one=0.5)
    assert (task.constant, task.solved) == (-1, 0.5)
    assert Gymnasium(env="Blackjack-v1", steps=20).describe()["solved at"] is None
    assert Gymnasium(env="Acrobot-v1").constant == -500
    assert Gymnasium(env="Acrobot-v1", steps=100).describe()["best constant action"] is None
    assert str(task) == "gymnasium,env=Blackjack-v1,steps=20,zero=-1.0,one=0.5"


WRONG = [
    ("env=CartPol-v1", "'CartPol-v1' cannot be made: .*doesn't exist. Did you mean.*CartPole"),
    ("env=CartPole-v99", "'CartPole-v99' cannot be made"),
    ("env=nowhere:Thing-v0", "'nowhere:Thing-v0' cannot be made: .*nowhere"),
    ("env=CliffWalking-v1", "have no time limit; set one, such as steps=200"),
    ("env=CartPole-v1,steps=0", "steps"),
    ("zero=1", "zero and one are given together, and differ"),
    ("zero=1,one=1", "zero and one are given together, and differ"),
    ("standardise_by=-1", "standardise_by"),
    ("depht=2", "no setting 'depht'; did you mean 'depth'"),
    ("env=3", "env"),
]


@pytest.mark.parametrize(("settings", "said"), WRONG, ids=[settings for settings, _ in WRONG])
def test_what_is_wrong_is_said_in_one_sentence(settings, said):
    with pytest.raises(UserError, match=said) as told:
        nogd.run(learners=["random-search"], tasks=[f"gymnasium,{settings}"], repetitions=1, budget=2)
    assert "\n" not in str(told.value)
    assert ".." not in str(told.value)


def test_a_missing_library_is_named_with_what_brings_it(monkeypatch):
    def refuses(*_args, **_options):
        raise gymnasium.error.DependencyNotInstalled(
            'mujoco is not installed, run `pip install "gymnasium[mujoco]"`'
        )

    monkeypatch.setattr(gymnasium, "make", refuses)
    with pytest.raises(
        UserError, match=r"'Ant-v5' cannot be made: mujoco is not installed, run `pip install"
    ):
        made("Ant-v5")
