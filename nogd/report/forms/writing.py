"""The forms that a comparison, or two side by side, can be written in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from nogd.atomic_write import atomic_write
from nogd.bench.tables import load_tables
from nogd.errors import InvalidSetting
from nogd.report.figure import Comparison
from nogd.report.forms import history_forms, versus_forms
from nogd.report.forms.sections import Tell, silent, within
from nogd.report.numbers.history import History, history
from nogd.report.numbers.versus import Versus, compare

MOST_CURVES = 20_000
"""Of more runs a sample of about so many is drawn; tables as CSV have all."""
_READ = 0.1
"""The share of a report's time that reading the store takes, about."""


def write_form(folder: Path, kind: str, tell: Tell = silent) -> Path:
    """Write the comparison in a folder beside its store as "html", "pdf", "md" or "csv"; returns the path."""
    most = None if kind == "csv" else MOST_CURVES
    results = load_tables(folder, most_curves=most, tell=lambda share: tell(_READ * share, "reading runs"))
    tell, path = within(tell, _READ, 1.0), folder / f"report.{kind}"
    if kind == "html":
        from nogd.report.forms.page import write_report

        return write_report(folder, results, tell=tell)
    if kind == "csv":
        from nogd.report.forms.files import save_tables

        return save_tables(results, folder / "report", tell=tell)
    if kind == "pdf":
        from nogd.report.forms.pdf import pdf

        return atomic_write(path, pdf(results, tell=tell))
    from nogd.report.forms.markdown import markdown

    return atomic_write(path, markdown(results))


def write_versus(first: Path, second: Path, kind: str) -> tuple[Path, str]:
    """Write what changed between two folders into the second; returns the path, and a summary for a terminal.

    kind: as in `write_form`. Raises InvalidSetting for one folder twice.
    """
    if first.resolve() == second.resolve():
        raise InvalidSetting(f"{str(first)!r} is given twice: name two folders to compare.")
    found = compare(*(Comparison.of(load_tables(each, most_curves=MOST_CURVES)) for each in (first, second)))
    names = (str(first), str(second))
    summary = versus_forms.text(found)
    if kind == "csv":
        folder = second / "versus"
        folder.mkdir(exist_ok=True)
        return versus_forms.save_tables(found, folder), summary
    writers: dict[str, Callable[[Versus, tuple[str, str]], str | bytes]]
    writers = {"html": versus_forms.page, "pdf": versus_forms.pdf, "md": versus_forms.markdown}
    return atomic_write(second / f"versus.{kind}", writers[kind](found, names)), summary


def write_history(folders: Sequence[Path], learner: str, kind: str) -> tuple[Path, str]:
    """Write how a learner changed over the stores of some folders into the last; returns the path, and a summary.

    kind: as in `write_form`. Raises InvalidSetting for fewer than two folders or one folder twice, UnknownName where
    one has no run of the learner.
    """
    if len(folders) < 2:
        raise InvalidSetting("A history needs two folders or more: name them all, in any order.")
    for place, folder in enumerate(folders):
        if folder.resolve() in {each.resolve() for each in folders[:place]}:
            raise InvalidSetting(f"{str(folder)!r} is given twice: name different folders.")
    found = history(
        [(str(folder), Comparison.of(load_tables(folder, most_curves=MOST_CURVES))) for folder in folders],
        learner,
    )
    path, summary = folders[-1] / f"history.{kind}", history_forms.text(found)
    if kind == "csv":
        return history_forms.save_table(found, path), summary
    writers: dict[str, Callable[[History], str | bytes]]
    writers = {"html": history_forms.html, "pdf": history_forms.pdf, "md": history_forms.markdown}
    return atomic_write(path, writers[kind](found)), summary
