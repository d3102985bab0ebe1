"""A page of one subject beside the report's: a headline, pictures and tables, without a script."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import jinja2
from pandas import DataFrame

from nogd.report.drawing.style import DARK, LIGHT
from nogd.report.drawing.svg import inline_svg
from nogd.report.figure import Drawn
from nogd.report.forms.sections import csv_link
from nogd.report.forms.templating import environment
from nogd.report.names import clean, short_name


@dataclass(frozen=True)
class Leaflet:
    """What such a page says.

    :param kicker: what kind of page it is.
    :param headline: what was found, in a sentence.
    :param notes: what else a reader should know, a sentence each.
    :param pictures: the drawings, each with its title.
    :param tables: each with its title, how it is shown, and its data.
    """

    kicker: str
    headline: str
    notes: Sequence[str]
    pictures: Sequence[Drawn]
    tables: Sequence[tuple[str, DataFrame, DataFrame]]


def page(leaflet: Leaflet) -> str:
    """The page as text; call inside of `house_style()`."""
    drawn = [
        (each.title, inline_svg(each.figure, f"l{place}", clean(each.alt)), each.alt)
        for place, each in enumerate(leaflet.pictures)
        if each.figure is not None
    ]
    return _template().render(
        leaflet=leaflet,
        pictures=drawn,
        tables=[(title, shown, csv_link(data)) for title, shown, data in leaflet.tables],
        light=LIGHT,
        dark=DARK,
    )


@functools.cache
def _template() -> jinja2.Template:
    return environment(cell=_cell, short=short_name, clean=clean).get_template("leaflet.html")


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:,.4g}"
    return clean(value)
