"""How a run stands at a moment, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class RunProgress:
    """How a run stands at a moment.

    done_before: of `done`, those that were there when it began. running: names, and seconds since they began.
    spent: seconds since it began. ended: whether it is over, or was interrupted.
    """

    total: int
    done: int
    done_before: int
    failed: int
    running: tuple[tuple[str, float], ...]
    complaints: tuple[str, ...]
    spent: float
    written: datetime
    ended: bool

    @property
    def missing(self) -> int:
        """Cells that have no run yet."""
        return self.total - self.done

    @property
    def left(self) -> float | None:
        """Seconds that the rest will take if it goes on like this; None where nothing has finished yet."""
        here = self.done - self.done_before
        return self.spent / here * self.missing if here else None
