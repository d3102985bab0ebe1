"""The runs of a leaderboard's parts: what is published, joined with what stores hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from nogd.bench.tables import RunTables, load_tables
from nogd.errors import StoreError
from nogd.leaderboard.plan import Part, Plan
from nogd.report.names import counted, short_name
from nogd.report.numbers.finals import FAILED
from nogd.report.numbers.groups import canonical
from nogd.report.published import META, read_published, thinned

DATA = "data"
_KEYS = ["learner", "task", "repetition"]
_BROKEN = FAILED - {"diverged"}


def gathered(plan: Plan, folder: Path, stores: Sequence[Path]) -> dict[str, RunTables]:
    """The runs of each part that has some, by its name, in the plan's order.

    :param folder: where the plan is, with what is published below.
    :param stores: folders that hold a store for each part they have runs of, under the part's name; where both have a
        run of the same learner, task and repetition, that of the later one counts.
    :raises StoreError: where nothing is there at all, a store cannot be read, or its runs do not belong here.
    """
    for store in stores:
        if not any((store / part.name / "runs.sqlite").is_file() for part in plan.parts):
            raise StoreError(
                f"there is no store of the leaderboard in {str(store)!r}: fill one with"
                f" 'nogd run {folder / plan.parts[0].name}.toml --out {store / plan.parts[0].name}'."
            )
    found = {part.name: _part(part, folder, stores) for part in plan.parts}
    kept = {name: tables for name, tables in found.items() if tables is not None}
    if not kept:
        raise StoreError(
            f"there are no runs yet: {str(folder / DATA)!r} is empty. Make some with 'nogd run', and give the folder"
            " of the stores by --stores."
        )
    return kept


_POINT = ["id", "forwards", "seconds", "loss", "metric", "validation_loss", "test_metric"]
"""What is kept of a curve; whose it is, its run says."""


def _part(part: Part, folder: Path, stores: Sequence[Path]) -> RunTables | None:
    published = folder / DATA / part.name
    found = _named(read_published(published)) if (published / META).is_file() else None
    for store in stores:
        if (store / part.name / "runs.sqlite").is_file():
            loaded = _slim(load_tables(store / part.name))
            found = loaded if found is None else joined(found, loaded, part.name)
    return None if found is None or found.runs.empty else found


def _slim(tables: RunTables) -> RunTables:
    """Without what only a run's own page needs: pictures, tracebacks, targets, most points and columns of curves."""
    runs = tables.runs.assign(traceback="")
    return _named(RunTables(runs, thinned(tables.curves)[_POINT], tables.meta))


def _named(tables: RunTables) -> RunTables:
    """With learner, task and repetition in each row of the curves."""
    of = tables.runs.set_index("id")
    named = {name: tables.curves["id"].map(of[name]) for name in _KEYS}
    return replace(tables, curves=tables.curves.assign(**named))


def kept(tables: RunTables) -> RunTables:
    """What is published of a part: nothing that only the machine of the runs has, such as paths and commands."""
    sessions = [
        {key: session[key] for key in _SESSION if key in session}
        for session in tables.meta.get("sessions") or ()
    ]
    meta = {**tables.meta, "sessions": sessions, "damaged": {}}
    return RunTables(tables.runs.assign(host=""), tables.curves[_POINT], meta)


_SESSION = ("id", "started", "python", "packages", "cpu", "cores", "revision", "settings")


def joined(first: RunTables, second: RunTables, name: str) -> RunTables:
    """Two sets of runs as one; of the same learner, task and repetition the second's counts.

    :param name: of the part, for errors.
    :raises StoreError: where the second's runs have another budget, or were made on another version of a task.
    """
    _check_alike(first.runs, second.runs, name)
    moved, sessions = _renumbered(first.meta, second)
    runs = pd.concat([first.runs, moved], ignore_index=True).drop_duplicates(_KEYS, keep="last")
    runs = runs.sort_values([*_KEYS, "id"]).reset_index(drop=True)
    curves = pd.concat([first.curves, second.curves], ignore_index=True).drop_duplicates(["id", "forwards"])
    curves = curves[curves["id"].isin(set(runs["id"]))].reset_index(drop=True)
    meta = {**first.meta, "sessions": sessions, "missing": _missing(first, second, len(runs))}
    return RunTables(runs, curves, meta)


