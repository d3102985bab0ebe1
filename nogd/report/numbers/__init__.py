"""Statistics and tables of a comparison: arrays and tables in, numbers out."""

from __future__ import annotations
