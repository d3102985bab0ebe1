"""What a look at outputs and data buys over losses alone: a better score, and the same one after fewer forwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from pandas import Series

from nogd.leaderboard.reaching import reaching
from nogd.leaderboard.standing import Standing

LOSSES = ("losses",)
OUTPUTS = ("outputs", "closed-form")
"""Classes that look at outputs and data, and at no derivative."""


@dataclass(frozen=True, eq=False)
class Bought:
    """The best learner that looks at outputs beside the best that is told losses alone.

    shares: by task, the share of the budget after which more than half of the first's runs are as good on test data as
    the second's median run at its end; infinite where they never are.
    """

    standing: Standing
    outputs: str
    losses: str
    shares: Series[float]

    @property
    def got_there(self) -> Series[float]:
        """The shares of the tasks where it gets there."""
        return self.shares[np.isfinite(self.shares)]


def bought(standings: Sequence[Standing]) -> Iterator[Bought]:
    """What outputs buy in each field that has learners of both kinds, with everybody's defaults."""
    for each in standings:
        outputs, losses = each.first_of(OUTPUTS), each.first_of(LOSSES)
        if outputs is not None and losses is not None and not each.field.tuned:
            paid = reaching(each.field, losses).table
            forwards = paid[paid["learner"] == outputs].set_index("task")["forwards"]
            yield Bought(each, outputs, losses, forwards / each.field.forwards)
