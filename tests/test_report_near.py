"""Nothing is written at places far outside of a picture, however far the data go: PDF readers and browsers fail."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from figure_states import state
from matplotlib.patches import Polygon
from pypdf import PdfReader

from nogd.plugins.manager import Plugins, PluginSettings
from nogd.report.drawing.canvas import house_style, new_canvas, place_axes
from nogd.report.drawing.near import keep_near
from nogd.report.drawing.svg import inline_svg
from nogd.report.forms.pdf import pdf
from nogd.report.forms.pdf_pages import Sheet, bound
from nogd.report.forms.sections import draw_canvases

pytestmark = pytest.mark.met_in("test_report_states.py")

PLACES = ("d", "x", "y", "width", "height", "transform")
FAR = 1e30
BOUND = 50_000
"""Points: what readers of PDF and browsers stand; a line that matplotlib cuts itself may end some canvases away."""


def numbers(svg: str) -> list[float]:
    """All numbers that say where something is."""
    told = " ".join(element.get(key, "") for element in ET.fromstring(svg).iter() for key in PLACES)
    return [abs(float(number)) for number in re.findall(r"-?\d+\.?\d*(?:e[+-]?\d+)?", told)]


def drawn_by(draw, log=False, far=FAR):
    canvas = new_canvas(3)
    axes = place_axes(canvas, 0.5, 0.5, 0.5, 0.5)
    draw(axes, far)
    if log:
        axes.set_yscale("log")
    axes.set_xlim(1, 3)
    axes.set_ylim(1, 3)
    return canvas


SHAPES = {
    "band": lambda axes, far: axes.fill_between([1, 2, 3], [1, 1, -far], [2, far, 2.5]),
    "bars": lambda axes, far: axes.barh([1, 2], [far, -far], height=0.5),
    "columns": lambda axes, far: axes.bar([1, 2], [far, 2]),
    "intervals": lambda axes, far: axes.hlines([1, 2], [-far, 1], [far, 2]),
    "upright intervals": lambda axes, far: axes.vlines([1, far], [1, 1], [far, 2]),
    "region": lambda axes, far: axes.axvspan(-far, far),
    "polygon": lambda axes, far: axes.add_patch(Polygon([[1, 1], [2, far], [far, 1]])),
    "line": lambda axes, far: axes.plot([1, 2, 3], [1, far, -far], marker="o"),
    "text": lambda axes, far: axes.text(far, 1, "far away"),
    "cells": lambda axes, far: axes.scatter([1, far], [far, 2]),
}


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_no_shape_goes_far_beyond_its_axes(shape, log):
    canvas = drawn_by(SHAPES[shape], log)
    with house_style():
        keep_near(canvas)
        assert max(numbers(inline_svg(canvas, "p", "A shape."))) < BOUND
        [page] = PdfReader(io.BytesIO(bound([Sheet(canvas)], "shape"))).pages
    assert "far away" not in page.extract_text()


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_seen_stays_as_it_was(shape):
    def pixels(canvas):
        buffer = io.BytesIO()
        canvas.savefig(buffer, format="raw", dpi=50)
        return np.frombuffer(buffer.getvalue(), dtype=np.uint8).astype(int)

    canvas = drawn_by(SHAPES[shape], far=5e3)
    with house_style():
        before = pixels(canvas)
        keep_near(canvas)
        after = pixels(canvas)
    assert np.mean(np.abs(before - after) > 40) < 0.002


def test_a_cut_band_keeps_its_slope_inside_of_the_axes():
    """Moving a far corner to the margin instead of cutting would tilt the edge."""
    canvas = drawn_by(lambda axes, far: axes.fill_between([1, 2], [1, 1], [1, 101]))
    keep_near(canvas)
    [path] = canvas.axes[0].collections[0].get_paths()
    above = path.vertices[path.vertices[:, 1] > 1.001]
    steep = above[above[:, 0] < 1.99]
    assert len(steep)
    np.testing.assert_allclose((steep[:, 1] - 1) / (steep[:, 0] - 1), 100, rtol=1e-6)


@pytest.mark.parametrize("name", ["diverged", "all diverged"])
def test_every_picture_of_a_diverged_run_stays_near(name):
    entries = Plugins(PluginSettings(thirdparty=False)).figures
    canvases = draw_canvases(state(name), entries)
    assert any(each.startswith("learning-curves") for each in canvases)
    with house_style():
        for title, canvas in canvases.items():
            assert max(numbers(inline_svg(canvas, "p", "A picture."))) < BOUND, title


def test_a_pdf_of_a_diverged_run_has_no_place_far_beyond_its_pages():
    pages = PdfReader(io.BytesIO(pdf(state("diverged")))).pages
    assert any("Learning curves" in page.extract_text() for page in pages)
    for page in pages:
        told = re.findall(rb"-?\d+\.?\d* -?\d+\.?\d* [ml]\n", page.get_contents().get_data())
        assert max((abs(float(number)) for pair in told for number in pair.split()[:2]), default=0) < BOUND
