"""A learner looks the same in every figure and report, and thirty of them stay legible."""

from __future__ import annotations

import json
import re
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_data import make_results

from nogd.report.drawing.canvas import handles
from nogd.report.drawing.style import DARK, GREY, IN_COLOUR, LIGHT, MARKERS, THEME, looks, looks_of
from nogd.report.figure import Comparison

pytestmark = pytest.mark.met_in("test_report_states.py")

FIXED = json.loads(files("nogd.tasks").joinpath("comparison.json").read_text(encoding="utf-8"))["looks"]
NAMES = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=30), unique=True, max_size=80)


def pair(look):
    return look.colour, look.marker


@given(NAMES)
def test_learners_with_a_fixed_look_keep_it_whoever_else_takes_part(others):
    alone = looks(FIXED)
    together = looks(sorted({*FIXED, *others}))
    assert all(pair(together[name]) == pair(alone[name]) for name in FIXED)


@given(st.text(min_size=1).filter(lambda name: name not in FIXED), st.sets(st.sampled_from(FIXED)))
def test_any_other_learner_keeps_its_marker_whichever_of_them_take_part(name, others):
    assert looks(sorted({name, *others}))[name].marker == looks([name])[name].marker


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_learner_beside_one_that_looks_otherwise_keeps_its_own_look(name, other):
    own, theirs = looks([name])[name], looks([other])[other]
    if own.colour != theirs.colour and own.marker != theirs.marker:
        assert pair(looks(sorted({name, other}))[name]) == pair(own)


@given(st.text(min_size=1), st.text(min_size=1))
def test_a_learner_that_must_change_its_marker_keeps_its_colour(name, other):
    own, theirs = looks([name])[name], looks([other])[other]
    if own.colour != theirs.colour:
        assert looks(sorted({name, other}))[name].colour == own.colour


@given(st.sets(st.text(min_size=1), max_size=IN_COLOUR))
def test_as_long_as_there_are_colours_for_all_no_two_share_a_marker(names):
    found = looks(sorted(names)).values()
    assert len({look.marker for look in found}) == len({look.colour for look in found}) == len(names)


@given(st.sets(st.text(min_size=1), max_size=IN_COLOUR - len(FIXED)))
def test_nobody_has_the_marker_of_a_learner_with_a_fixed_look(others):
    found = looks(sorted({*FIXED, *others}))
    for name in FIXED:
        assert [each for each, look in found.items() if look.marker == found[name].marker] == [name]


def test_a_sequence_has_another_marker_than_the_learner_it_ends_in():
    found = looks(["adam", "grid-search+adam", "nelder-mead+adam", "sgd"])
    assert all(look.marker != found["adam"].marker for name, look in found.items() if name != "adam")


@given(NAMES)
def test_no_two_look_alike_and_no_colour_is_used_twice_before_all_are_used(names):
    found = [pair(look) for look in looks(names).values()]
    assert len(set(found)) == min(len(names), len(LIGHT) * len(MARKERS))
    assert len({colour for colour, _ in found}) >= min(len(names), len(LIGHT))


def test_with_many_learners_the_best_and_the_baselines_have_colours_and_the_rest_is_grey():
    crowd = [f"learner-{number:02}" for number in range(28)]
    comparison = Comparison.of(make_results(["adam", "random-search", *crowd], ["iris", "wine"], 2))
    shown = looks_of(comparison)
    loud = [name for name, look in shown.items() if not look.quiet]
    assert len(loud) == IN_COLOUR
    assert {"adam", "random-search", *comparison.board.table["learner"][:4]} <= set(loud)
    assert len({shown[name].colour for name in loud}) == IN_COLOUR
    assert {look.colour for look in shown.values() if look.quiet} == {GREY}


def test_one_learner_in_grey_is_named_several_are_counted():
    nine = looks(
        [f"learner-{number}" for number in range(9)], loud=[f"learner-{number}" for number in range(8)]
    )
    assert [each.get_label() for each in handles(list(nine.values()))][-1] == "learner-8"
    few = looks(["a", "b", "c"], loud=["a"])
    assert [each.get_label() for each in handles(list(few.values()))] == ["a", "2 more, in grey"]


def test_few_learners_all_have_colours():
    assert not any(look.quiet for look in looks_of(Comparison.of(make_results(repetitions=1))).values())


def luminance(colour):
    part = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_every_colour_can_be_seen_on_its_page():
    css = files("nogd.report.forms").joinpath("templates/page.css").read_text(encoding="utf-8")
    light, dark = re.findall(r"--paper: (#[0-9a-f]{6})", css)[:2]
    assert min(contrast(colour, light) for colour in (*LIGHT, GREY)) >= 3
    assert min(contrast(colour, dark) for colour in (*DARK, GREY)) >= 3
    assert GREY not in THEME
