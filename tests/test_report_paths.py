"""Paths of drawings in few letters: nothing moves by it."""

from __future__ import annotations

import re
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


@given(LINES)
def test_every_point_stays_where_it_was(lines):
    told = " ".join(
        f"M {line[0][0]} {line[0][1]}" + "".join(f" L {x} {y}" for x, y in line[1:]) for line in lines
    )
    assert points(in_steps(told)) == [[(x, y) for x, y in line] for line in lines]


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
