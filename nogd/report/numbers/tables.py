"""The tables that a report is made of, with what follows from them alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame


Found = TypeVar("Found")
Arrays: TypeAlias = "Mapping[str, np.ndarray[Any, Any]]"
Pictures: TypeAlias = "Mapping[str, Mapping[str, Arrays]]"


PUBLISHED = (
    "This page was drawn again from published tables, which lack what this figure needs; one that is made from the "
    "store has it."
)


class ResultsLike(Protocol):
    """Whatever has the three tables of a comparison, such as `nogd.run`'s Results; `pictures` may come with them."""

    @property
    def runs(self) -> DataFrame:
        """One row per run."""

    @property
    def curves(self) -> DataFrame:
        """One row per point of a run's curve."""

    @property
    def meta(self) -> Mapping[str, Any]:
        """Sessions, settings, and the number of planned cells without a run."""


_TASK_FACTS = ("metric_name", "metric_greater", "has_split", "constant", "reference")
_IF_NOBODY_KNOWS = {"metric_name": "metric", "metric_greater": 1, "has_split": 0}


@dataclass(frozen=True, eq=False)
class Tables:
    """The tables that a report is made of; figures read them and change nothing in them.

    reached: what each run paid until it reached each frozen target (`nogd.bench.targets`), None where unknown.
    """

    runs: DataFrame
    curves: DataFrame
    meta: Mapping[str, Any] = field(default_factory=dict)
    pictures: Pictures = field(default_factory=dict)
    """What runs left for pictures alone; see `nogd.bench.schema` for the kinds."""
    reached: DataFrame | None = None
    _found: dict[Callable[..., Any], Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """A run that was lost could not write down its task's facts: they are taken from the task's other runs."""
        known = self.runs.groupby("task")[list(_TASK_FACTS)].transform("first")
        for name, default in _IF_NOBODY_KNOWS.items():
            known[name] = known[name].where(known[name].notna(), default)
        object.__setattr__(self, "runs", self.runs.assign(**known))

    @classmethod
    def of(cls, results: ResultsLike) -> Self:
        """The same tables, which remember what was computed of them."""
        if isinstance(results, cls):
            return results
        pictures, reached = getattr(results, "pictures", {}), getattr(results, "reached", None)
        return cls(results.runs, results.curves, results.meta, pictures, reached)

    def pictures_of(self, kind: str) -> Mapping[str, Arrays]:
        """The named arrays of one kind by the run's id or the task's name that they belong to; empty where none are."""
        return self.pictures.get(kind, {})

    def why_no_picture(self, otherwise: str) -> str:
        """Why there is nothing to draw of what only pictures need; otherwise: in a comparison from a store."""
        return PUBLISHED if self.meta.get("published") else otherwise

    def once(self, find: Callable[[Self], Found]) -> Found:
        """What a function finds in these tables; several figures may ask for it, and it is computed for the first."""
        if find not in self._found:
            self._found[find] = find(self)
        found: Found = self._found[find]
        return found

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
    def curve_runs(self) -> DataFrame:
        """The runs whose whole curves are known: all, or of very many a sample (`nogd.bench.sampling`)."""
        sample = self.meta.get("sampled")
        return self.runs if sample is None else self.runs[self.runs["id"].isin(sample)]

    @cached_property
    def whole_curves(self) -> DataFrame:
        """The curves of these."""
        sample = self.meta.get("sampled")
        return self.curves if sample is None else self.curves[self.curves["id"].isin(sample)]

    @property
    def sample_told(self) -> str:
        """That curves are those of a sample, as the end of a text; empty where they are those of all runs."""
        drawn, all_runs = len(self.curve_runs), len(self.runs)
        return f" Drawn from a sample: {drawn:,} of {all_runs:,} runs." if drawn < all_runs else ""

    @property
    def settings(self) -> Mapping[str, Any]:
        """The experiment's settings: reference, baselines, repetitions, budget."""
        return self.meta.get("settings") or {}
