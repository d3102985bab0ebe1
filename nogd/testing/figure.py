"""What every figure of the report must do."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.figure import Figure as MplFigure
from pandas import DataFrame

from nogd.bench.process_state import readings, restored, seed_generators
from nogd.report.drawing.canvas import house_style
from nogd.report.drawing.svg import inline_svg
from nogd.report.figure import Comparison, Drawn, Figure
from nogd.report.forms.sections import csv_link
from nogd.testing.check import NotApplicable, broken, check
from nogd.testing.results import all_cases
from nogd.testing.trial import difference

READING_LINES = 2


@check("Work on copies (`comparison.runs.assign(...)`, `.copy()`), and sort or fill nothing in place.")
def figure_changes_nothing(figure: Figure) -> None:
    """All figures of a report are drawn from the same tables, in any order."""
    for case, comparison in all_cases():
        runs, curves = comparison.runs.copy(deep=True), comparison.curves.copy(deep=True)
        _draw(figure, comparison)
        for name, found, before in (("runs", comparison.runs, runs), ("curves", comparison.curves, curves)):
            if not found.equals(before):
                broken(f"with {case.what}, it changed the table of {name}.")


@check(
    "Draw nothing at random (a bootstrap takes a seed), use no clock, and iterate over sets in sorted order."
)
def figure_repeats_itself(figure: Figure) -> None:
    """The same runs give the same bytes, so that pages can be compared."""
    _, comparison = next(_shown(figure))
    drawn = []
    for seed in (1, 2):
        with restored(), house_style():
            seed_generators(seed)
            drawn.append([_bytes(each) for each in _drawings(figure, comparison)])
    if drawn[0] != drawn[1]:
        broken("drawn a second time under another global seed, it is another one.")


@check(
    "Give None where there is nothing to show, expect NaN anywhere, and leave names as text (no mathematics, no HTML)."
)
def figure_survives_hard_results(figure: Figure) -> None:
    """A comparison may consist of one run, of failures only, or of learners that were not applicable."""
    for case, comparison in all_cases():
        try:
            with house_style():
                for each in _drawings(figure, comparison):
                    _bytes(each)
        except Exception as error:
            raise RuntimeError(f"with {case.what}: {type(error).__name__}: {error}") from error


@check(
    "Return a Drawn, several with a title each, a sentence why there is none, or None; give the numbers as a DataFrame."
)
def figure_gives_drawings_with_their_numbers(figure: Figure) -> str:
    """The numbers behind every picture are one click away."""
    counted = 0
    for case, comparison in _shown(figure):
        drawings = _drawings(figure, comparison)
        for each in drawings:
            given: object = each
            if not isinstance(given, Drawn) or not isinstance(given.data, DataFrame):
                broken(f"with {case}, it gives a {type(each).__name__} and no Drawn with a DataFrame.")
            if each.data.empty:
                broken(f"with {case}, its data are empty: give None where there is nothing to show.")
        titles = [each.title for each in drawings]
        if len(set(titles)) < len(titles):
            broken(f"with {case}, two of its drawings have the title {titles[0]!r}.")
        counted += len(drawings)
    return f"{counted} drawings of {len(list(all_cases()))} comparisons"


@check("Write `title`, `summary` and two lines of `reading`, and in `alt` the finding in words.")
def figure_explains_itself(figure: Figure) -> None:
    """Each figure says in two lines how to read it, and tells its finding to readers who cannot see it."""
    texts = {"title": figure.title, "summary": figure.summary}
    empty = [name for name, text in texts.items() if not text.strip()]
    if empty:
        broken(f"its {' and '.join(empty)} is empty.")
    if len(figure.reading) != READING_LINES or not all(line.strip() for line in figure.reading):
        broken("its reading is not two lines.")
    for case, comparison in _shown(figure):
        if not all(each.alt.strip() for each in _drawings(figure, comparison)):
            broken(f"with {case}, a drawing has no alt text.")


@check(
    "Use `nogd.report.drawing.canvas.new_canvas` in place of pyplot, and `matplotlib.rc_context` for settings."
)
def figure_leaves_the_process_alone(figure: Figure) -> None:
    """Drawing leaves no open pyplot figure, and no setting or random state changed."""
    _, comparison = next(_shown(figure))
    with house_style():
        before, settings, opened = readings(), dict(mpl.rcParams), plt.get_fignums()
        figure.draw(comparison)
        changed = [name for name, value in readings().items() if difference(value, before[name]) is not None]
        if dict(mpl.rcParams) != settings:
            changed.append("matplotlib's settings")
        if _close_since(opened):
            changed.append("pyplot's open figures")
    if changed:
        broken(f"it changed {', '.join(changed)}.")


def _draw(figure: Figure, comparison: Comparison) -> Drawn | Sequence[Drawn] | str | None:
    """What it draws, in the report's style; what it leaves open in pyplot is closed, so that no check hands it on."""
    opened = plt.get_fignums()
    try:
        with house_style():
            return figure.draw(comparison)
    finally:
        _close_since(opened)


def _close_since(opened: Collection[int]) -> bool:
    """Close the figures of pyplot's that were not open then; whether there were any."""
    new = set(plt.get_fignums()).difference(opened)
    for number in new:
        plt.close(number)
    return bool(new)


def _drawings(figure: Figure, comparison: Comparison) -> list[Drawn]:
    drawn = _draw(figure, comparison)
    if isinstance(drawn, str):  # a sentence why there is none
        return []
    return [drawn] if isinstance(drawn, Drawn) else list(drawn or ())


def _shown(figure: Figure) -> Iterator[tuple[str, Comparison]]:
    """The cases of which it shows something, in words, with their results. Raises NotApplicable where it never does."""
    found = False
    for case, comparison in all_cases():
        if _drawings(figure, comparison):
            found = True
            yield case.what, comparison
    if not found:
        raise NotApplicable("it has nothing to show of the kit's results")


def _bytes(drawn: Drawn) -> tuple[str, str]:
    picture = inline_svg(drawn.figure, "f", drawn.alt) if isinstance(drawn.figure, MplFigure) else ""
    return picture, csv_link(drawn.data)


CHECKS = (
    figure_changes_nothing,
    figure_repeats_itself,
    figure_survives_hard_results,
    figure_gives_drawings_with_their_numbers,
    figure_explains_itself,
    figure_leaves_the_process_alone,
)
