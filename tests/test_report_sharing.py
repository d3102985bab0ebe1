"""What neighbours in a drawing share is said once, and nothing is lost by it."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from nogd.report.drawing.sharing import merge_named, share_styles

SPACE = 'xmlns="http://www.w3.org/2000/svg"'
ET.register_namespace("", "http://www.w3.org/2000/svg")


def after(change, inside: str) -> str:
    root = ET.fromstring(f"<svg {SPACE}>{inside}</svg>")
    change(root)
    return ET.tostring(root, encoding="unicode").removeprefix(f"<svg {SPACE}>").removesuffix("</svg>")


def test_three_texts_of_one_style_get_a_group_and_two_do_not():
    one = '<text style="fill:red" x="1">a</text>'
    assert after(share_styles, one * 2) == one * 2
    bare = one.replace(' style="fill:red"', "")
    assert after(share_styles, one * 3) == f'<g style="fill:red">{bare * 3}</g>'


def test_what_lies_between_keeps_its_place():
    texts, path = '<text style="a:b">x</text>' * 3, '<path style="a:b" d="M0 0" />'
    found = after(share_styles, texts + path + texts)
    assert found.count("<g") == 2
    assert found.index("</g>") < found.index("<path") < found.rindex("<g")


def test_transparent_lines_and_axes_that_are_drawn_anew_stay():
    clear = '<path style="fill:red;opacity:0.5" d="M0 0" />' * 3
    assert after(share_styles, clear) == clear
    axis = '<g class="cost">' + '<text style="a:b">x</text>' * 3 + "</g>"
    assert after(share_styles, axis) == axis


def test_groups_of_one_name_become_one_and_others_stay():
    def named(name: str, inside: str, more: str = "") -> str:
        return f'<g class="named" data-learner="{name}"{more}><title>{name}</title>{inside}</g>'

    line, dot = '<path d="M0 0l1 1" />', '<use x="1" />'
    assert after(merge_named, named("a", line) + named("a", dot) + named("b", line)) == named(
        "a", line + dot
    ) + named("b", line)
    apart = named("a", line) + "<text>t</text>" + named("a", line)
    assert after(merge_named, apart) == apart
    own = named("a", line, ' style="x:y"') * 2
    assert after(merge_named, own) == own
