"""Data sets that are tables in files, as people keep them: numbers beside words and dates, and gaps."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from nogd.errors import DataError, did_you_mean, first_line
from nogd.problem.dataset import Dataset
from nogd.problem.splits import Split

_PARQUET = (".parquet", ".pq")
_DAY = pd.Timedelta(days=1)
_EPOCH = pd.Timestamp(0, tz="UTC")


class TableData(Dataset):
    """A table in a file, one row an example. Subclass it with a `name`, `file`, `target` and the columns to learn from.

    Rows without a target are left out. All else that is missing is filled in, and words become numbers, by what the
    training split teaches: scikit-learn's SimpleImputer (the median, and a column that says where it stands), its
    StandardScaler and its OneHotEncoder, to which a missing word is a category of its own.

    :cvar file: CSV, which may be compressed, or Parquet, by its suffix.
    :cvar target: the column that is learnt.
    :cvar classes: the target's values as text, in the order of their numbers; empty for a target that is a number.
    :cvar numbers: columns to take as numbers; what is none there counts as missing.
    :cvar categories: columns to take as words, one-hot.
    :cvar dates: columns to take as days, each with its format, as `pandas.to_datetime` takes it.
    :cvar most_categories: how many categories of a column are told apart at most; the rarest are taken as one.
    :cvar rare: in how many training examples a category must stand to be told apart.
    :cvar separator: between the fields of a CSV file.
    :cvar decimal: what stands before the decimals in a CSV file.
    """

    file: ClassVar[str | Path]
    target: ClassVar[str]
    classes: ClassVar[Sequence[str]] = ()
    numbers: ClassVar[Sequence[str]] = ()
    categories: ClassVar[Sequence[str]] = ()
    dates: ClassVar[Mapping[str, str]] = {}
    most_categories: ClassVar[int] = 20
    rare: ClassVar[int] = 5
    separator: ClassVar[str] = ","
    decimal: ClassVar[str] = "."

    def load(self) -> tuple[Any, Tensor]:
        """The input columns as a DataFrame, and the targets: a float column, or class numbers if there are over two."""
        table = read_table(self.file, self.separator, self.decimal)
        wanted = [*self.numbers, *self.categories, *self.dates]
        self._refuse_missing(table, [self.target, *wanted])
        table = table[targets_of(table[self.target], numbers=not self.classes).notna()]
        inputs = {name: self._column(name, table[name]) for name in wanted}
        return pd.DataFrame(inputs, index=table.index), self._targets(table[self.target])

    def fit(self, train: Split) -> Callable[[Any], Any]:
        """What fills in, scales and encodes, learnt from the training split.

        :param train: with a DataFrame as inputs.
        :returns: from such a DataFrame to numbers `[N, features]`.
        """
        from sklearn.compose import ColumnTransformer
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler

        filled = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
        one_hot = OneHotEncoder(
            max_categories=self.most_categories,
            min_frequency=self.rare,
            handle_unknown="infrequent_if_exist",
            sparse_output=False,
        )
        parts = [
            ("numbers", make_pipeline(filled, StandardScaler()), [*self.numbers, *self.dates]),
            ("categories", one_hot, list(self.categories)),
        ]
        learnt: Callable[[Any], Any] = ColumnTransformer(parts).fit(train.inputs).transform
        return learnt

    def _column(self, name: str, column: pd.Series[Any]) -> pd.Series[Any]:
        if name in self.categories:
            return as_texts(column)
        return as_days(column, self.dates[name]) if name in self.dates else as_numbers(column)

    def _targets(self, column: pd.Series[Any]) -> Tensor:
        if not self.classes:
            return torch.tensor(as_numbers(column).to_numpy(), dtype=torch.float32)[:, None]
        numbers = pd.Index(self.classes).get_indexer(pd.Index(as_texts(column)))
        if (numbers < 0).any():
            other = as_texts(column)[numbers < 0].iloc[0]
            raise DataError(
                f"column {self.target!r} of {str(self.file)!r} holds {other!r}, which is none of the classes of"
                f" {self.name!r}: {', '.join(self.classes)}."
            )
        found = torch.from_numpy(np.array(numbers, dtype=np.int64))
        return found.float()[:, None] if len(self.classes) == 2 else found

    def _refuse_missing(self, table: pd.DataFrame, wanted: Iterable[str]) -> None:
        known = list(map(str, table.columns))
        for name in wanted:
            if name not in known:
                raise no_such_column(name, known, self.file)


def no_such_column(name: str, known: Sequence[str], file: str | Path) -> DataError:
    """That a table lacks a column, with the nearest that it has."""
    has = f" It has {', '.join(known[:20])}{' and others' if len(known) > 20 else ''}."
    return DataError(f"{str(file)!r} has no column {name!r}{did_you_mean(name, known)}{has}")


def read_table(file: str | Path, separator: str = ",", decimal: str = ".") -> pd.DataFrame:
    """The table in a file, its columns' types as pandas infers them.

    :param file: CSV or Parquet, by its suffix.
    :param separator: between the fields of CSV.
    :param decimal: before the decimals in CSV.
    :raises DataError: for a file that is not there, is empty, or cannot be read as such a table.
    """
    path = Path(file).expanduser()
    try:
        table = _parquet(path) if path.suffix.lower() in _PARQUET else _csv(path, separator, decimal)
    except FileNotFoundError:
        raise DataError(f"there is no file {str(file)!r}.") from None
    except pd.errors.EmptyDataError:
        raise DataError(
            f"{str(file)!r} is empty: a table has a row of names, and a row for each example."
        ) from None
    except UnicodeError:
        raise DataError(
            f"{str(file)!r} is not text in UTF-8: save it as CSV in UTF-8, or as Parquet (iconv -f LATIN1 -t UTF-8"
            " converts files of old programs)."
        ) from None
    except OSError as error:
        raise DataError(f"{str(file)!r} cannot be read: {error.strerror or first_line(error)}.") from None
    except (ValueError, pd.errors.ParserWarning) as error:  # rows of unequal length; no Parquet
        cause = first_line(error).rpartition("C error: ")[2].rstrip(".")
        raise DataError(f"{str(file)!r} cannot be read as a table: {cause}.") from None
    if table.empty:
        raise DataError(f"{str(file)!r} has no rows of data: a table has a row for each example.")
    table.columns = table.columns.astype(str).str.strip()
    return table


def _csv(path: Path, separator: str, decimal: str) -> pd.DataFrame:
    reading: dict[str, Any] = {"sep": separator, "skipinitialspace": True, "encoding": "utf-8"}
    header = pd.read_csv(path, header=None, nrows=1, dtype=str, **reading).iloc[0]
    header = header.dropna().str.strip()
    repeated = header[header.duplicated()]
    if len(repeated):
        raise DataError(
            f"two columns of {str(path)!r} are named {repeated.iloc[0]!r}: give one another name."
        )
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # rows that are longer than the names
        table: pd.DataFrame = pd.read_csv(path, decimal=decimal, index_col=False, low_memory=False, **reading)
    return table


def _parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except ImportError:
        raise DataError(
            "reading Parquet needs pyarrow: install it with pip install 'nogd[parquet]'."
        ) from None


def targets_of(column: pd.Series[Any], *, numbers: bool) -> pd.Series[Any]:
    """A column as targets: numbers, or classes by their text; missing where there is none."""
    return as_numbers(column) if numbers else as_texts(column)


def as_numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    """A column in float64, NaN where it holds no finite number."""
    found = pd.to_numeric(column, errors="coerce").astype("float64")
    return found.where(np.isfinite(found))


def as_texts(column: pd.Series[Any]) -> pd.Series[Any]:
    """A column as texts, NaN where it is missing: a whole number as "3", also where gaps made it 3.0."""
    known = column.dropna()
    if pd.api.types.is_float_dtype(known) and (known % 1 == 0).all():
        known = known.astype("int64")
    return known.astype(str).str.strip().astype(object).reindex(column.index)


def as_days(column: pd.Series[Any], form: str) -> pd.Series[Any]:
    """A column of dates in days since 1970, NaN where it holds none; form: as `pandas.to_datetime` takes it."""
    found = pd.to_datetime(column, format=form, errors="coerce", utc=True)
    return ((found - _EPOCH) / _DAY).astype("float64")
