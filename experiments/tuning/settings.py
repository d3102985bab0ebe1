"""Which learners are looked at, the main hyper-parameter of each, and values about its default."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nogd.bench.plan import usable
from nogd.errors import InvalidSetting
from nogd.plugins.manager import plugins
from nogd.training.names import class_of, make

MAIN = ("first_step", "sigma", "lr", "ridge", "points", "radius", "population", "growth", "split", "probe")
"""The main hyper-parameter of a learner is the first of these that it has."""
FOLLOWS = {
    "unit-search": 1e-3,
    "sigma": 0.04,
    "de": 20,
    "l-shade": 30,
    "pgpe": 0.2,
    "cem": 0.2,
    "polystep": 0.4,
}
"""What a default follows from the box (-2, 2) and D, where it is not a number: of the learner, or of all with sigma."""
FACTORS = {float: (0.1, 1 / 3, 1.0, 3.0, 10.0), int: (0.25, 0.5, 1.0, 2.0, 4.0)}
LATTICE = "qes"  # for networks with rounded weights, of which there are none among the tuning tasks


@dataclass(frozen=True)
class Setting:
    """One value of a learner's main hyper-parameter, and whether it is the default."""

    learner: str
    name: str
    value: float
    is_default: bool

    @property
    def use(self) -> str:
        """As `nogd run -l` takes it."""
        return self.learner if self.is_default else f"{self.learner},{self.name}={self.value:g}"


def learners() -> list[str]:
    """The names of all that are installed, but for the one that needs a lattice."""
    return [name for name in usable(plugins().learners) if name != LATTICE]


def main_of(learner: str) -> str | None:
    """The name of its main hyper-parameter; None where it has no number that matters."""
    fields = class_of(learner).model_fields
    return next((name for name in MAIN if name in fields), None)


def settings_of(learner: str) -> Iterator[Setting]:
    """Values from a tenth to ten times the default, whole numbers from a quarter to four times, as far as allowed."""
    kind, name = class_of(learner), main_of(learner)
    if name is None:
        return
    given = kind.model_fields[name].default
    default = FOLLOWS.get(learner, FOLLOWS.get(name)) if given is None else given
    seen = set()
    for factor in FACTORS[type(default)]:
        value = round(default * factor) if isinstance(default, int) else float(f"{default * factor:.2g}")
        if value not in seen and (factor == 1 or _is_allowed(learner, name, value)):
            seen.add(value)
            yield Setting(learner, name, value, factor == 1)


def _is_allowed(learner: str, name: str, value: float) -> bool:
    try:
        make(class_of(learner), {name: value})
    except InvalidSetting:
        return False
    return True
