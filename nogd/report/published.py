"""Tables of a comparison as files that are kept with the code: compressed, small, and readable without nogd."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd

from nogd.atomic_write import atomic_write
from nogd.bench.columns import RUN_COLUMNS, TEXT
from nogd.bench.tables import RunTables
from nogd.errors import StoreError
from nogd.report.numbers.finals import numbers

TABLES = ("runs", "curves", "reached")
META = "meta.json"
_POINTS = 4
"""Points of a curve that are kept of each decade of forwards."""


def write_published(tables: RunTables, folder: Path, digits: int = 17) -> None:
    """Write runs, curves and reached targets as CSV, and the sessions as JSON; equal tables give equal bytes.

    :param tables: what to write; pictures are not.
    :param folder: made if it does not exist.
    :param digits: significant digits of numbers.
    :raises StoreError: if a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        text = getattr(tables, name).to_csv(index=False, float_format=f"%.{digits}g", lineterminator="\n")
        atomic_write(folder / f"{name}.csv.gz", gzip.compress(text.encode(), mtime=0))
    atomic_write(folder / META, json.dumps(tables.meta, indent=1) + "\n")


def read_published(folder: Path) -> RunTables:
    """What `write_published` wrote; columns that runs have had since then are empty.

    :raises StoreError: where a file is missing or damaged.
    """
    try:
        runs, curves, reached = (_read(folder / f"{name}.csv.gz") for name in TABLES)
        meta = json.loads((folder / META).read_text(encoding="utf-8"))
    except (OSError, EOFError, ValueError) as error:
        raise StoreError(f"the published tables in {str(folder)!r} cannot be read: {error}.") from error
    runs = runs.reindex(columns=[*runs.columns, *(name for name in RUN_COLUMNS if name not in runs)])
    runs = runs.assign(**{column: runs[column].astype(object).fillna("").astype(str) for column in TEXT})
    return RunTables(runs, curves, meta, reached=reached)


def _read(path: Path) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(gzip.decompress(path.read_bytes())))


def thinned(curves: pd.DataFrame) -> pd.DataFrame:
    """The points that numbers are made of, and a few more: first, last, lowest validation loss, four of each decade.

    What a leaderboard says of the thinned curves is what it says of the whole.
    """
    ordered = curves.sort_values(["id", "forwards"], kind="stable")
    with np.errstate(divide="ignore"):
        place = np.floor(_POINTS * np.log10(numbers(ordered, "forwards")))
    kept = ~ordered.assign(place=place).duplicated(["id", "place"], keep="last")
    kept |= ~ordered.duplicated("id", keep="first") | ~ordered.duplicated("id", keep="last")
    for column in ("loss", "metric", "test_metric"):
        kept |= _last_finite(ordered, column)
    both = np.isfinite(numbers(ordered, "validation_loss")) & np.isfinite(numbers(ordered, "test_metric"))
    lowest = ordered[both].sort_values("validation_loss", kind="stable").drop_duplicates("id").index
    kept |= ordered.index.isin(lowest)
    found: pd.DataFrame = ordered[kept].sort_index()
    return found


def _last_finite(ordered: pd.DataFrame, column: str) -> pd.Series[bool]:
    known = ordered[np.isfinite(numbers(ordered, column))]
    return pd.Series(ordered.index.isin(known.drop_duplicates("id", keep="last").index), index=ordered.index)
