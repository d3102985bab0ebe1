"""`nogd film`: an episode of a stored policy as an animated GIF."""

from __future__ import annotations

from pathlib import Path

import click

EPILOG = """\b
Example:
  nogd film 3f2a             the beginning of an id is enough; 'nogd runs' lists them
"""


@click.command(epilog=EPILOG)
@click.argument("id_", metavar="ID")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("nogd-runs"), show_default=True, help="Folder."
)
@click.option("--to", type=click.Path(path_type=Path), help="The file; by default ID.gif, where you are.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the episode.")
def film(id_: str, out: Path, to: Path | None, seed: int) -> None:
    """Write an episode of the policy that the stored run ID found as an animated GIF.

    The run must be on the task gymnasium. Without a screen, mujoco needs the variable MUJOCO_GL=egl or osmesa.
    """
    from nogd.bench.stored_policy import stored_policy
    from nogd.errors import InvalidSetting
    from nogd_gymnasium.filming import film as write
    from nogd_gymnasium.task import Gymnasium

    found = stored_policy(out, id_)
    if not isinstance(found.task, Gymnasium):
        raise InvalidSetting(f"run {found.id!r} is on {found.task}; only those on gymnasium can be filmed.")
    path = to or Path(f"{found.id}.gif")
    earned = write(found.network, found.task.env, path, seed=seed, steps=found.task.steps)
    click.echo(f"{found.learner} on {found.task}, seed {seed}: return {earned:.6g}; {path}")
