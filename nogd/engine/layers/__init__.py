"""A module read as a plain list of layers, and whole populations scored layer by layer."""

from __future__ import annotations
