"""How a network is scored: as the function that its user will use, or as gradient descent usually trains it."""

from __future__ import annotations

from typing import Literal, cast, get_args

from nogd.errors import InvalidSetting

Mode = Literal["eval", "train"]


def checked_mode(mode: object, whose: str = "mode") -> Mode:
    """The mode, if it is one. Raises InvalidSetting. whose: what the message calls it."""
    if mode not in get_args(Mode):
        raise InvalidSetting(
            f'{whose} must be "eval" (the network as its user will use it) or "train" (Dropout and batch statistics as'
            f" in training), not {mode!r:.60}."
        )
    return cast(Mode, mode)
