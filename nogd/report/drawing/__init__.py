"""What all pictures share: the canvas and its axes, how a learner looks, and the way to SVG.

From outside: everything, by figures of nogd's own and of plugins.
"""

from __future__ import annotations
