"""What is to be learnt of a table's target: a number, or one of some classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
from pandas.api import types

from nogd.errors import DataError
from nogd.problem.table import as_numbers, as_texts
from nogd.scaffold.columns import ENOUGH

FEWEST_ROWS = 20
MOST_CLASSES = 50
_MOST_NUMBERED = 10
"""So many different whole numbers are taken for classes."""

Wanted = Literal["auto", "classes", "number"]


@dataclass(frozen=True)
class Target:
    """What is learnt.

    :param name: of the column.
    :param sizes: of each class the examples, in the order of their numbers; empty for a number.
    :param rows: examples with a target.
    :param dropped: rows without one.
    """

    name: str
    sizes: dict[str, int]
    rows: int
    dropped: int

    @property
    def unbalanced(self) -> bool:
        """Whether the rarest class has less than half of what it would have if all had the same."""
        return bool(self.sizes) and min(self.sizes.values()) * 2 * len(self.sizes) < self.rows


def target_of(name: str, column: pd.Series[Any], wanted: Wanted = "auto") -> Target:
    """What a column is as a target.

    :param name: of the column.
    :param column: with all rows of the table.
    :param wanted: what the user says that it is.
    :raises DataError: for one that nothing can be learnt of, with the reason.
    """
    numeric = wanted != "classes" and _is_number(name, column, wanted)
    found = as_numbers(column) if numeric else as_texts(column)
    known = found.dropna()
    distinct = known.nunique()
    if len(known) < FEWEST_ROWS:
        raise DataError(
            f"{len(known)} rows have a target in column {name!r}: at least {FEWEST_ROWS} are needed to train, validate"
            " and test."
        )
    if distinct == 1:
        raise DataError(f"column {name!r} is {_shown(known.iloc[0])} in all rows: there is nothing to learn.")
    if numeric:
        return Target(name, {}, len(known), len(column) - len(known))
    if distinct > MOST_CLASSES:
        raise DataError(
            f"column {name!r} has {distinct:,} different texts, more than the {MOST_CLASSES} that are taken as classes:"
            " choose another target, or group them."
        )
    return Target(name, _sizes(known), len(known), len(column) - len(known))


def _is_number(name: str, column: pd.Series[Any], wanted: Wanted) -> bool:
    known = column.dropna()
    numbers = as_numbers(known).dropna()
    if wanted == "number" and numbers.empty:
        raise DataError(f"column {name!r} holds no numbers: leave out '--target-type number'.")
    if wanted == "number":
        return True
    if types.is_bool_dtype(known) or known.empty or len(numbers) / len(known) < ENOUGH:
        return False
    whole = bool((numbers % 1 == 0).all()) and len(numbers) == len(known)
    return numbers.nunique() > (_MOST_NUMBERED if whole else 2)


def _sizes(texts: pd.Series[Any]) -> dict[str, int]:
    """How often each class occurs, numbers in the order of their size and words in that of the alphabet."""
    counts = texts.value_counts()
    numbers = as_numbers(pd.Series(counts.index, index=counts.index))
    order = counts.index.sort_values() if numbers.isna().any() else numbers.sort_values().index
    return {str(each): int(counts[each]) for each in order}


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else f"{value!r:.60}"
