"""The policy that a stored run ended with."""

from __future__ import annotations

import pytest
import torch

import nogd
from nogd import UserError
from nogd.bench.store import Store
from nogd.bench.stored_policy import stored_policy
from nogd.engine.simulation import Simulation
from nogd.engine.space import ParameterSpace

TASK = "cart-pole,episodes=2,noisy=false"


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    results = nogd.run(
        learners=["random-search"],
        tasks=[TASK, "iris"],
        repetitions=1,
        budget=4,
        out=folder,
        jobs=0,
        progress=False,
    )
    return folder, results.runs.set_index("task")


def test_it_is_the_solution_of_the_run(stored):
    folder, runs = stored
    found = stored_policy(folder, runs.loc[TASK, "id"][:8])
    assert (found.id, found.learner, str(found.task)) == (runs.loc[TASK, "id"], "random-search", TASK)
    assert not found.network.training
    problem, space = found.task.problem(0), ParameterSpace(found.network)
    world = Simulation(problem.module, space, problem.simulator)
    assert world.measured(space.read(found.network)) == runs.loc[TASK, "loss"]


def test_what_is_no_policy_is_refused(stored, monkeypatch):
    folder, runs = stored
    with pytest.raises(UserError, match="no stored run has an id that begins with 'zz'"):
        stored_policy(folder, "zz")
    with pytest.raises(UserError, match="is on iris, which is no simulated world"):
        stored_policy(folder, runs.loc["iris", "id"])
    monkeypatch.setattr(Store, "theta", lambda *_: torch.zeros(3).numpy())
    with pytest.raises(UserError, match=r"has 3 parameters, but cart-pole.* now has 49; run it again"):
        stored_policy(folder, runs.loc[TASK, "id"])
    monkeypatch.setattr(Store, "theta", lambda *_: None)
    with pytest.raises(UserError, match="left no policy"):
        stored_policy(folder, runs.loc[TASK, "id"])
