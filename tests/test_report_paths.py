"""Paths of drawings in few letters: nothing moves by it."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nogd.report.drawing.paths import in_steps, without_idle_groups

TENTHS = st.integers(-9999, 9999).map(lambda number: number / 10)
LINES = st.lists(st.lists(st.tuples(TENTHS, TENTHS), min_size=1, max_size=9), min_size=1, max_size=3)


def points(path: str) -> list[list[tuple[float, float]]]:
    """Where a path of steps goes."""
    found = []
    for line in path.split("M")[1:]:
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", line)]
        pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
        at = [pairs[0]]
        for x, y in pairs[1:]:
            at.append((at[-1][0] + x, at[-1][1] + y))
        found.append([(round(x, 1), round(y, 1)) for x, y in at])
    return found


def distance(point, line) -> float:
    """From a point to the nearest place of a line."""
    if len(line) == 1:
        return math.dist(point, line[0])
    return min(to_stretch(point, *ends) for ends in pairwise(line))


def to_stretch(point, one, other) -> float:
    size = math.dist(one, other)
    along = sum((p - a) * (b - a) for p, a, b in zip(point, one, other, strict=True))
    share = min(max(along / size**2, 0), 1) if size else 0
    return math.dist(point, [a + share * (b - a) for a, b in zip(one, other, strict=True)])


@given(LINES)
def test_a_line_stays_where_it_was(lines):
    told = " ".join(
        f"M {line[0][0]} {line[0][1]}" + "".join(f" L {x} {y}" for x, y in line[1:]) for line in lines
    )
    for line, kept in zip(lines, points(in_steps(told)), strict=True):
        assert (kept[0], kept[-1]) == (line[0], line[-1])
        assert set(kept) <= set(line)
        assert all(distance(point, kept) <= 0.15001 for point in line)


def test_a_straight_stretch_is_its_ends():
    assert in_steps("M 0 5 L 1 5 L 2 5 L 2 4 L 3 4 L 4 4") == "M0 5l2 0 0-1 2 0"
    assert in_steps("M 0 0 L 1 1.1 L 2 1.9 L 3 3 L 3 9") == "M0 0l3 3 0 6"
    assert in_steps("M 0 5 L 4 5 L 2 5") == "M0 5l4 0-2 0"


def test_a_long_line_takes_no_longer_for_each_of_its_points():
    told = in_steps("M 0 0" + "".join(f" L {x / 10} 0" for x in range(1, 500)))
    assert 500 / 45 < len(points(told)[0]) < 500 / 35


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("M 1 2 L 3 4 5 -6.5", "M1 2l2 2 2-10.5"),
        ("M 0 0 L 10 0 L 10 10 z", "M0 0l10 0 0 10z"),
        ("M 1 1 L 2 2 M 5 5 L 6 6", "M1 1l1 1M5 5l1 1"),
        ("M 7 8", "M7 8"),
        ("M 0 3 C 1 2 3 4 5 6 z", "M 0 3 C 1 2 3 4 5 6 z"),
        ("M 1 1 2 2 z M 3 3 4 4 z", "M 1 1 2 2 z M 3 3 4 4 z"),
        ("M 1e30 2 L 3 4", "M 1e30 2 L 3 4"),
        ("", ""),
    ],
)
def test_lines_are_told_in_steps_and_all_else_is_left(path, told):
    assert in_steps(path) == told


def test_groups_that_say_nothing_go_and_their_content_stays_in_order():
    space = "http://www.w3.org/2000/svg"
    root = ET.fromstring(f'<svg xmlns="{space}"><g><g class="a"><g><p/></g></g><g><q/></g></g><r/></svg>')
    without_idle_groups(root)
    told = [(each.tag.rpartition("}")[2], each.attrib) for each in root.iter()]
    assert told == [("svg", {}), ("g", {"class": "a"}), ("p", {}), ("q", {}), ("r", {})]
