"""What lies far outside of its axes is cut off: neither PDF readers nor browsers stand numbers of any size."""

from __future__ import annotations

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure as MplFigure
from matplotlib.patches import Polygon, Rectangle
from matplotlib.path import Path
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox, Transform
from numpy.typing import ArrayLike

MARGIN = 0.5
"""How much further than the axes a drawing may go, on each side, in widths and heights of the axes."""


def keep_near(canvas: MplFigure) -> None:
    """Cut what is drawn from data far outside of the axes' limits; what is seen stays as it is.

    matplotlib itself cuts lines at the canvas's edge, but neither bands, bars and intervals nor texts.
    """
    for axes in canvas.axes:
        box = Bbox(axes.bbox.expanded(1 + 2 * MARGIN, 1 + 2 * MARGIN).get_points())
        for artist in axes.get_children():
            if artist is not axes.patch:
                _keep(artist, box, axes)


def _keep(artist: Artist, box: Bbox, axes: Axes) -> None:
    if isinstance(artist, PolyCollection | LineCollection):
        for path in artist.get_paths():
            _cut(path, artist.get_transform(), box, filled=isinstance(artist, PolyCollection))
    elif isinstance(artist, Rectangle):
        _cut_rectangle(artist, box)
    elif isinstance(artist, Polygon):
        _cut(artist.get_path(), artist.get_transform(), box, filled=True)
    elif isinstance(artist, Text) and not isinstance(artist, Annotation):
        place = artist.get_transform().transform(artist.get_position())
        around = Bbox(axes.figure.bbox.get_points())
        artist.set_visible(artist.get_visible() and _inside([place], Bbox.union([around, box])))


def _cut(path: Path, to_pixels: Transform, box: Bbox, *, filled: bool) -> None:
    """Leave of a path what is in a box of pixels."""
    shown = to_pixels.transform_path(path)
    if not _inside(shown.vertices, box):
        left, low, right, high = map(float, box.extents)
        cut = shown.cleaned(clip=(left, low, right, high), simplify=False)
        cut = shown.clip_to_bbox(box) if filled else cut
        path.vertices = np.asarray(to_pixels.inverted().transform(cut.vertices))
        path.codes = np.asarray([] if cut.codes is None else cut.codes, dtype=np.uint8)


def _cut_rectangle(shape: Rectangle, box: Bbox) -> None:
    to_pixels = shape.get_data_transform()
    corners = to_pixels.transform(shape.get_bbox().get_points())
    if not _inside(corners, box):
        (left, low), (right, high) = to_pixels.inverted().transform(np.clip(corners, box.min, box.max))
        shape.set_bounds(left, low, right - left, high - low)


def _inside(points: ArrayLike, box: Bbox) -> bool:
    """Whether all points are in a box, of those that are numbers."""
    told = np.asarray(points, dtype=float)
    told = told[~np.isnan(told).any(axis=1)]
    return bool(((told >= box.min) & (told <= box.max)).all())
