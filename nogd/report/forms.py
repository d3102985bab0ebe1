"""The forms that a comparison, or two side by side, can be written in."""

from __future__ import annotations

from pathlib import Path

from nogd.bench.results import load_results
from nogd.errors import InvalidSetting
from nogd.report import versus_forms
from nogd.report.figure import Comparison
from nogd.report.versus import compare
from nogd.report.whole import write_whole


def write_form(folder: Path, kind: str) -> Path:
    """Write the comparison in a folder beside its store as "html", "pdf", "md" or "csv"; returns the path."""
    results = load_results(folder)
    if kind == "html":
        from nogd.report.page import write_report

        return write_report(folder, results)
    if kind == "csv":
        from nogd.report.files import save_tables

        return save_tables(results, folder / "report")
    path = folder / f"report.{kind}"
    if kind == "pdf":
        from nogd.report.pdf import pdf

        return write_whole(path, pdf(results))
    from nogd.report.markdown import markdown

    return write_whole(path, markdown(results))


def write_versus(first: Path, second: Path, kind: str) -> tuple[Path, str]:
    """Write what changed between two folders into the second; returns the path, and a summary for a terminal.

    Raises InvalidSetting for a form that there is none in, or one folder twice.
    """
    if kind == "pdf":
        raise InvalidSetting("two folders side by side come as html, md or csv, not as pdf.")
    if first.resolve() == second.resolve():
        raise InvalidSetting(f"{str(first)!r} is given twice: name two folders to compare.")
    found = compare(Comparison.of(load_results(first)), Comparison.of(load_results(second)))
    names = (str(first), str(second))
    summary = versus_forms.text(found)
    if kind == "csv":
        folder = second / "versus"
        folder.mkdir(exist_ok=True)
        return versus_forms.save_tables(found, folder), summary
    path = second / f"versus.{kind}"
    text = versus_forms.page(found, names) if kind == "html" else versus_forms.markdown(found, names)
    return write_whole(path, text), summary
