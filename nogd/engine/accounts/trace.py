"""Every improvement of the best training loss scored so far, with its cost: tells when any target was first reached."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nogd.engine.accounts.ledger import Ledger

COLUMNS = ("evaluations", "forwards", "flops", "seconds", "loss")
# Beyond this many improvements every second one is dropped: a target is then known to within its neighbour.
MOST = 8192


class Trace:
    """The improvements as rows of COLUMNS; `best` is the last one's loss, infinity before the first."""

    def __init__(self) -> None:
        self.best = math.inf
        self._rows: list[tuple[float, ...]] = []

    def extend(self, losses: Tensor, ledger: Ledger) -> None:
        """Note which of the just counted candidates' losses `[P]` improve on all before them."""
        after = len(losses) - 1
        evaluations, forwards, flops, seconds = (
            ledger.evaluations,
            ledger.forwards,
            ledger.flops,
            ledger.seconds,
        )
        best = self.best
        for k, loss in enumerate(losses.tolist()):
            if loss < best:
                best = loss
                behind = after - k
                self._rows.append((evaluations - behind, forwards - behind, flops, seconds, loss))
        self.best = best
        if len(self._rows) > MOST:
            self._rows = self._rows[:1] + self._rows[1:-1:2] + self._rows[-1:]

    def table(self) -> Tensor:
        """The improvements, `[K, 5]` in float64."""
        return torch.tensor(self._rows, dtype=torch.float64, device="cpu").reshape(-1, len(COLUMNS))

    def save(self) -> Tensor:
        """What `restore` takes."""
        return self.table()

    def restore(self, table: Tensor) -> None:
        """Go on from a saved trace."""
        self._rows = [tuple(row) for row in table.tolist()]
        self.best = self._rows[-1][-1] if self._rows else math.inf
