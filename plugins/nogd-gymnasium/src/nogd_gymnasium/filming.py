"""Write an episode as an animated picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from nogd.errors import InvalidSetting, first_line
from nogd_gymnasium.actions import actions_of
from nogd_gymnasium.environments import Env, inputs_of, made, observed

_FASTEST = 50  # frames a second: browsers slow faster ones down


def film(
    policy: nn.Module,
    env: str,
    path: str | Path,
    *,
    seed: int = 0,
    steps: int | None = None,
    width: int = 400,
) -> float:
    """Let a policy act for one episode, and write what it looks like as an animated GIF.

    :param policy: called with observations `[1, O]`; returns outputs `[1, A]`, as the policies of the task `gymnasium`.
    :param env: gymnasium's name of the environment.
    :param path: the file, ending in .gif; an existing one is replaced.
    :param seed: of the episode.
    :param steps: of the longest episode; by default gymnasium's own.
    :param width: of the picture in pixels, at most.
    :returns: the sum of rewards.
    :raises InvalidSetting: if the environment cannot be made or draws no pictures, or the policy is for another one.
    """
    path = Path(path)
    if path.suffix.lower() != ".gif" or not path.parent.is_dir():
        raise InvalidSetting(f"{path} must end in .gif, in a folder that exists.")
    world = made(env, steps, render_mode="rgb_array")
    try:
        played = list(_episode(world, policy.eval(), env, seed))
        pictures = [picture for picture, _ in played]
        _write(pictures, int(world.metadata.get("render_fps", 30)), path, width)
    finally:
        world.close()
    return sum(reward for _, reward in played)


def _episode(env: Env, policy: nn.Module, name: str, seed: int) -> Iterator[tuple[Any, float]]:
    """A picture before each step and what the step earns, and a picture of the end, which earns nothing."""
    actions = actions_of(env.action_space, name)
    inputs_of(env.observation_space, name)
    observation, over = env.reset(seed=seed)[0], False
    while not over:
        picture = _picture(env, name)
        outputs = _outputs(policy, observed(env, observation), actions.outputs, name)
        observation, reward, terminated, truncated, _ = env.step(actions(outputs))
        over = terminated or truncated
        yield picture, float(reward)
    yield _picture(env, name), 0.0


def _picture(env: Env, name: str) -> Any:
    try:
        picture: Any = env.render()
    except Exception as why:  # drawing is a library's and a graphics driver's work, and fails as they like
        raise InvalidSetting(
            f"{name!r} cannot be drawn: {first_line(why) or type(why).__name__} Without a screen, mujoco draws with the"
            " variable MUJOCO_GL set to egl or osmesa."
        ) from why
    if not isinstance(picture, np.ndarray):
        raise InvalidSetting(f"{name!r} draws no pictures.")
    return picture


def _outputs(policy: nn.Module, seen: Any, wanted: int, name: str) -> Any:
    like = next(policy.parameters(), torch.zeros(()))
    try:
        with torch.no_grad():
            outputs = policy(torch.from_numpy(seen)[None].to(like)).reshape(-1)
    except RuntimeError as why:
        raise InvalidSetting(f"the policy cannot act in {name!r}: {first_line(why)}") from why
    if len(outputs) != wanted:
        raise InvalidSetting(f"the policy has {len(outputs)} outputs, and {name!r} needs {wanted}.")
    return outputs.numpy(force=True).astype(np.float64)


def _write(pictures: list[Any], per_second: int, path: Path, width: int) -> None:
    """Every second picture, or fewer, where there are more in a second than a browser shows."""
    from PIL import Image

    every = -(-per_second // _FASTEST)
    frames = [Image.fromarray(picture) for picture in pictures[::every]]
    for frame in frames:
        frame.thumbnail((width, frame.height))
    frames[0].save(
        path,
        save_all=True,
        append_images=frames[1:],
        duration=1_000 * every / per_second,
        loop=0,
        optimize=True,
    )
