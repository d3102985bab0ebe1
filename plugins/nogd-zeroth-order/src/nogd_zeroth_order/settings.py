"""Hyper-parameters that several learners share, described once."""

from __future__ import annotations

from typing import Any

from pydantic import Field


def sigma(default: float) -> Any:
    """How far from theta a learner looks."""
    return Field(
        default,
        gt=0,
        allow_inf_nan=False,
        description="standard deviation of a perturbation, in theta's units",
    )


def pairs(default: int) -> Any:
    """How many candidates a step scores, where they come in pairs."""
    return Field(
        default, ge=2, multiple_of=2, description="candidates of a step, two for each random direction"
    )


def first_step(default: float) -> Any:
    """What stands in for a learning rate."""
    return Field(
        default,
        gt=0,
        allow_inf_nan=False,
        description="length of the first step, and most of any, as a share of the search box's mean width; it sets the"
        " rate where `lr` is not given",
    )
