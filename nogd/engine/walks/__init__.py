"""Walks along single coordinates: only what lies downstream of the changed unit is computed."""

from __future__ import annotations
