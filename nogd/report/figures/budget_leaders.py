"""The best learner for a budget of so many forwards: a strip a task, coloured by who leads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from pandas import DataFrame

from nogd.errors import UserError
from nogd.report.drawing.canvas import (
    handles,
    heading,
    label_width,
    legend_below,
    legend_height,
    log_cost,
    name_rows,
    new_canvas,
    place_axes,
)
from nogd.report.drawing.style import GRID, PAPER, Look, looks_of
from nogd.report.drawing.svg import named
from nogd.report.figure import Comparison, Drawn, Figure, choice
from nogd.report.figures.learning_curves import SPENT, CurvePanel, panels_of
from nogd.report.names import counted, short_name, short_names
from nogd.report.numbers.leading import TIE, Lead, leads

ROW = 0.3
_HALF = 0.36  # of a row, above and below its middle
_SPLIT = 0.08  # where two share a strip: below the middle
_ROOM = 0.12
_NAME = 20
NO_RIVALS = "No task here has curves of two learners, so there is no lead to show."
_VIEWS = {"metric": "by the metric that counts", "loss": "by training loss"}


@dataclass(frozen=True)
class Strip:
    """One task: who leads where. measured: what decides; unequal: whether learners had different budgets."""

    task: str
    measured: str
    leads: Sequence[Lead]
    unequal: bool


def draw(comparison: Comparison) -> list[Drawn] | str:
    """Two drawings, by the metric that counts and by training loss, or why there are none."""
    look = looks_of(comparison)
    panels = panels_of(comparison)
    views = [(view, strips_of(panels, view)) for view in _VIEWS]
    told = comparison.sample_told
    return [_drawn(view, strips, look, told) for view, strips in views if strips] or NO_RIVALS


def draw_on(axes: Axes, comparison: Comparison, *, by: str = "metric") -> None:
    """One of them on given axes; by: "metric" or "loss"."""
    strips = strips_of(panels_of(comparison), choice("by", by, list(_VIEWS)))
    if not strips:
        raise UserError(NO_RIVALS)
    _paint(axes, by, strips, looks_of(comparison))
    for look in _leading(strips, looks_of(comparison)):
        axes.plot([], [], color=look.colour, marker=look.marker, label=look.label)


def strips_of(panels: Sequence[CurvePanel], view: str) -> list[Strip]:
    """The strips of all tasks with at least two learners, by "metric" or by "loss"."""
    strips = []
    for panel in panels:
        curves = panel.metric if view == "metric" else panel.loss
        measured = panel.metric_title.partition(" (")[0] if view == "metric" else "training loss"
        if len(curves) > 1 and len(panel.grid) > 1:
            found = leads(panel.grid, curves, panel.greater and view == "metric", panel.level)
            strips.append(Strip(panel.task, measured, found, panel.unequal))
    return strips


def _drawn(view: str, strips: Sequence[Strip], look: Mapping[str, Look], told: str) -> Drawn:
    names = short_names([strip.task for strip in strips], _NAME)
    entries = handles(_leading(strips, look))
    below = legend_height([str(each.get_label()) for each in entries])
    canvas = new_canvas(0.3 + ROW * len(strips) + 0.42 + below)
    axes = place_axes(canvas, label_width(names), 0.14, 0.3, 0.42 + below)
    _paint(axes, view, strips, look)
    if entries:
        legend_below(canvas, entries)
    data = DataFrame(
        [
            {"task": strip.task, "measured": strip.measured, **asdict(lead)}
            for strip in strips
            for lead in strip.leads
        ]
    )
    return Drawn(canvas, data, _finding(view, strips) + told, title=_VIEWS[view])


def _leading(strips: Sequence[Strip], look: Mapping[str, Look]) -> list[Look]:
    """Whoever has a colour on a strip, in the order of the time that they lead."""
    shown = {lead.leader for strip in strips for lead in strip.leads}
    shown |= {lead.runner_up for strip in strips for lead in strip.leads if not lead.clear}
    return [look[name] for name in sorted(shown - {TIE})]


def _paint(axes: Axes, view: str, strips: Sequence[Strip], look: Mapping[str, Look]) -> None:
    log_cost(axes)
    axes.set_xlim(
        min(strip.leads[0].start for strip in strips), max(strip.leads[-1].stop for strip in strips)
    )
    name_rows(axes, short_names([strip.task for strip in strips], _NAME))
    axes.grid(visible=False)
    axes.set_xlabel("forwards", labelpad=1)
    heading(axes, f"best learner for a budget, {_VIEWS[view]}")
    for place, strip in enumerate(strips):
        _leaders(axes, place, strip, look)
        _seconds(axes, place, strip, look)
        for name, reign in groupby(strip.leads, key=lambda lead: lead.leader):
            if name != TIE:
                _mark(axes, place, max(reign, key=lambda lead: lead.stop / lead.start), look[name])


def _leaders(axes: Axes, place: int, strip: Strip, look: Mapping[str, Look]) -> None:
    """The whole height for a lead that is clear, the upper part for one that is not."""
    for (name, clear, shared), part in groupby(
        strip.leads, key=lambda lead: (lead.leader, lead.clear, lead.shared)
    ):
        if name == TIE:
            said = f"{short_name(strip.task)}: a tie, or nothing known"
            _box(axes, list(part), place - 0.05, place + 0.05, GRID, said, "")
            continue
        said = f"{short_name(strip.task)}: {look[name].label} leads" + ("" if clear else ", not clearly")
        bottom = place + (_SPLIT if shared else _HALF)
        _box(axes, list(part), place - _HALF, bottom, look[name].colour, said, name)


def _seconds(axes: Axes, place: int, strip: Strip, look: Mapping[str, Look]) -> None:
    """The lower part for the runner-up, where a lead is not clear."""
    for (name, second), part in groupby(
        strip.leads, key=lambda lead: (lead.leader, lead.runner_up if lead.shared else TIE)
    ):
        if second != TIE:
            said = f"{short_name(strip.task)}: {look[second].label} is next to {look[name].label}"
            _box(axes, list(part), place + _SPLIT, place + _HALF, look[second].colour, said, second)


def _box(
    axes: Axes, leads: Sequence[Lead], top: float, bottom: float, colour: str, said: str, learner: str
) -> None:
    """A little longer than its piece, without antialiasing: the page would shine through between two of one colour."""
    start, height = leads[0].start, bottom - top
    width = leads[-1].stop * 1.004 - start
    box = Rectangle((start, top), width, height, facecolor=colour, linewidth=0, antialiased=False)
    axes.add_patch(box)
    named([box], learner, said)


def _mark(axes: Axes, place: int, lead: Lead, look: Look) -> None:
    """The leader's marker where there is room for it; the name of one in grey, if it fits."""
    middle = place - (_HALF - _SPLIT) / 2 if lead.shared else place
    ends = axes.transData.transform([(lead.start, middle), (lead.stop, middle)])
    room = (ends[1, 0] - ends[0, 0]) / axes.figure.dpi
    at = (lead.start * lead.stop) ** 0.5
    if look.quiet and room > 0.06 * len(look.label):
        axes.text(at, middle, look.label, color=PAPER, fontsize=6.5, ha="center", va="center")
    elif room > _ROOM:
        axes.plot([at], [middle], color=PAPER, marker=look.marker, markersize=4.2)


