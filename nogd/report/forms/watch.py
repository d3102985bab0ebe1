"""How a run stands, as a page that is written again and again while it runs."""

from __future__ import annotations

import functools
from datetime import timedelta
from pathlib import Path
from typing import final

import jinja2

from nogd.atomic_write import atomic_write
from nogd.bench.run_progress import Standing
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

    def write(self, standing: Standing) -> None:
        """Write the page, with the results as they were when last read."""
        atomic_write(self.path, render(standing, self._results))

    def read(self) -> None:
        """Read the results that the folder holds by now."""
        from nogd.report.forms.interim import interim  # pandas: a short run does without it

        self._results = interim(self.path.parent)


def render(standing: Standing, results: str) -> str:
    """The page as text; results: safe mark-up of `nogd.report.forms.interim`, or nothing."""
    return _template().render(
        standing=standing,
        headline=headline(standing),
        outlook=outlook(standing),
        results=results,
        period=REFRESH_SECONDS,
        light=LIGHT,
        dark=DARK,
    )


def headline(standing: Standing) -> str:
    """How far it is, in a sentence."""
    failed = f", {standing.failed:,} failed" if standing.failed else ""
    of_all = f"{standing.done:,} of {counted(standing.total, 'run')} done"
    if not standing.ended:
        return of_all + failed
    if standing.missing:
        return f"Stopped: {of_all}, {standing.missing:,} missing{failed}"
    return f"Finished: {of_all}{failed}"


def outlook(standing: Standing) -> str:
    """When it will be over, in a sentence."""
    ran = duration(standing.spent)
    if standing.ended:
        return f"It ran for {ran}."
    if standing.left is None:
        return f"Running for {ran}; nothing has finished yet, so its end cannot be told."
    end = standing.written + timedelta(seconds=standing.left)
    day = "" if end.date() == standing.written.date() else f"{end:%d %B} at "
    return (
        f"Running for {ran}; about {duration(standing.left)} left, so it should end around {day}{end:%H:%M} UTC if the "
        "rest goes like this."
    )


def duration(seconds: float) -> str:
    """A length of time in the unit that fits: 40 s, 12 min, 3 h 20 min."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


@functools.cache
def _template() -> jinja2.Template:
    return environment(short=short_name, duration=duration).get_template("watch.html")
