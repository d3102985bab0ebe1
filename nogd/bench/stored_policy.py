"""What a stored run on a simulated world found, as a network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from nogd.bench.rerun import stored_row
from nogd.bench.store import Store
from nogd.bench.task_names import build_task
from nogd.engine.space import ParameterSpace
from nogd.errors import InvalidSetting
from nogd.problem.simulator import SimulatorTask


@dataclass(frozen=True)
class StoredPolicy:
    """The policy that a run ended with.

    :param id: of the run.
    :param learner: its label.
    :param task: with its settings.
    :param network: in eval mode.
    """

    id: str
    learner: str
    task: SimulatorTask
    network: nn.Module


def stored_policy(folder: Path, id_: str) -> StoredPolicy:
    """The policy of the run whose id begins with `id_`.

    :param folder: the folder of the store.
    :param id_: the beginning of an id.
    :raises UserError: if there is no such run, it left no policy, or its task is missing or not as it was.
    """
    store = Store(folder)
    try:
        row = stored_row(store.load().rows, id_, folder)
        theta = store.theta(row["id"])
    finally:
        store.close()
    task = build_task(row["task"]).task
    if not isinstance(task, SimulatorTask):
        raise InvalidSetting(f"run {row['id']!r} is on {task}, which is no simulated world.")
    if theta is None:
        raise InvalidSetting(f"run {row['id']!r} ended as {row['status']!r} and left no policy.")
    network = task.problem(seed=0).module.eval()
    space = ParameterSpace(network)
    if theta.shape != (space.dimension,):
        raise InvalidSetting(
            f"run {row['id']!r} has {theta.size} parameters, but {task} now has {space.dimension}; run it again."
        )
    space.write(torch.from_numpy(theta), network)
    return StoredPolicy(row["id"], row["learner"], task, network)
