"""Hyper-parameters that several learners have, declared once: they mean the same everywhere."""

from __future__ import annotations

from typing import Any

from pydantic import Field


def sigma(description: str) -> Any:
    """A deviation or a length, positive and finite; a share of the search box if not given.

    :param description: what it is of, and how large a share.
    """
    return Field(None, gt=0, allow_inf_nan=False, description=description)


def pairs(default: int) -> Any:
    """The number of candidates of a step, an even one."""
    return Field(default, ge=2, multiple_of=2, description="candidates of a step, half of them mirrored")
