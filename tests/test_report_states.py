"""Every figure that comes with nogd, in every state of a comparison: it draws, or says in a sentence why not."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest
from figure_states import HOSTILE, STATES, state
from matplotlib.figure import Figure as MplFigure

from nogd.errors import UserError
from nogd.plugins.manager import Plugins, PluginSettings
from nogd.report.drawing.canvas import house_style
from nogd.report.drawing.style import THEME
from nogd.report.drawing.svg import inline_svg
from nogd.report.figure import Drawn
from nogd.report.forms.board_text import text_leaderboard
from nogd.report.forms.markdown import markdown
from nogd.report.forms.notebook import notebook
from nogd.report.forms.sections import csv_link, loaded
from nogd.report.numbers.finals import FAILED, NOT_APPLICABLE

BUILT_IN = {entry.name: loaded(entry) for entry in Plugins(PluginSettings(thirdparty=False)).figures}
SENTENCE = re.compile(r"[A-Z][^\n]{10,250}\.")
HIDDEN = re.compile("[\u0000-\u0009\u000b-\u001f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
UNTHEMED = re.compile(rf"(?<!, )(?:{'|'.join(THEME)})")
LONGEST = 1500
"""Letters of an alternative text: a minute and a half, read aloud."""


def drawings(figure, comparison) -> list[Drawn] | str:
    with house_style():
        found = figure.draw(comparison)
    return found if isinstance(found, str) else [found] if isinstance(found, Drawn) else list(found or ())


# As slow as all others together, and drawn by another test too.
CROWDED = pytest.param("thirty learners", marks=pytest.mark.met_in("test_report_pictures.py"))


@pytest.mark.parametrize("name", [CROWDED if name == "thirty learners" else name for name in STATES])
@pytest.mark.parametrize("figure", BUILT_IN.values(), ids=BUILT_IN)
def test_it_draws_or_says_why_not(figure, name):
    comparison = state(name)
    found = drawings(figure, comparison)
    if figure.draw_on:
        assert why_not_on_axes(figure, comparison) == (found if isinstance(found, str) else "")
    if isinstance(found, str):
        assert SENTENCE.fullmatch(found)
        return
    if not found:  # where nothing went wrong there is nothing to say either
        assert figure.name == "failures"
        assert not comparison.runs["status"].isin(FAILED | {NOT_APPLICABLE}).any()
    assert len({each.title for each in found}) == len(found)
    for place, each in enumerate(found):
        _check(each, f"{figure.name}-{place}")


def _check(drawn: Drawn, prefix: str) -> None:
    assert len(drawn.data)
    assert csv_link(drawn.data)
    assert drawn.alt.endswith(".")
    assert len(drawn.alt) < LONGEST
    assert not HIDDEN.search(drawn.alt)
    assert not re.search(r"\b(nan|inf|None)\b", drawn.alt), "a number that is none, read aloud"
    if drawn.figure is None:
        return
    assert max(drawn.figure.get_size_inches()) < 13
    with house_style():
        svg = inline_svg(drawn.figure, prefix, drawn.alt)
    root = ET.fromstring(svg)
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert len(ids) == len(set(ids))
    assert all(identity.startswith(f"{prefix}-") for identity in ids)
    used = set(re.findall(r"url\(#([^)]+)\)", svg)) | set(re.findall(r'href="#([^"]+)"', svg))
    assert used <= set(ids)
    assert not UNTHEMED.search(svg), "a colour that a dark page would not change"
    assert not [element for element in root.iter() if element.tag.rpartition("}")[2] == "script"]
    assert not re.search(r"\b(nan|inf)\b", " ".join(root.itertext()).lower())


def why_not_on_axes(figure, comparison, **options) -> str:
    """What is said where it does not draw; it is given the first task or learner that it asks for."""
    axes = MplFigure().add_subplot()
    try:
        figure.draw_on(axes, comparison, **options)
    except UserError as error:
        asks = re.match(r"give (task|learner)=\.\.\., one of: (.*)", str(error), re.DOTALL)
        if not asks:
            return str(error)
        names = comparison.tasks if asks[1] == "task" else comparison.learners
        first = next(name for name in names if asks[2].startswith(name))
        return why_not_on_axes(figure, comparison, **options, **{asks[1]: first})
    axes.figure.draw_without_rendering()
    return ""


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize("form", [markdown, notebook, text_leaderboard], ids=lambda form: form.__name__)
def test_the_other_forms_stand_every_state(form, name):
    assert form(state(name)).strip()


def test_each_figure_draws_something_of_hostile_names_or_of_other_ones():
    silent = set(BUILT_IN)
    for name in STATES:
        silent -= {each for each in silent if not isinstance(drawings(BUILT_IN[each], state(name)), str)}
    assert silent == set()


def test_hostile_names_are_text():
    [drawn] = drawings(BUILT_IN["scores"], state("hostile names"))
    with house_style():
        svg = inline_svg(drawn.figure, "f", drawn.alt)
    assert "&lt;script&gt;" in svg
    assert "<script" not in svg
    assert HOSTILE[1] not in svg


def test_the_checks_of_numbers_can_fail():
    drawn = drawings(BUILT_IN["scores"], state("one task"))[0]
    with pytest.raises(AssertionError, match="read aloud"):
        _check(Drawn(None, drawn.data, "It ended at nan."), "f")
