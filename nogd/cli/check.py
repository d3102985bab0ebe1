"""`nogd check`: nogd's own rules, on a learner, a task, a figure, an executor, or all that a package offers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from nogd.cli import complete
from nogd.cli.table import paragraph, terminal_width

if TYPE_CHECKING:
    from nogd.testing.running import Verdict
    from nogd.testing.subjects import Subject

EXAMPLES = """\b
Examples:
  nogd check my-learner
  nogd check my-learner,sigma=0.3
  nogd check nogd-my-package --json
  nogd check ./hill_climb.py --only same-seed-same-curve
  nogd check grid-search --expect 'works-in-float64=not written yet'
"""
_MARGIN = " " * 12


@click.command(epilog=EXAMPLES)
@click.argument(
    "name",
    metavar="NAME|PACKAGE|FILE",
    shell_complete=complete.names_of("learner", "task", "figure", "executor"),
)
@click.option("--only", multiple=True, metavar="CHECK", help="Run only this check. May be repeated.")
@click.option(
    "--expect", multiple=True, metavar="CHECK=REASON", help="A check that is known to fail, and why."
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array: one object per check.")
def check(name: str, only: tuple[str, ...], expect: tuple[str, ...], as_json: bool) -> None:
    """Check that NAME keeps nogd's rules: a learner (with hyper-parameters if wanted), task, figure or executor.

    For a PACKAGE or plugin, a .py FILE or a folder, everything that it offers is checked. To run the same checks under
    pytest, use nogd.testing.parametrize_with_checks. Exits with 1 if a check fails.
    """
    from nogd.testing.subjects import check_names, expectations, find_subjects

    subjects, expected = find_subjects(name), expectations(expect)
    check_names([*only, *expected], subjects)
    verdicts = [
        (subject, verdict) for subject in subjects for verdict in _run(subject, only, expected, as_json)
    ]
    if as_json:
        click.echo(json.dumps([_as_row(*pair) for pair in verdicts], indent=2, ensure_ascii=False))
    else:
        click.echo(_summary([verdict for _, verdict in verdicts]))
    if any(verdict.status == "failed" for _, verdict in verdicts):
        click.get_current_context().exit(1)


def _run(subject: Subject, only: tuple[str, ...], expected: dict[str, str], quiet: bool) -> list[Verdict]:
    from nogd.testing.catalogue import checks_for
    from nogd.testing.running import run_checks

    if not quiet:
        click.echo(subject.title)
    verdicts = []
    own = {each.name for each in checks_for(subject.target)}
    chosen = [name for name in only if name in own]
    if only and not chosen:
        return []
    mine = {name: reason for name, reason in expected.items() if name in own}
    for verdict in run_checks(subject.target, mine, chosen):
        verdicts.append(verdict)
        if not quiet:
            click.echo(_as_text(verdict, terminal_width()))
    return verdicts


def _as_text(verdict: Verdict, width: int) -> str:
    """One line per check; of a failed one also what was seen, what the check guards, and what to do."""
    colours = {"ok": "green", "failed": "red", "skipped": "yellow", "expected": "yellow"}
    mark = click.style(f"{verdict.status:8}", fg=colours[verdict.status])
    line = f"  {mark}  {verdict.check.name}"
    if verdict.status != "failed":
        return f"{line}  ({verdict.text})" if verdict.text else line
    told = [verdict.text]
    if verdict.error is not None:  # else it passes, though it is expected to fail
        told += [verdict.check.guards, f"What to do: {verdict.check.cure}"]
    return "\n".join([line, *(paragraph(text, width, _MARGIN) for text in told)])


def _as_row(subject: Subject, verdict: Verdict) -> dict[str, Any]:
    return {
        "kind": subject.kind,
        "name": subject.name,
        "package": subject.package,
        "check": verdict.check.name,
        "status": verdict.status,
        "text": verdict.text,
        "guards": verdict.check.guards,
        "what_to_do": verdict.check.cure,
        "seconds": round(verdict.seconds, 3),
        "traceback": verdict.traceback,
    }


def _summary(verdicts: list[Verdict]) -> str:
    found = [verdict.status for verdict in verdicts]
    counts = [
        f"{found.count(status)} {status}"
        for status in ("ok", "failed", "skipped", "expected")
        if status in found
    ]
    return f"{', '.join(counts)} in {sum(verdict.seconds for verdict in verdicts):.1f} s"
