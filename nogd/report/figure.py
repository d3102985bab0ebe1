"""What a figure of the report is: a name, how to read it, and a pure function from runs to a drawing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from nogd.errors import UserError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.figure import Figure as Canvas
    from pandas import DataFrame

    from nogd.report.numbers.leaderboard import Board


Arrays: TypeAlias = "Mapping[str, np.ndarray[Any, Any]]"
Pictures: TypeAlias = "Mapping[str, Mapping[str, Arrays]]"


class ResultsLike(Protocol):
    """Whatever has the three tables of a comparison, such as `nogd.run`'s Results; `pictures` may come with them."""

    @property
    def runs(self) -> DataFrame:
        """One row a run."""

    @property
    def curves(self) -> DataFrame:
        """One row a point of a run's curve."""

    @property
    def meta(self) -> Mapping[str, Any]:
        """Sessions, settings, and the number of planned cells without a run."""


_TASK_FACTS = ("metric_name", "metric_greater", "has_split", "constant", "reference")
_IF_NOBODY_KNOWS = {"metric_name": "metric", "metric_greater": 1, "has_split": 0}


@dataclass(frozen=True, eq=False)
class Comparison:
    """The tables that a report is made of; figures read them and change nothing in them.

    reached: what each run paid until it reached each frozen target (`nogd.bench.targets`), None where nobody knows.
    """

    runs: DataFrame
    curves: DataFrame
    meta: Mapping[str, Any] = field(default_factory=dict)
    pictures: Pictures = field(default_factory=dict)
    """What runs left for pictures alone; see `nogd.bench.schema` for the kinds."""
    reached: DataFrame | None = None

    def __post_init__(self) -> None:
        """A run that was lost could not write down its task's facts: they are taken from the task's other runs."""
        known = self.runs.groupby("task")[list(_TASK_FACTS)].transform("first")
        for name, default in _IF_NOBODY_KNOWS.items():
            known[name] = known[name].where(known[name].notna(), default)
        object.__setattr__(self, "runs", self.runs.assign(**known))

    @classmethod
    def of(cls, results: ResultsLike) -> Comparison:
        """The same tables as a Comparison, which remembers what it computed."""
        if isinstance(results, cls):
            return results
        pictures, reached = getattr(results, "pictures", {}), getattr(results, "reached", None)
        return cls(results.runs, results.curves, results.meta, pictures, reached)

    def pictures_of(self, kind: str) -> Mapping[str, Arrays]:
        """The named arrays of one kind by the run's id or the task's name that they belong to; empty where none are."""
        return self.pictures.get(kind, {})

    @cached_property
    def learners(self) -> list[str]:
        """All learners by name; colours and markers are given out in this order."""
        return sorted(map(str, self.runs["learner"].unique()))

    @cached_property
    def tasks(self) -> list[str]:
        """All tasks by name."""
        return sorted(map(str, self.runs["task"].unique()))

    @cached_property
    def finals(self) -> DataFrame:
        """What every applicable run ended with; see `nogd.report.numbers.finals`."""
        from nogd.report.numbers.finals import final_values  # pandas: not before a report is drawn

        return final_values(self.runs, self.curves)

    @cached_property
    def board(self) -> Board:
        """The leaderboard."""
        from nogd.report.numbers.leaderboard import main_board

        return main_board(self)

    @property
    def settings(self) -> Mapping[str, Any]:
        """The experiment's settings: reference, baselines, repetitions, budget."""
        return self.meta.get("settings") or {}


@dataclass(frozen=True)
class Drawn:
    """One drawing, or one table where `figure` is None.

    `data` is what can be downloaded as CSV, `alt` the finding in words for who cannot see the picture, `title`
    tells several drawings of one figure apart (a task's name), `table` is what is shown where there is no picture
    (`data` if not given).
    """

    figure: Canvas | None
    data: DataFrame
    alt: str
    title: str = ""
    table: DataFrame | None = None


@dataclass(frozen=True)
class Figure:
    """A figure or table of the report, as `nogd_figures` offers it.

    `draw` gets the Comparison and gives one drawing, several (small multiples, one a task), a sentence why there is
    none, or None where there is nothing to say either; `draw_on` raises UserError with that sentence. `reading` says in
    two lines how to read it. Lower `order` comes first on the page, which has chapters: to 0 the first screen, to 14
    results by task, to 39 quality against cost, to 51 who beats whom, to 79 a closer look, then what failed.
    """

    name: str
    title: str
    reading: tuple[str, str]
    draw: Callable[[Comparison], Drawn | Sequence[Drawn] | str | None]
    summary: str = ""
    order: int = 60
    draw_on: Callable[..., None] | None = None


def choice(kind: str, given: str | None, known: Sequence[str]) -> str:
    """The `given` option of a figure if it is one of `known`, or the only one there is where nothing was given.

    kind: what the option is called, such as "task". Raises UserError, with the nearest name.
    """
    if given is None and len(known) == 1:
        return known[0]
    if given in known:
        return str(given)
    if not known:
        raise UserError(f"there is no {kind} here to draw.")
    if given is None:
        raise UserError(f"give {kind}=..., one of: {', '.join(known)}.")
    raise UserError(f"no {kind} here is called {given!r}{did_you_mean(given, known)}")
