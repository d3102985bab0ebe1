"""How a run stands, as a page that is written again and again while it runs."""

from __future__ import annotations

import functools
from datetime import timedelta
from pathlib import Path
from typing import final

import jinja2

from nogd.atomic_write import atomic_write
from nogd.bench.run_progress import RunProgress
from nogd.report.drawing.style import DARK, LIGHT
from nogd.report.forms.templating import environment
from nogd.report.names import counted, short_name

PAGE = "watch.html"
REFRESH_SECONDS = 5
"""After which a browser asks for the page again."""


@final
class WatchPage:
    """FOLDER/watch.html. Writing it is cheap; reading the results for it is not, so they are read when asked for."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / PAGE
        self._results = ""

    def write(self, run_progress: RunProgress) -> None:
        """Write the page, with the results as they were when last read."""
        atomic_write(self.path, render(run_progress, self._results))

    def read(self) -> None:
        """Read the results that the folder holds by now."""
        from nogd.report.forms.interim import interim  # pandas: a short run does without it

        self._results = interim(self.path.parent)


def render(run_progress: RunProgress, results: str) -> str:
    """The page as text; results: safe mark-up of `nogd.report.forms.interim`, or nothing."""
    return _template().render(
        run_progress=run_progress,
        headline=headline(run_progress),
        outlook=outlook(run_progress),
        results=results,
        period=REFRESH_SECONDS,
        light=LIGHT,
        dark=DARK,
    )


def headline(run_progress: RunProgress) -> str:
    """How far it is, in a sentence."""
    failed = f", {run_progress.failed:,} failed" if run_progress.failed else ""
    of_all = f"{run_progress.done:,} of {counted(run_progress.total, 'run')} done"
    if not run_progress.ended:
        return of_all + failed
    if run_progress.missing:
        return f"Stopped: {of_all}, {run_progress.missing:,} missing{failed}"
    return f"Finished: {of_all}{failed}"


def outlook(run_progress: RunProgress) -> str:
    """When it will be over, in a sentence."""
    ran = duration(run_progress.spent)
    if run_progress.ended:
        return f"It ran for {ran}."
    if run_progress.left is None:
        return f"Running for {ran}; nothing has finished yet, so its end cannot be estimated."
    end = run_progress.written + timedelta(seconds=run_progress.left)
    day = "" if end.date() == run_progress.written.date() else f"{end:%d %B} at "
    left = duration(run_progress.left)
    return f"Running for {ran}; about {left} left, so it should end around {day}{end:%H:%M} UTC at this pace."


def duration(seconds: float) -> str:
    """A length of time in the unit that fits: 40 s, 12 min, 3 h 20 min."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


@functools.cache
def _template() -> jinja2.Template:
    return environment(short=short_name, duration=duration).get_template("watch.html")
