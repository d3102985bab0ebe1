"""From a table in a file to a task: what its columns are, a network that suits it, and the file that says so."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import jinja2
import pandas as pd

from nogd.errors import DataError
from nogd.problem.table import no_such_column, read_table
from nogd.problem.task import SupervisedTask
from nogd.scaffold.columns import Column, looked_at
from nogd.scaffold.table_target import Target, Wanted, target_of

_TEMPLATE = Path(__file__).with_name("table_task.py.jinja")
_NO_LETTERS = re.compile(r"[\W_]+")
_SEPARATORS = ",;\t|"
_WIDTHS = ((1_000, 8), (10_000, 16), (100_000, 32))
_LARGEST_WIDTH = 64
_FEW = 5
_ROWS_AT_FULL_BUDGET = 20_000
_HEADINGS = {"number": "numbers", "category": "categories", "date": "dates", "left out": "left out"}


@dataclass(frozen=True)
class TableTask:
    """A task on a table, before it is written.

    :param file: where the table lies, absolute.
    :param separator: between fields, in CSV.
    :param decimal: before decimals, in CSV.
    :param target: what is learnt.
    :param columns: what all other columns are, by name.
    """

    file: Path
    separator: str
    decimal: str
    target: Target
    columns: dict[str, Column]

    @cached_property
    def name(self) -> str:
        """What the task is called: after the file and the target."""
        stem, target = _slug(self.file.name.partition(".")[0]), _slug(self.target.name)
        return "-".join(dict.fromkeys(filter(None, [stem, target]))) or "table"

    def of_kind(self, kind: str) -> list[str]:
        """The columns of a kind."""
        return [name for name, column in self.columns.items() if column.kind == kind]

    @property
    def forms(self) -> dict[str, str]:
        """The columns of dates, each with its format."""
        return {name: column.form for name, column in self.columns.items() if column.kind == "date"}

    @property
    def metric(self) -> str:
        """What runs are judged by."""
        if not self.target.sizes:
            return "r2"
        return "balanced-accuracy" if self.target.unbalanced else "accuracy"

    @property
    def width(self) -> int:
        """Hidden units, more of them for more examples."""
        return next((width for rows, width in _WIDTHS if self.target.rows < rows), _LARGEST_WIDTH)

    @property
    def budget(self) -> int:
        """Forwards, fewer of them where each takes long."""
        whole = SupervisedTask.budget * min(1.0, _ROWS_AT_FULL_BUDGET / self.target.rows)
        return max(100, int(round(whole, -2)))

    def as_python(self) -> str:
        """The file of the task, a plugin."""
        surroundings = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, autoescape=False)
        surroundings.filters["code"] = _code
        template = surroundings.from_string(_TEMPLATE.read_text(encoding="utf-8"))
        return template.render(task=self, classes=list(self.target.sizes), outputs=self._outputs) + "\n"

    @property
    def _outputs(self) -> int:
        return len(self.target.sizes) if len(self.target.sizes) > 2 else 1


def _code(value: object) -> str:
    """A value as Python has it, with the quotes that most people write."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False) if value.isprintable() else repr(value)
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_code(key)}: {_code(each)}' for key, each in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_code, value))}]"
    return repr(value)


def table_task(file: Path, target: str | None, wanted: Wanted = "auto") -> TableTask:
    """The task of learning one column of a table from the others.

    :param file: CSV or Parquet.
    :param target: the column.
    :param wanted: whether the target is a number or classes, where that cannot be seen from it.
    :raises DataError: for a table, or a target, that nothing can be learnt from.
    """
    file = file.expanduser().absolute()
    separator = _separator(file)
    decimal = _decimal(file, separator)
    table = read_table(file, separator, decimal)
    names = list(map(str, table.columns))
    if target is None:
        raise DataError(f"say which column is to be learnt, by --target: {', '.join(names[:20])}.")
    if target not in names:
        raise no_such_column(target, names, file)
    found = target_of(target, table[target], wanted)
    columns = {name: looked_at(name, table[name]) for name in names if name != target}
    if all(column.kind == "left out" for column in columns.values()):
        reasons = ", ".join(f"{name} ({column.told})" for name, column in list(columns.items())[:5])
        raise DataError(
            f"{str(file)!r} has no column to learn {target!r} from: {reasons or 'it has no other'}."
        )
    return TableTask(file, separator, decimal, found, columns)


def _separator(file: Path) -> str:
    """What stands between the names in the first line; a comma where that is not clear."""
    try:
        with file.open(encoding="utf-8") as lines:
            return csv.Sniffer().sniff(lines.readline(), delimiters=_SEPARATORS).delimiter
    except (
        OSError,
        UnicodeError,
        csv.Error,
    ):  # what is wrong with the file is told when it is read as a table
        return ","


def _decimal(file: Path, separator: str) -> str:
    """A comma where fields are parted by semicolons and more columns become numbers by it."""
    if separator != ";":
        return "."
    return max(".", ",", key=lambda sign: _numeric(read_table(file, separator, sign)))


def _numeric(table: pd.DataFrame) -> int:
    return sum(pd.api.types.is_numeric_dtype(table[name]) for name in table)


def _slug(text: str) -> str:
    return _NO_LETTERS.sub("-", text.lower()).strip("-")


def told(task: TableTask) -> Iterator[tuple[str, str]]:
    """What was understood of a table, as pairs of a heading and a text."""
    target = task.target
    dropped = f", without the {target.dropped:,} that have no target" if target.dropped else ""
    yield "task", f"{task.name}: {target.rows:,} rows of {task.file.name}{dropped}"
    yield "target", _target_told(task)
    for kind, heading in _HEADINGS.items():
        if names := task.of_kind(kind):
            yield heading, ", ".join(_column_told(name, task.columns[name]) for name in names)
    layers = f"inputs, {task.width} ReLU units, {task._outputs} output{'s' * (task._outputs > 1)}"
    yield "network", f"{layers}; {task.budget:,} forwards"


def _column_told(name: str, column: Column) -> str:
    return f"{name} ({column.told})" if column.told else name


def _target_told(task: TableTask) -> str:
    target = task.target
    if not target.sizes:
        return f"{target.name}, a number, judged by {task.metric}"
    largest = sorted(target.sizes.items(), key=lambda each: -each[1])[:5]
    shares = ", ".join(f"{name} {100 * size / target.rows:.3g} %" for name, size in largest)
    others = ", ..." if len(target.sizes) > len(largest) else ""
    why = " as they are unbalanced; in training the rarer ones are repeated" if target.unbalanced else ""
    few = ", ".join(name for name, size in target.sizes.items() if size < _FEW)
    told = f"{target.name}, {len(target.sizes)} classes ({shares}{others}), judged by {task.metric}{why}"
    return told + (f"; fewer than {_FEW} rows have {few}" if few else "")
