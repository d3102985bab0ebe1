"""How the file of an older nogd becomes one of today's: nothing in it is lost."""

from __future__ import annotations

import json
import math
import sqlite3
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import pairwise

from nogd.bench.columns import REAL, TEXT, WHOLE
from nogd.bench.schema import CELLS, FROZEN, INDEXES, PICTURES, SCHEMA, VERSION

# A session's start was written down without what is below a millisecond.
_EARLY = 0.002


def migrate(connection: sqlite3.Connection, version: int) -> None:
    """Bring the schema of that version (0: an empty file) to today's, within the caller's transaction."""
    if version == 0:
        _execute_all(connection, SCHEMA)
    else:
        for old in range(version, VERSION):
            _STEPS[old](connection)
    connection.execute(f"pragma user_version = {VERSION}")


def _execute_all(connection: sqlite3.Connection, statements: str) -> None:
    """One by one: `executescript` would end the caller's transaction."""
    for statement in statements.split(";\n"):
        connection.execute(statement)


def _add_pictures(connection: sqlite3.Connection) -> None:
    connection.execute(PICTURES)


def _count_by_session(connection: sqlite3.Connection) -> None:
    """Each cell notes the session that last asked for it, in place of a time; frozen entries get a table of their own.

    A call that ran nothing had no session and gets one here, between those that came before and after it.
    """
    _collect_frozen(connection)
    cells = connection.execute("select id, learner, task, repetition, asked from cells").fetchall()
    numbers = _number_calls(connection, sorted({asked for *_, asked in cells if isinstance(asked, float)}))
    connection.execute("drop table cells")
    connection.execute(CELLS)
    connection.executemany(
        "insert into cells values (?, ?, ?, ?, ?)",
        [(*cell, numbers.get(asked, 0)) for *cell, asked in cells],
    )


def _add_columns(connection: sqlite3.Connection) -> None:
    """What is known of a run by now and was not then, empty for old runs."""
    there = {name for (name,) in connection.execute("select name from pragma_table_info('runs')")}
    for kind, names in (("text", TEXT), ("integer", WHOLE), ("real", REAL)):
        for name in names:
            if name not in there:
                connection.execute(f"alter table runs add column {name} {kind}")


def _note_access(connection: sqlite3.Connection) -> None:
    """Of old runs it is known which ones asked for gradients, the strongest access there is."""
    _add_columns(connection)
    connection.execute("update runs set access = 'gradient' where access is null and gradients > 0")


def _add_indexes(connection: sqlite3.Connection) -> None:
    _execute_all(connection, INDEXES)


def _collect_frozen(connection: sqlite3.Connection) -> None:
    """What was frozen was kept with every session's settings; of two entries the newer one counts."""
    connection.execute(FROZEN)
    for id_, text in connection.execute("select id, settings from sessions order by id").fetchall():
        with suppress(ValueError, TypeError, AttributeError, KeyError):  # what cannot be read stays as it is
            settings = json.loads(text)
            entries = settings.pop("frozen", {}).items()
            rows = [(task, entry["version"], json.dumps(entry)) for task, entry in entries]
            connection.executemany("insert or replace into frozen values (?, ?, ?, null)", rows)
            connection.execute("update sessions set settings = ? where id = ?", (json.dumps(settings), id_))


def _number_calls(connection: sqlite3.Connection, times: Sequence[float]) -> Mapping[float, int]:
    """The session of each call, by the time at which it asked for cells; those without one are put in their place."""
    sessions = connection.execute("select id, started, settings from sessions order by id").fetchall()
    starts = sorted((_seconds(started), id_) for id_, started, _ in sessions)
    mine = _matched(times, starts)
    idle = [time for time in times if time not in mine]
    before = {time: max((id_ for start, id_ in starts if start <= time), default=0) for time in idle}
    moved = {id_: id_ + sum(place < id_ for place in before.values()) for id_, *_ in sessions}
    for id_, new in sorted(
        moved.items(), reverse=True
    ):  # upwards, the last one first: no number is taken twice
        if new != id_:
            connection.execute("update sessions set id = ? where id = ?", (new, id_))
            connection.execute("update runs set session = ? where session = ?", (new, id_))
    numbers = {time: moved[id_] for time, id_ in mine.items()}
    settings = {id_: text for id_, _, text in sessions}
    for place, time in enumerate(sorted(idle, key=lambda time: (before[time], time)), start=1):
        numbers[time] = before[time] + place
        row = (numbers[time], _text(time), "{}", settings.get(before[time], "{}"))
        connection.execute(
            "insert into sessions (id, started, environment, settings) values (?, ?, ?, ?)", row
        )
    return numbers


def _matched(times: Sequence[float], starts: Sequence[tuple[float, int]]) -> dict[float, int]:
    """The session that began right after each call had asked, and before the next one did. Both in order."""
    found = {}
    for time, following in pairwise([*times, math.inf]):
        place = bisect_left(starts, (time - _EARLY, 0))
        if place < len(starts) and starts[place][0] < following - _EARLY:
            found[time] = starts[place][1]
    return found


def _seconds(started: object) -> float:
    """Seconds since 1970; infinite where that is not known, as such a session was no call's."""
    try:
        moment = datetime.fromisoformat(str(started))
    except ValueError:
        return math.inf
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


_STEPS: Mapping[int, Callable[[sqlite3.Connection], None]] = {
    1: _add_pictures,
    2: _count_by_session,
    3: _add_columns,
    4: _note_access,
    5: _add_indexes,
}
