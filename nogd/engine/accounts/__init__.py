"""What a run may spend and what it has spent."""

from __future__ import annotations
