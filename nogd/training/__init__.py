"""Learners, and the loop that lets one of them work on an objective until its budget is spent."""

from __future__ import annotations