def _finding(view: str, strips: Sequence[Strip]) -> str:
    ends = [strip.leads[-1] for strip in strips]
    clear = sum(lead.clear for lead in ends)
    told = "; ".join(
        f"{short_name(strip.task)}: {short_name(lead.leader) if lead.leader else 'a tie'}"
        + ("" if lead.clear or not lead.leader else " (not clearly)")
        for strip, lead in zip(strips[:6], ends, strict=False)
    )
    more = f"; and {counted(len(strips) - 6, 'task')} more" if len(strips) > 6 else ""
    return (
        f"Best learner {_VIEWS[view]} with the whole budget: {told}{more}. At that end the lead is clear on {clear} "
        f"of {counted(len(strips), 'task')}.{SPENT if any(strip.unequal for strip in strips) else ''}"
    )


FIGURE = Figure(
    name="budget-leaders",
    title="Best learner for a budget",
    reading=(
        (
            "Go right along a task's strip to the forwards that you can spend: its colour is the learner with the best "
            "interquartile mean over repetitions if all stop there, by the metric on test data (training data where "
            "the task has no split) and by training loss. A thin grey line: a tie."
        ),
        (
            "One colour over the whole height: the leader is ahead of every other learner beyond chance (an exact test "
            "that exchanges runs with the same start, 5 % for all tasks and budgets together). Two colours: it may be "
            "chance; the lower colour is the runner-up. Fewer than six repetitions can never show it."
        ),
    ),
    draw=draw,
    summary="the best learner of each task at each budget, and whether its lead is clear",
    order=22,
    draw_on=draw_on,
)
