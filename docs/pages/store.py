"""The reference of the store: its tables as SQLite itself sees them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

from nogd.bench.columns import CurvePoint, RunRow, TracePoint, meanings
from nogd.bench.schema import SCHEMA, VERSION
from pages.markdown import code, page, table

INTRO = f"""
Everything that runs store is in one file, `nogd-runs/runs.sqlite`: an ordinary SQLite database, schema version
{VERSION}. Older stores can be read. Reading it runs no plugin code: rows are numbers and text, arrays are
plain NumPy bytes, and nothing in it is pickled.

There are three ways to read it, from the easiest to the most basic: `nogd runs --json`; `nogd export` for CSV and
Parquet files; SQL.
"""


def pages() -> dict[str, str]:
    """One page with every table."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        parts = [_table(connection, *each) for each in _tables()]
    return {"reference/store.md": page("The store", INTRO, *parts, _arrays())}


def _tables() -> Iterator[tuple[str, str]]:
    """Each table's name with the comment that stands before it."""
    for found in re.finditer(r"((?:^--.*\n)*)^create table (\w+)", SCHEMA, flags=re.MULTILINE):
        comment = " ".join(line.removeprefix("--").strip() for line in found[1].splitlines())
        yield found[2], comment


def _table(connection: sqlite3.Connection, name: str, comment: str) -> str:
    columns = connection.execute("select name, type, pk from pragma_table_info(?)", (name,)).fetchall()
    told = meanings(RunRow) if name == "runs" else {}
    head = ["column", "type", "key", *(["meaning"] if told else [])]
    rows = [
        (code(column), kind, "yes" if key else "", *([told.get(column, "see above")] if told else []))
        for column, kind, key in columns
    ]
    return f"## {name}\n\n{comment}\n\n{table(head, rows)}"


def _arrays() -> str:
    parts = (("curve", CurvePoint), ("trace", TracePoint))
    return "\n\n".join(f"## Columns of a {name}\n\n{_meanings(kind)}" for name, kind in parts)


def _meanings(kind: type) -> str:
    return table(["column", "meaning"], [(code(name), told) for name, told in meanings(kind).items()])
