"""Build a leaderboard: read its runs, find how learners stand, and write page, reading, data and advice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from pandas import DataFrame

from nogd.atomic_write import atomic_write
from nogd.bench.tables import RunTables
from nogd.bench.task_names import build_task
from nogd.errors import StoreError
from nogd.leaderboard.advice import regrets
from nogd.leaderboard.buying import bought
from nogd.leaderboard.deciding import decisions
from nogd.leaderboard.facts import FILE as FACTS_FILE
from nogd.leaderboard.facts import Facts, facts_of, read_facts, write_facts
from nogd.leaderboard.fields import fields_of, own_task, surrogates_of
from nogd.leaderboard.gathering import DATA, complete_ones, gathered, kept, told
from nogd.leaderboard.lagging import lagging
from nogd.leaderboard.measured import measured_table, write_measured
from nogd.leaderboard.moving import moved
from nogd.leaderboard.page import write_page
from nogd.leaderboard.pictures import pictures_of, write_figures
from nogd.leaderboard.plan import Plan, read_plan
from nogd.leaderboard.reading import Numbers, write_readings
from nogd.leaderboard.reading_tables import (
    bought_table,
    decision_table,
    lags_table,
    moved_table,
    splits_table,
    sweeps_table,
)
from nogd.leaderboard.splitting import held
from nogd.leaderboard.standing import Standing, standing
from nogd.leaderboard.sweeping import sweep_table, swept, without_sweeps
from nogd.plugins.manager import configured, plugins
from nogd.report.drawing.canvas import house_style
from nogd.report.published import write_published

PAGE, TABLE, FIGURES = "leaderboard.html", "standings.csv", "figures"
FORWARDS = 1000.0
"""The budget at which advice is judged."""
RIVALS = ("adam", "dfa", "unit-search", "cma-es", "random-search")
"""Learners that advice is compared with: what if one always took this one?"""
_DIGITS = 5


@dataclass(frozen=True)
class Built:
    """What was built: how learners stand in each field, who was not in it before, and which files were written."""

    standings: Sequence[Standing]
    parts: Mapping[str, RunTables]
    entered: Sequence[str]
    written: Sequence[Path]


def build(folder: Path, stores: Sequence[Path], *, publish: bool) -> Built:
    """Build the leaderboard in a folder.

    :param folder: with leaderboard.toml, and the published runs below.
    :param stores: folders of stores whose runs join them.
    :param publish: whether these become part of what is published; else the page goes into the last of the stores, and
        nothing in the folder changes.
    :raises UserError: where something is missing or cannot be read or written.
    """
    plan = read_plan(folder)
    parts = gathered(plan, folder, stores)
    before = _learners(folder, plan) if stores else set()  # without stores nobody is new
    facts = _facts(plan, folder, parts)
    if publish:
        parts = _published(plan, folder, parts, facts)
    whole = complete_ones(plan, parts)
    standings = [standing(field, plan.ours) for field in fields_of(plan, whole, facts)]
    if not standings:
        raise StoreError(
            f"no suite is complete, so there is nothing to compare yet: {'; '.join(told(parts))}."
        )
    measured = measured_table([each for each in standings if not each.field.tuned])
    compared = without_sweeps(plan, standings)
    sweeps = [
        (sweep, sweep_table(sweep, _of_part(measured, parts, sweep.part)))
        for sweep in plan.sweeps
        if sweep.part in whole
    ]
    out = folder if publish or not stores else stores[-1]
    with house_style():
        pictures = pictures_of(compared, sweeps)
        written = [write_page(plan.title, compared, parts, pictures, out / PAGE)]
        if out == folder:
            write_figures(folder / FIGURES, pictures)
    if out == folder:
        general = measured[~measured["task"].isin(_swept_tasks(plan, parts))]
        written += [_write_standings(folder / TABLE, compared), *_write_advice(plan, folder, general, facts)]
        more = {"sweeps": sweeps_table(sweeps), **_told_besides(plan, whole, compared, general, facts)}
        written += write_readings(folder, plan.summary, Numbers(compared, parts), more)
    names = {str(name) for tables in parts.values() for name in tables.runs["learner"]}
    return Built(compared, parts, sorted(names - before) if before else [], written)


def _learners(folder: Path, plan: Plan) -> set[str]:
    """Everybody who is published."""
    if not any((folder / DATA / part.name).is_dir() for part in plan.parts):
        return set()
    tables = gathered(plan, folder, ())
    return {str(name) for each in tables.values() for name in each.runs["learner"]}


def _of_part(measured: DataFrame, parts: Mapping[str, RunTables], name: str) -> DataFrame:
    rows: DataFrame = measured[measured["task"].isin(set(parts[name].runs["task"]))]
    return rows


def _facts(plan: Plan, folder: Path, parts: Mapping[str, RunTables]) -> dict[str, Facts]:
    """The facts of all tasks: those that are kept, and for others the task is built."""
    known = read_facts(folder / DATA / FACTS_FILE)
    surrogates = surrogates_of(plan.parts)
    tasks = {
        own_task(str(task), surrogates)
        for part in plan.parts
        if part.name in parts and not part.splits
        for task in parts[part.name].runs["task"].unique()
    }
    new = sorted(tasks - known.keys())
    if not new:
        return known
    files = dict.fromkeys(str((folder / name).resolve()) for part in plan.parts for name in part.plugins)
    settings = plugins().settings
    with configured(replace(settings, extra=(*settings.extra, *files))):
        return known | {name: facts_of(name, build_task(name).task) for name in new}


def _published(
    plan: Plan, folder: Path, parts: Mapping[str, RunTables], facts: Mapping[str, Facts]
) -> dict[str, RunTables]:
    """Publish the runs, and read them as they are from now on, so that the next one to build finds the same."""
    for name, tables in parts.items():
        write_published(kept(tables), folder / DATA / name, _DIGITS)
    write_facts(folder / DATA / FACTS_FILE, facts)
    return gathered(plan, folder, ())


def _write_advice(plan: Plan, folder: Path, general: DataFrame, facts: Mapping[str, Facts]) -> Iterator[Path]:
    """Write what `nogd advise` reads."""
    if plan.advice is not None:
        path = (folder / plan.advice).resolve()
        write_measured(path, general, dict(facts))
        yield path


def _told_besides(
    plan: Plan,
    whole: Mapping[str, RunTables],
    standings: Sequence[Standing],
    general: DataFrame,
    facts: Mapping[str, Facts],
) -> dict[str, object]:
    """What templates may use beside the standings."""
    suites = {task: each.field.suite for each in standings for task in each.field.tasks}
    lost = regrets(FORWARDS, general, facts, RIVALS)
    return {
        "regrets": lost.assign(suite=lost["task"].map(suites)),
        "rivals": RIVALS,
        "decisions": decision_table(decisions(plan, whole, facts)),
        "splits": splits_table(held(plan, whole, facts)),
        "moved": moved_table(list(moved(standings))),
        "lags": lags_table(list(lagging(standings))),
        "bought": bought_table(list(bought(standings))),
    }


def _swept_tasks(plan: Plan, parts: Mapping[str, RunTables]) -> set[str]:
    mine = swept(plan)
    return {
        str(task)
        for part in plan.parts
        if part.suite in mine and part.name in parts
        for task in parts[part.name].runs["task"]
    }


def _write_standings(path: Path, standings: Sequence[Standing]) -> Path:
    tables = [_labelled(each) for each in standings]
    table = pd.concat(tables, ignore_index=True)
    return atomic_write(path, table.to_csv(index=False, float_format="%.4g", lineterminator="\n"))


def _labelled(standing: Standing) -> DataFrame:
    field = standing.field
    table = standing.table.assign(suite=field.runs_of, gradient=field.gradient, forwards=int(field.forwards))
    return table[["suite", "gradient", "forwards", *standing.table.columns]]
