"""From a canvas to an SVG element that can stand in a page beside others."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from xml.etree import ElementTree as ET

from matplotlib.artist import Artist
from matplotlib.figure import Figure as Canvas

from nogd.report.look import THEME
from nogd.report.names import short_name

_SVG = "http://www.w3.org/2000/svg"
_DROPPED = {f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"}
"""A style sheet inside of an SVG rules the whole page; the page has matplotlib's one rule in its own."""
_LINK = "{http://www.w3.org/1999/xlink}href"
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}
_LONG_NUMBER = re.compile(r"(-?\d+\.\d\d)\d+")
_COLOUR = re.compile(r"#[0-9a-f]{6}\b")
_SPACES = re.compile(r"\s+")
_USED_ID = re.compile(r"url\(#([^)]+)\)")
_ROUNDED = ("d", "x", "y", "width", "height", "transform")
_NAMED = "name:"
_FONT = "'DejaVu Sans', sans-serif"


def named(artists: Iterable[Artist], name: object) -> None:
    """Tell what these lines, bars or bands are: the page says so when the mouse is over them."""
    for artist in artists:
        artist.set_gid(f"{_NAMED}{short_name(name, 120)}")


def inline_svg(canvas: Canvas, prefix: str, alt: str) -> str:
    """The canvas as one `<svg>` element: its ids begin with `prefix`, its colours follow the page's scheme.

    What has a name (see `named`) gets it as a `<title>`. The style property `--w` is the width in inches as it was
    drawn. Call inside of `house_style()`, so that text stays text and equal canvases give equal bytes.
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
    root.set("role", "img")
    root.set("aria-label", alt)
    root.set("style", f"--w:{canvas.get_size_inches()[0]:.2f}")
    return ET.tostring(root, encoding="unicode")


def _used_ids(root: ET.Element) -> set[str]:
    used: set[str] = set()
    for element in root.iter():
        for key, value in element.attrib.items():
            used.update(_USED_ID.findall(value))
            if key in {_LINK, "href"} and value.startswith("#"):
                used.add(value.removeprefix("#"))
    return used


def _tidy(element: ET.Element, prefix: str, used: set[str]) -> None:
    """Prefix ids and drop those that nothing refers to; shorten numbers; give colours their names."""
    identity = element.attrib.pop("id", None)
    if identity in used:
        element.set("id", f"{prefix}-{identity}")
    elif identity is not None and identity.startswith(_NAMED):
        _title(element, identity.removeprefix(_NAMED))
    link = element.attrib.pop(_LINK, None)
    if link is not None:  # a picture inside of the drawing keeps its data: link
        element.set("href", f"#{prefix}-{link.removeprefix('#')}" if link.startswith("#") else link)
    for key, value in element.attrib.items():
        if key in _ROUNDED:
            element.set(key, _LONG_NUMBER.sub(r"\1", _SPACES.sub(" ", value.strip())))
        elif key in {"style", "fill", "stroke"}:
            element.set(key, _COLOUR.sub(_themed, value).replace(_FONT, "system-ui, sans-serif"))
        if "url(#" in value:
            element.set(key, element.attrib[key].replace("url(#", f"url(#{prefix}-"))
    for part in ("text", "tail"):
        if not (getattr(element, part) or "").strip():
            setattr(element, part, None)


def _title(element: ET.Element, name: str) -> None:
    title = ET.Element(f"{{{_SVG}}}title")
    title.text = name
    element.insert(0, title)
    element.set("class", "named")


def _themed(match: re.Match[str]) -> str:
    name = THEME.get(match[0])
    return f"var({name}, {match[0]})" if name else match[0]
