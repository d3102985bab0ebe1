"""Sets of parameter vectors, described by their structure, and which engine scores them."""

from __future__ import annotations
