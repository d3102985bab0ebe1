"""Where the bench takes its seeds from: the same hash that tasks split by."""

from __future__ import annotations

from nogd.seeds import derive

__all__ = ["derive"]
