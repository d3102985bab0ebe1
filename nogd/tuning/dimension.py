"""One hyper-parameter as Optuna sees it: from where to where, on which scale, and what stands for its default."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

Kind = Literal["choice", "int", "float", "to one"]
_SMALLEST_REST = 1e-4
"""Of a share that is near 1, such as a momentum, what is left to 1 at least."""
_DIGITS, _LONGEST = 3, 12
OUTSIDE = -0.1
"""The place of a default that lies outside of the range."""


class Trial(Protocol):
    """What a dimension asks of Optuna's trial."""

    def suggest_categorical(self, name: str, choices: Any) -> Any: ...
    def suggest_int(self, name: str, low: int, high: int, *, log: bool) -> int: ...
    def suggest_float(self, name: str, low: float, high: float, *, log: bool) -> float: ...


@dataclass(frozen=True)
class Dimension:
    """One hyper-parameter's range.

    :param name: of the hyper-parameter.
    :param kind: "to one" for a share whose distance to 1 is searched on a logarithmic scale.
    :param default: its value where it is not searched.
    :param low: the smallest value.
    :param high: the largest value.
    :param log: whether the scale is logarithmic.
    :param unit: what a whole number is a multiple of.
    :param choices: the values of a choice.
    :param optional: whether the default, which lies outside of the range, may be kept as it is.
    """

    name: str
    kind: Kind
    default: Any
    low: float = 0
    high: float = 0
    log: bool = False
    unit: int = 1
    choices: tuple[Any, ...] = ()
    optional: bool = False

    def suggest(self, trial: Trial) -> Any:
        """A value, asked of Optuna; numbers have three digits, so that what is told is what was run."""
        if self.optional and not trial.suggest_categorical(self._switch, [False, True]):
            return self.default
        if self.kind == "choice":
            return trial.suggest_categorical(self.name, list(self.choices))
        if self.kind == "int":
            low, high = (int(end) // self.unit for end in self.tried)
            return self.unit * trial.suggest_int(self.name, low, high, log=self.log)
        if self.kind == "to one":
            rest = trial.suggest_float(self._rest, _SMALLEST_REST, 1 - self.low, log=True)
            return max(round(1 - _rounded(rest), _LONGEST), self.low)
        found = trial.suggest_float(self.name, self.low, self.high, log=self.log)
        return min(max(_rounded(found), self.low), self.high)

    @property
    def default_parameters(self) -> dict[str, Any]:
        """What Optuna has to be given for the default; empty where the range does not hold it."""
        if self.optional:
            return {self._switch: False}
        if self.kind == "choice":
            return {self.name: self.default} if self.default in self.choices else {}
        if not self.low <= self.default <= self.high:
            return {}
        if self.kind == "to one":
            return {self._rest: max(1 - self.default, _SMALLEST_REST)}
        return {self.name: self.default // self.unit if self.kind == "int" else self.default}

    def between(self, low: float, high: float) -> Dimension:
        """The same hyper-parameter within other limits."""
        kind: Kind = "float" if self.kind == "to one" else self.kind
        held = isinstance(self.default, int | float) and low <= self.default <= high
        log = low > 0 and high / low >= 10
        return replace(self, kind=kind, low=low, high=high, log=log, optional=self.optional and not held)

    @property
    def tried(self) -> tuple[float, float]:
        """The smallest and the largest value that is tried; in the wrong order where no whole number lies between."""
        if self.kind != "int":
            return self.low, self.high
        return self.unit * math.ceil(self.low / self.unit), self.unit * math.floor(self.high / self.unit)

    def place(self, value: Any) -> float:
        """Where a value lies in the range, on its scale: 0 at the low end, 1 at the high one, OUTSIDE for a default."""
        if self.kind == "choice":
            known = value in self.choices
            return self.choices.index(value) / max(len(self.choices) - 1, 1) if known else OUTSIDE
        if not isinstance(value, int | float) or not self.low <= value <= self.high:
            return OUTSIDE
        low, high, at = (self._scaled(each) for each in (self.low, self.high, value))
        return min((at - low) / (high - low), 1.0) if high > low else 0.0

    @property
    def places(self) -> tuple[float, ...]:
        """The places of all choices."""
        return (*map(self.place, self.choices), *([OUTSIDE] if self.optional else []))

    @property
    def ends(self) -> tuple[str, str]:
        """The low and the high end in words."""
        low, high = (self.choices[0], self.choices[-1]) if self.kind == "choice" else (self.low, self.high)
        return _told(low), _told(high)

    def spread(self, values: Sequence[Any]) -> str:
        """Over what some values spread, in words."""
        inside = sorted({value for value in values if self.place(value) != OUTSIDE}, key=self.place)
        told = [_told(value) for value in inside]
        if self.kind != "choice" and len(told) > 2:
            told = [" to ".join((told[0], told[-1]))]
        default = [] if inside and all(self.place(value) != OUTSIDE for value in values) else ["default"]
        return " or ".join([*told, *default])

    def _scaled(self, value: float) -> float:
        if self.kind == "to one":
            return -math.log(max(1 - value, _SMALLEST_REST))
        return math.log(value) if self.log else float(value)

    @property
    def told(self) -> str:
        """The range in words."""
        if self.kind == "choice":
            return ", ".join(map(str, self.choices))
        scale = ", logarithmic" if self.log else ", finer near 1" if self.kind == "to one" else ""
        return f"{self.low:g} to {self.high:g}{scale}{f', or {self.default}' if self.optional else ''}"

    @property
    def facts(self) -> Mapping[str, Any]:
        """What tells one range from another, in plain JSON."""
        return {**vars(self), "default": repr(self.default), "choices": list(map(repr, self.choices))}

    @property
    def _switch(self) -> str:
        return f"{self.name} is set"

    @property
    def _rest(self) -> str:
        return f"1 - {self.name}"


def _told(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
