"""Runs and what they left as CSV or Parquet."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from nogd.atomic_write import atomic_write
from nogd.bench.tables import RunTables
from nogd.errors import InvalidSetting, StoreError


def write_tables(results: RunTables, traces: pd.DataFrame, folder: Path, kind: str) -> list[Path]:
    """Write `runs`, `curves`, `targets` and `traces` into the folder as "csv" or "parquet"; returns their paths.

    traces: every improvement of these runs, as `nogd.bench.tables.load_with_traces` reads them.

    Raises StoreError if the folder cannot be written, InvalidSetting if Parquet's library is missing.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [
            atomic_write(folder / f"{name}.{kind}", _content(table, kind))
            for name, table in _tables(results, traces).items()
        ]
    except ImportError:
        raise InvalidSetting(
            "Parquet needs another package: run pip install 'nogd[parquet]', or use csv."
        ) from None
    except OSError as error:
        raise StoreError(f"{folder} cannot be written: {error.strerror or error}.") from None


def _tables(results: RunTables, traces: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {
        "runs": results.runs,
        "curves": results.curves,
        "targets": results.reached,
        "traces": traces,
    }


def _content(table: pd.DataFrame, kind: str) -> str | bytes:
    if kind == "parquet":
        return table.to_parquet(None, index=False)
    return table.to_csv(index=False, lineterminator="\n")
