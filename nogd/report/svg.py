"""From a canvas to an SVG element that can stand in a page beside others."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree as ET

from matplotlib.figure import Figure as Canvas

from nogd.report.look import THEME

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
_FONT = "'DejaVu Sans', sans-serif"


def inline_svg(canvas: Canvas, prefix: str, alt: str) -> str:
    """The canvas as one `<svg>` element: its ids begin with `prefix`, its colours follow the page's scheme.

    Call inside of `house_style()`, so that text stays text and equal canvases give equal bytes.
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
    return ET.tostring(root, encoding="unicode")


def _used_ids(root: ET.Element) -> set[str]:
    used: set[str] = set()
    for element in root.iter():
        for key, value in element.attrib.items():
            used.update(_USED_ID.findall(value))
            if key == _LINK or key == "href":
                used.add(value.removeprefix("#"))
    return used


def _tidy(element: ET.Element, prefix: str, used: set[str]) -> None:
    """Prefix ids and drop those that nothing refers to; shorten numbers; give colours their names."""
    identity = element.attrib.pop("id", None)
    if identity in used:
        element.set("id", f"{prefix}-{identity}")
    link = element.attrib.pop(_LINK, None)
    if link is not None:
        element.set("href", f"#{prefix}-{link.removeprefix('#')}")
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


def _themed(match: re.Match[str]) -> str:
    name = THEME.get(match[0])
    return f"var({name}, {match[0]})" if name else match[0]
