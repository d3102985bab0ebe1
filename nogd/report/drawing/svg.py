"""From a canvas to an SVG element that can stand in a page beside others."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Mapping
from xml.etree import ElementTree as ET

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure as MplFigure

from nogd.report.drawing.paths import in_steps, without_idle_groups
from nogd.report.drawing.scales import axes_told
from nogd.report.drawing.sharing import merge_named, share_styles
from nogd.report.drawing.style import THEME
from nogd.report.names import short_name

_SVG = "http://www.w3.org/2000/svg"
_DROPPED = {f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"}
"""A style sheet inside of an SVG rules the whole page; the page has matplotlib's one rule in its own."""
_USE = f"{{{_SVG}}}use"
_LINK = "{http://www.w3.org/1999/xlink}href"
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
_LONG_NUMBER = re.compile(r"-?\d+\.\d\d+")
_NO_TURN = re.compile(r"rotate\(-?0 [^)]*\)")
_COLOUR = re.compile(r"#[0-9a-f]{6}\b")
_SPACES = re.compile(r"\s+")
_USED_ID = re.compile(r"url\(#([^)]+)\)")
_ROUNDED = ("d", "x", "y", "width", "height", "transform")
_NAMED, _SAYS, _RUNS, _CHANGES = "name:", "\ue000", "\ue001", "changes"
_FONT = "font-family: 'DejaVu Sans', sans-serif; "


def named(artists: Iterable[Artist], learner: object, says: str = "", runs: Iterable[str] = ()) -> None:
    """Tell whose these lines, bars or bands are: the page says so under the pointer, and finds them by it.

    learner: "" where it is nobody's; says: what is said in place of the learner's name; runs: the ids of the runs that
    the markers of one line stand for, in its order.
    """
    name = short_name(learner, 120)
    for artist in artists:
        artist.set_gid(f"{_NAMED}{name}{_SAYS}{says or name}{''.join(f'{_RUNS}{run}' for run in runs)}")


def can_change(axes: Axes) -> None:
    """Tell that the page may draw these axes against another cost: their x-axis becomes a group of its own."""
    axes.xaxis.set_gid(_CHANGES)


def inline_svg(canvas: MplFigure, prefix: str, alt: str) -> str:
    """The canvas as one `<svg>` element: its ids begin with `prefix`, its colours follow the page's scheme.

    What has a name (see `named`) gets it as a `<title>`; `data-axes` says where values are. The style property `--w`
    is the width in inches as it was drawn. Call inside of `house_style()`, so that text stays text and equal canvases
    give equal bytes.
    """
    buffer = io.BytesIO()
    canvas.savefig(buffer, format="svg", metadata=_NO_METADATA)
    ET.register_namespace("", _SVG)
    root = ET.fromstring(buffer.getvalue())
    used = _used_ids(root)
    for parent in root.iter():
        for child in [child for child in parent if child.tag in _DROPPED]:
            parent.remove(child)
        _tidy(parent, prefix, used)
    for parent in root.iter():  # after all children have the colours of the page
        _share_style(parent)
    without_idle_groups(root)
    merge_named(root)
    share_styles(root)
    root.set("data-axes", json.dumps(axes_told(canvas), separators=(",", ":")))
    root.set("font-family", "system-ui, sans-serif")
    root.set("role", "img")
    root.set("aria-label", alt)
    root.set("style", f"--w:{canvas.get_size_inches()[0]:.2f}")
    return ET.tostring(root, encoding="unicode")


def _used_ids(root: ET.Element) -> dict[str, str]:
    """The ids that something refers to, and short ones in place of them."""
    used: dict[str, None] = {}
    for element in root.iter():
        for key, value in element.attrib.items():
            used |= dict.fromkeys(_USED_ID.findall(value))
            if key in {_LINK, "href"} and value.startswith("#"):
                used[value.removeprefix("#")] = None
    return {identity: str(place) for place, identity in enumerate(used)}


def _tidy(element: ET.Element, prefix: str, used: Mapping[str, str]) -> None:
    """Prefix ids and drop those that nothing refers to; shorten numbers; give colours their names."""
    identity = element.attrib.pop("id", None)
    if identity is not None and identity in used:
        element.set("id", f"{prefix}-{used[identity]}")
    elif identity is not None and identity.startswith(_NAMED):
        _title(element, identity.removeprefix(_NAMED))
    elif identity == _CHANGES:
        element.set("class", "cost")
    link = element.attrib.pop(_LINK, None)
    if link is not None:  # a picture inside of the drawing keeps its data: link
        element.set("href", f"#{prefix}-{used[link.removeprefix('#')]}" if link.startswith("#") else link)
    if _NO_TURN.fullmatch(element.get("transform", "")):
        del element.attrib["transform"]
    for key, value in element.attrib.items():
        told = _USED_ID.sub(lambda match: f"url(#{prefix}-{used[match[1]]})", value)
        element.set(key, _attribute(key, told))
    for part in ("text", "tail"):
        if not (getattr(element, part) or "").strip():
            setattr(element, part, None)


def _attribute(key: str, value: str) -> str:
    if key in {"style", "fill", "stroke"}:
        style = _COLOUR.sub(_themed, value).replace(_FONT, "")
        return style.replace(": ", ":").replace("; ", ";").replace("text-anchor:start;", "")
    if key not in _ROUNDED:
        return value
    told = _rounded(_SPACES.sub(" ", value.strip()), key)
    return in_steps(told) if key == "d" else told


def _rounded(text: str, key: str) -> str:
    """Numbers to a tenth of a point, which nobody sees; to a hundredth in small curves (markers) and in factors."""
    places = 2 if key == "transform" or "C" in text else 1
    return _LONG_NUMBER.sub(lambda match: f"{float(match[0]):.{places}f}".rstrip("0").removesuffix("."), text)


def _share_style(group: ET.Element) -> None:
    """Markers of one line have one style: it moves to the group that they are in."""
    styles = {child.get("style", "") for child in group}
    if len(group) < 2 or len(styles) > 1 or any(child.tag != _USE for child in group):
        return
    [style] = styles
    if not style or "style" in group.attrib:
        return
    group.set("style", style)
    for child in group:
        del child.attrib["style"]


def _title(element: ET.Element, name: str) -> None:
    learner, _, told = name.partition(_SAYS)
    says, *runs = told.split(_RUNS)
    marks = list(element.iter(_USE))
    for mark, run in zip(marks, runs, strict=True) if len(marks) == len(runs) else ():
        mark.set("data-run", run)
    title = ET.Element(f"{{{_SVG}}}title")
    title.text = says
    element.insert(0, title)
    element.set("class", "named")
    if learner:
        element.set("data-learner", learner)


def _themed(match: re.Match[str]) -> str:
    name = THEME.get(match[0])
    return f"var({name}, {match[0]})" if name else match[0]
