"""Classes in a plane as pictures: coloured regions, and points in shapes of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.colors import to_hex, to_rgb
from matplotlib.markers import MarkerStyle
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from numpy.typing import NDArray

from nogd.report.drawing.style import PAPER

Box = tuple[float, float, float, float]
"""Left, right, low and high."""

CLASS_COLOURS = tuple(to_hex(colour) for colour in sns.color_palette("colorblind", 10))
CLASS_MARKS = ("D", "s", "^", "v")
# So few steps that a picture is a few hundred bytes, and a step can be seen.
_STEPS = 4
_FAINTEST, _FULLEST = 0.2, 0.68
_RADIUS = 0.016  # of the picture's width


def regions(shares: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGBA `[height, width, 4]`: the likeliest class's colour, the more opaque the surer; the page shows through.

    shares: of 255, `[C, height, width]`; a single one is the second class's, of two.
    """
    likelihood = shares.astype(float) / 255
    if len(likelihood) == 1:
        likelihood = np.stack([1 - likelihood[0], likelihood[0]])
    classes = len(likelihood)
    sure = (likelihood.max(axis=0) - 1 / classes) / (1 - 1 / classes)
    step = np.minimum(np.floor(np.clip(sure, 0, 1) * _STEPS), _STEPS - 1) / (_STEPS - 1)
    colours = np.array([to_rgb(CLASS_COLOURS[index % len(CLASS_COLOURS)]) for index in range(classes)])
    alpha = _FAINTEST + (_FULLEST - _FAINTEST) * step
    picture = np.concatenate([colours[likelihood.argmax(axis=0)], alpha[..., None]], axis=-1)
    return np.asarray(np.rint(picture * 255), dtype=np.uint8)


def class_points(inputs: NDArray[Any], classes: NDArray[Any], box: Box) -> Iterator[PathPatch]:
    """The points of each class as one path: hundreds of them in thirty pictures must stay small.

    inputs: `[N, 2]`, classes: `[N]`, box: the picture's.
    """
    size = _RADIUS * np.array([box[1] - box[0], box[3] - box[2]])
    for index in np.unique(classes).astype(int):
        mark = MarkerStyle(CLASS_MARKS[index % len(CLASS_MARKS)])
        outline = mark.get_path().transformed(mark.get_transform())
        corners = np.array(outline.vertices, dtype=float) * 2 * size
        centres = inputs[classes == index]
        path = Path.make_compound_path(*[Path(corners + centre, outline.codes) for centre in centres])
        yield PathPatch(
            path, facecolor=CLASS_COLOURS[index % len(CLASS_COLOURS)], edgecolor=PAPER, linewidth=0.4
        )
