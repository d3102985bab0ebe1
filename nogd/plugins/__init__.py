"""Plugins and what they offer: found, loaded, isolated and looked up by name."""

from __future__ import annotations
