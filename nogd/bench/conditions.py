"""What is asked of runs, in SQL: so that of a hundred thousand only those are read that fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_LAST = chr(0x10FFFF)
"""The last character there is: all that begins alike lies before it."""


def conditions(having: Mapping[str, Sequence[str]], beginnings: Sequence[str]) -> tuple[str, list[str]]:
    """A where clause with its values; empty where nothing is asked.

    :param having: columns of the store's own, each with the values that it may have; none for any.
    :param beginnings: how ids may begin; none for any.
    """
    asked = {column: values for column, values in having.items() if values}
    clauses = [f"{column} in ({', '.join('?' * len(values))})" for column, values in asked.items()]
    given = [value for values in asked.values() for value in values]
    if beginnings:
        clauses.append(f"({' or '.join(['id between ? and ?'] * len(beginnings))})")
        given += [value for start in beginnings for value in (start, f"{start}{_LAST}")]
    return f" where {' and '.join(clauses)}" if clauses else "", given
