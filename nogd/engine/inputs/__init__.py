"""Data as people have them, turned into tensors that fit a module and each other."""

from __future__ import annotations