def _missing(first: RunTables, second: RunTables, runs: int) -> int:
    """How many planned runs neither has. Two that share a run have one plan."""
    before, after = (int(each.meta.get("missing", 0)) for each in (first, second))
    if set(first.runs["id"]).isdisjoint(second.runs["id"]):
        return before + after
    return max(before - (runs - len(first.runs)), after)


def _renumbered(meta: Mapping[str, Any], second: RunTables) -> tuple[pd.DataFrame, list[Mapping[str, Any]]]:
    """The second's runs and sessions with numbers after the first's; a session that both have keeps the first's."""
    sessions: list[Mapping[str, Any]] = list(meta.get("sessions") or ())
    known = {session.get("started"): int(session["id"]) for session in sessions}
    last, numbers = max(known.values(), default=0), {}
    for session in second.meta.get("sessions") or ():
        number = known.get(session.get("started"), int(session["id"]) + last)
        numbers[int(session["id"])] = number
        if session.get("started") not in known:
            sessions.append(session | {"id": number})
    return second.runs.assign(session=second.runs["session"].map(numbers)), sessions


def _check_alike(first: pd.DataFrame, second: pd.DataFrame, name: str) -> None:
    for column, what in (("task_version", "version of the task"), ("budget", "budget")):
        known = first.drop_duplicates("task").set_index("task")[column].map(canonical)
        given = second[second["task"].isin(known.index)]
        other = given[given[column].map(canonical) != given["task"].map(known)]
        if len(other):
            row = other.iloc[0]
            raise StoreError(
                f"{name}: {short_name(row['learner'])} on {short_name(row['task'])} was run with the {what}"
                f" {row[column]}, the leaderboard with {known[row['task']]}; run it again with the part's own file."
            )


def complete(tables: RunTables) -> tuple[int, int]:
    """How many runs there are, and how many were asked for."""
    return len(tables.runs), len(tables.runs) + int(tables.meta.get("missing", 0))


def complete_ones(plan: Plan, parts: Mapping[str, RunTables]) -> dict[str, RunTables]:
    """The parts that are compared: half of a suite at a budget would flatter whoever has run its easier half."""
    groups = {
        part.name: (part.suite, part.splits, part.tuned, canonical(parts[part.name].runs["budget"].iloc[0]))
        for part in plan.parts
        if part.name in parts
    }
    unfinished = {group for name, group in groups.items() if len(set(complete(parts[name]))) > 1}
    return {name: parts[name] for name, group in groups.items() if group not in unfinished}


def broken(parts: Mapping[str, RunTables]) -> list[str]:
    """Whose runs ended with an error, a time-out or a kill, a sentence for each task; divergence is a result."""
    runs = pd.concat([tables.runs.assign(part=name) for name, tables in parts.items()], ignore_index=True)
    return [
        f"{part}: {len(mine)} of {counted(len(asked), 'run')} of {learner} on {task} failed:"
        f" {str(mine['reason'].mode()[0]).rstrip('.')}."
        for (part, learner, task), asked in runs.groupby(["part", "learner", "task"])
        if len(mine := asked[asked["status"].isin(_BROKEN)])
    ]


def told(parts: Mapping[str, RunTables]) -> list[str]:
    """How complete each part is, a sentence each."""
    rows = []
    for name, tables in parts.items():
        done, planned = complete(tables)
        state = (
            "complete" if done == planned else f"{planned - done:,} are missing, so it is not compared yet"
        )
        rows.append(f"{name}: {done:,} of {planned:,} runs, {state}")
    return rows
