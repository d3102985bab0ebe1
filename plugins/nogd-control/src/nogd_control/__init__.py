"""Control tasks for nogd, as a plugin: what the entry point loads, so nothing heavy is imported here."""

from __future__ import annotations

from nogd.hookspecs import hookimpl
from nogd.plugins.registry import Lazy

_TASKS = (
    ("pendulum", "pendulum:Pendulum", "swing a pendulum up with a weak motor, and hold it there"),
    ("acrobot", "acrobot:Acrobot", "swing two links up by a motor between them"),
    ("mountain-car", "mountain_car:MountainCar", "drive out of a valley with a weak engine"),
    (
        "mountain-car-continuous",
        "mountain_car:MountainCarContinuous",
        "the same with an engine of any force, which costs",
    ),
    ("double-pole", "double_pole:DoublePole", "balance two poles of different length on one cart"),
    (
        "double-pole-no-velocity",
        "double_pole:DoublePoleNoVelocity",
        "the same by a network with a memory that is not told the speeds",
    ),
)


@hookimpl
def nogd_tasks() -> list[Lazy]:
    """Offer this package's tasks to nogd."""
    return [
        Lazy(name, f"nogd_control.{target}", summary, tags=("control", "no-gradient"))
        for name, target, summary in _TASKS
    ]
