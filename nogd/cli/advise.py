"""`nogd advise`: which learners to try on a task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nogd.cli import complete
from nogd.cli.own_data import OwnData, own_data_options, with_own_data

if TYPE_CHECKING:
    from nogd.leaderboard.advice import Advice
    from nogd.scaffold.table_target import Wanted

EPILOG = """\b
Examples:
  nogd advise -t wine
  nogd advise -t breast-cancer-sign --forwards 10000
  nogd advise --csv customers.csv --target churned
"""
_BEST = 6


@click.command(epilog=EPILOG)
@click.option(
    "-t", "--task", "task", shell_complete=complete.names_of("task"), help="A task, as in 'nogd run'."
)
@own_data_options
@click.option(
    "--forwards", type=click.FloatRange(min=0, min_open=True), help="The budget.  [default: the task's own]"
)
@click.option(
    "--others", is_flag=True, help="Go by other tasks of its kind, even if the task itself was measured."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def advise(
    task: str | None,
    csv: Path | None,
    target: str | None,
    target_type: Wanted,
    forwards: float | None,
    others: bool,
    as_json: bool,
) -> None:
    """Say which learners to try on a task, from what the leaderboard measured on tasks like it.

    Tasks are of one kind where both have a gradient or none, and both have data or are simulated. All that were
    measured are asked: learners come in the order of their mean regret, how far below a task's best score theirs is.
    Nothing is trained. The last line is a command that tries what it says.
    """
    from nogd.errors import InvalidSetting

    chosen = () if task is None else (task,)
    with with_own_data(OwnData(csv, target, target_type), chosen, Path("nogd-runs")) as tasks:
        if len(tasks) != 1:
            raise InvalidSetting("say for which task: -t TASK, or a table of your own by --csv FILE.")
        found, budget = _advice(tasks[0], forwards, others)
    ending = _command(found, csv, target)
    if as_json:
        click.echo(json.dumps(_facts(found, budget, ending), indent=2, ensure_ascii=False))
    else:
        click.echo(_text(found, budget))
        click.echo(ending)


def _advice(name: str, forwards: float | None, others: bool) -> tuple[Advice, float]:
    from nogd.bench.task_names import build_task
    from nogd.leaderboard.advice import advise
    from nogd.leaderboard.facts import facts_of
    from nogd.leaderboard.measured import read_measured

    named = build_task(name)
    table, known = read_measured()
    budget = named.task.budget if forwards is None else forwards
    return advise(facts_of(named.name, named.task), budget, table, known, itself=not others), budget


def _command(found: Advice, csv: Path | None, target: str | None) -> str:
    import shlex

    learners = " ".join(f"-l {shlex.quote(name)}" for name in found.to_try)
    task = (
        f"-t {shlex.quote(found.facts.task)}"
        if csv is None
        else f"--csv {shlex.quote(str(csv))}" + (f" --target {shlex.quote(target)}" if target else "")
    )
    return f"nogd run {learners} {task}"


def _text(found: Advice, budget: float) -> str:
    from nogd.cli.table import table, terminal_width
    from nogd.report.names import counted, listed

    facts = found.facts
    size = f"{counted(facts.parameters, 'parameter')} in {counted(facts.layers, 'layer')}"
    data = "simulated" if facts.simulated else counted(facts.examples, "training example")
    gradient = "a gradient" if facts.gradient else "no gradient"
    at = sorted(set(found.forwards.values()))
    budgets = " and ".join(f"{each:,.0f}" for each in at)
    alike = listed([each.task for each in found.like])
    near = f"Measured on the {counted(len(found.like), 'task')} of its kind ({alike})"
    by = "Measured on this task" if found.is_itself else near
    said = _SCORE if found.is_itself else _REGRET
    row = _row_of_itself if found.is_itself else _row_of_others
    headings = [*_HEADINGS, *(_OF_ITSELF if found.is_itself else _OF_OTHERS), "PROCESSOR S", "PACKAGE"]
    best, classes = (
        table(headings, [row(each) for each in rows.to_dict("records")], terminal_width())
        for rows in (found.table.head(_BEST), found.best_of_classes)
    )
    return "\n".join(
        [
            f"{facts.task}: {size}, {data}, {gradient}; a budget of {budget:,.0f} forwards.",
            f"{by}, at {budgets} forwards. {said}",
            "",
            best,
            "",
            "The best of each class, from what looks at losses alone to gradients:",
            "",
            classes,
            "",
            "It is no more than a place to start: try it with",
        ]
    )


_SCORE = "Score: 0 is the best constant predictor, 1 the reference."
_REGRET = (
    "Regret: how far below the task's best score, 0 to 1; the mean over tasks, of which those of other kinds count"
    " together as two."
)
_HEADINGS = ("LEARNER", "LOOKS AT")
_OF_ITSELF = ("SCORE", "LOWEST TO HIGHEST RUN")
_OF_OTHERS = ("REGRET", "AT WORST", "FIRST ON")


def _row_of_itself(row: dict[Any, Any]) -> list[str]:
    from nogd.report.numbers.formats import interval_text, score_text

    return _row(row, score_text(row["score"]), interval_text(row["low"], row["high"]))


def _row_of_others(row: dict[Any, Any]) -> list[str]:
    from nogd.report.numbers.formats import score_text

    first = f"{int(row['first_on'])} of {int(row['tasks'])}"
    return _row(row, score_text(row["regret"]), score_text(row["worst"]), first)


def _row(row: dict[Any, Any], *own: str) -> list[str]:
    return [str(row["learner"]), str(row["class"]), *own, f"{row['cpu_seconds']:.2g}", str(row["package"])]


def _facts(found: Advice, budget: float, command: str) -> dict[str, Any]:
    return {
        **vars(found.facts),
        "forwards": budget,
        "like": [each.task for each in found.like],
        "measured_at": dict(found.forwards),
        "learners": json.loads(found.table.to_json(orient="records")),
        "try": found.to_try,
        "command": command,
    }
