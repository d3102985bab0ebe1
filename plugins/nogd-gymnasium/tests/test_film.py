"""An episode is written as an animated picture."""

from __future__ import annotations

import gymnasium
import nogd_gymnasium
import pytest
import torch
from click.testing import CliRunner
from nogd_gymnasium import filming
from nogd_gymnasium.command import film
from PIL import Image
from torch import nn

import nogd
from nogd import UserError


@pytest.fixture(autouse=True)
def _no_screen(monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


@pytest.fixture
def pushing_right() -> nn.Module:
    policy = nn.Linear(4, 2)
    nn.init.zeros_(policy.weight)
    with torch.no_grad():
        policy.bias.copy_(torch.tensor([0.0, 1.0]))
    return policy


def test_a_film_has_a_picture_a_step_and_one_of_the_end(tmp_path, pushing_right):
    path = tmp_path / "fall.gif"
    earned = nogd_gymnasium.film(pushing_right, "CartPole-v1", path, seed=1, width=200)
    with Image.open(path) as picture:
        assert picture.n_frames == earned + 1 == 10
        assert picture.width == 200
        assert picture.info["loop"] == 0


@pytest.mark.parametrize(
    ("policy", "env", "name", "said"),
    [
        (nn.Linear(4, 2), "CartPole-v1", "a.png", "must end in .gif"),
        (nn.Linear(4, 2), "CartPole-v1", "nowhere/a.gif", "in a folder that exists"),
        (nn.Linear(3, 2), "CartPole-v1", "a.gif", "the policy cannot act in 'CartPole-v1'"),
        (nn.Linear(4, 3), "CartPole-v1", "a.gif", "has 3 outputs, and 'CartPole-v1' needs 2"),
        (nn.Linear(4, 3), "CartPool-v1", "a.gif", "'CartPool-v1' cannot be made"),
    ],
)
def test_what_cannot_be_filmed_is_said(tmp_path, policy, env, name, said):
    with pytest.raises(UserError, match=said):
        nogd_gymnasium.film(policy, env, tmp_path / name)


def test_a_driver_that_fails_is_named_with_the_cure(tmp_path, monkeypatch, pushing_right):
    def fails(_env):
        raise gymnasium.error.DependencyNotInstalled("no display")

    monkeypatch.setattr("gymnasium.envs.classic_control.CartPoleEnv.render", fails)
    with pytest.raises(UserError, match=r"cannot be drawn: no display.* MUJOCO_GL"):
        nogd_gymnasium.film(pushing_right, "CartPole-v1", tmp_path / "a.gif")


def test_fast_worlds_are_shown_at_most_fifty_times_a_second(tmp_path):
    pictures = [torch.full((4, 4, 3), n, dtype=torch.uint8).numpy() for n in range(0, 200, 20)]
    filming._write(pictures, 125, tmp_path / "fast.gif", 4)
    with Image.open(tmp_path / "fast.gif") as picture:
        assert picture.n_frames == 4


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    tasks = ["gymnasium,steps=30,standardise_by=20", "cart-pole"]
    return folder, nogd.run(
        learners=["random-search"], tasks=tasks, repetitions=1, budget=5, out=folder, jobs=0, progress=False
    ).runs.set_index("task")


def test_the_policy_of_a_stored_run_is_filmed(stored, tmp_path):
    folder, runs = stored
    id_ = runs.loc["gymnasium,steps=30,standardise_by=20", "id"]
    told = CliRunner().invoke(film, [id_[:6], "--out", str(folder), "--to", str(tmp_path / "it.gif")])
    assert told.exit_code == 0, told.output
    assert "random-search on gymnasium,steps=30,standardise_by=20, seed 0: return" in told.output
    with Image.open(tmp_path / "it.gif") as picture:
        assert 2 <= picture.n_frames <= 31, "equal pictures that follow each other are one"


@pytest.mark.parametrize(
    ("task", "said"), [("cart-pole", "only those on gymnasium"), (None, "no stored run")]
)
def test_other_runs_are_refused(stored, task, said):
    folder, runs = stored
    id_ = "zzz" if task is None else runs.loc[task, "id"]
    with pytest.raises(UserError, match=said):
        CliRunner().invoke(film, [id_, "--out", str(folder)], catch_exceptions=False)
