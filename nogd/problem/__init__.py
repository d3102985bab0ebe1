"""Tasks and data sets: what a comparison fixes before any learner starts."""

from __future__ import annotations
