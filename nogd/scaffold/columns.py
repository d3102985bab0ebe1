"""What the columns of a table are: numbers, words, dates, or nothing to learn from."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
from pandas.api import types
from pandas.tseries.api import guess_datetime_format

from nogd.problem.table import TableData, as_days, as_numbers, as_texts

ENOUGH = 0.95
"""The share of a column's entries that must be numbers, or dates, for the rest to count as missing."""

_ID = re.compile(r"(?i:(^|[\W_])(id|index)$)|[a-z]I[dD]$|^Unnamed")
_DATE = re.compile(r"\d[-/.:]\d")
_FEW = 20

Kind = Literal["number", "category", "date", "left out"]


@dataclass(frozen=True)
class Column:
    """What a column is taken for.

    :param kind: "left out" where there is nothing to learn from.
    :param told: what a user should know of it; may be empty.
    :param form: of dates, as `pandas.to_datetime` takes it.
    """

    kind: Kind
    told: str = ""
    form: str = ""


def looked_at(name: str, column: pd.Series[Any]) -> Column:
    """What a column is, by its name, its type and its entries."""
    known = column.dropna()
    if known.empty:
        return Column("left out", "empty")
    try:
        distinct = column.nunique(dropna=False)
    except TypeError:  # Parquet has lists and the like, which cannot be told apart
        return Column("left out", "neither numbers nor words")
    if distinct == 1:
        return Column("left out", "the same in each row")
    if types.is_bool_dtype(known) or types.is_numeric_dtype(known):
        return Column("left out", "numbers the rows") if _are_ids(name, column) else Column("number")
    if types.is_datetime64_any_dtype(known):
        return Column("date", form="ISO8601")
    return _of_texts(as_texts(known))


def _of_texts(texts: pd.Series[Any]) -> Column:
    no_numbers = texts[as_numbers(texts).isna()]
    if 1 - len(no_numbers) / len(texts) >= ENOUGH:
        return Column("number", _missing(no_numbers))
    form = _form_of_dates(texts)
    if form:
        return Column("date", _missing(texts[as_days(texts, form).isna()]), form)
    distinct = texts.nunique()
    if distinct > max(_FEW, len(texts) / 2):
        return Column("left out", f"{distinct:,} different texts in {len(texts):,} rows")
    return Column("category", _categories(distinct))


def _categories(distinct: int) -> str:
    most = TableData.most_categories
    return f"{distinct} words" + (
        f", of which the {most - 1} most frequent are told apart" if distinct > most else ""
    )


def _missing(others: pd.Series[Any]) -> str:
    """That entries count as missing which are not like the others; empty where there are none."""
    if others.empty:
        return ""
    return f"entries such as {others.iloc[0]!r:.40} count as missing ({len(others):,})"


def _form_of_dates(texts: pd.Series[Any]) -> str:
    """The format that most of the texts are dates in; "" where too few are in any."""
    if texts.str.contains(_DATE).mean() < ENOUGH:
        return ""
    some = texts.unique()[:5]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # which of both was meant is seen from how many dates it reads
        guessed = [guess_datetime_format(text, dayfirst=first) for first in (False, True) for text in some]
    forms = dict.fromkeys([*filter(None, guessed), "ISO8601"])
    shares = {form: as_days(texts, form).notna().mean() for form in forms}
    best = max(shares, key=lambda form: shares[form])
    return best if shares[best] >= ENOUGH else ""


def _are_ids(name: str, column: pd.Series[Any]) -> bool:
    """Whether it numbers the rows: whole numbers, all different, and called so or running from 0 or 1."""
    if len(column) < _FEW or types.is_bool_dtype(column) or not column.is_unique or column.isna().any():
        return False
    if not (column % 1 == 0).all():
        return False
    running = column.min() in (0, 1) and column.max() - column.min() + 1 == len(column)
    return bool(running or _ID.search(name))
