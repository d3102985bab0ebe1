"""What all pictures share: the canvas, the style of a learner, and the way to SVG."""

from __future__ import annotations
