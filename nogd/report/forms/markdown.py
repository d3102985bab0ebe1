"""A comparison as Markdown, short enough for a pull request."""

from __future__ import annotations

from collections.abc import Sequence

from pandas import DataFrame

from nogd.report.figure import Comparison, Drawn
from nogd.report.figures import failures, task_table
from nogd.report.forms import verdict
from nogd.report.forms.answers import sentences
from nogd.report.forms.board_view import cells, columns_of
from nogd.report.names import clean, short_name
from nogd.report.numbers.formats import number
from nogd.report.numbers.leaderboard import Board, other_boards
from nogd.report.numbers.tables import ResultsLike
from nogd.version import __version__

_TO_THE_LEFT = ("score_low", "metric_low", "access")
_SPECIAL = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_{}[]<>#|!@~$"})


def markdown(results: ResultsLike) -> str:
    """Who won, the leaderboard, task by task, and failures, as GitHub's Markdown."""
    comparison = Comparison.of(results)
    lines = [f"## {plain_text(verdict.headline(comparison))}", ""]
    for caution in verdict.warnings(comparison):
        lines += [f"> **{plain_text(caution)}**", ""]
    if not comparison.runs.empty:
        lines += [*_board(comparison.board), ""]
        lines += [f"- {plain_text(sentence)}" for sentence in sentences(comparison)]
        for board in other_boards(comparison):
            lines += ["", f"### {plain_text(board.why)}", "", *_board(board)]
        lines += _table("Task by task", task_table.draw(comparison))
        lines += _table("Failures and not applicable", failures.draw(comparison))
    said = "Score: 0 is the best constant predictor, 1 the frozen reference; interval and rank as in nogd's README."
    lines += ["", f"<sub>{said} Made by nogd {__version__}.</sub>"]
    return "\n".join(lines) + "\n"


def _board(board: Board) -> list[str]:
    """The columns of the page's leaderboard."""
    columns = columns_of(board)
    rows = [
        (str(place), code(row["learner"]), *(cell.text for cell in cells(row, columns)))
        for place, row in enumerate(board.table.to_dict("records"), start=1)
    ]
    left = [place for place, column in enumerate(columns, start=2) if column.key in _TO_THE_LEFT]
    header = ("#", "learner", *(column.heading for column in columns))
    return table(
        header, rows, right=[place for place in range(len(header)) if place != 1 and place not in left]
    )


def _table(title: str, drawn: Drawn | str | None) -> list[str]:
    if not isinstance(drawn, Drawn):
        return []
    return folded(title, drawn.table if drawn.table is not None else drawn.data)


def folded(title: str, data: DataFrame) -> list[str]:
    """A frame as a table that opens with a click."""
    return ["", f"<details><summary>{title}</summary>", "", *frame(data), "", "</details>"]


def frame(data: DataFrame) -> list[str]:
    """A frame as a table: its first column as names, the rest as text."""
    rows = [
        tuple(cell_text(value) if column else code(value) for column, value in enumerate(row))
        for row in data.itertuples(index=False, name=None)
    ]
    return table([plain_text(str(name)) for name in data.columns], rows)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """The lines of a table; right: columns of numbers."""
    rule = ["---:" if column in right else "---" for column in range(len(header))]
    return [f"| {' | '.join(line)} |" for line in (header, rule, *rows)]


def cell_text(value: object) -> str:
    """A cell: numbers with four digits, text in which nothing is mark-up, a line break where there was one."""
    if isinstance(value, float):
        return number(value, ",.4g")
    return "<br>".join(plain_text(line) for line in str(value).splitlines())


def plain_text(text: str) -> str:
    """Text that no letter of turns into mark-up, a mention or a link."""
    return clean(text).translate(_SPECIAL)


def code(name: object, width: int = 60) -> str:
    """A name set as code, whatever is in it."""
    return f"`{short_name(name, width).replace('`', chr(39)).replace('|', chr(92) + '|')}`"
