"""The till of a black box: it keeps one call back for a recommendation that was never scored."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, final

from torch import Tensor

from nogd.engine.accounts.ledger import Ledger
from nogd.engine.accounts.meter import BudgetSpent, Limit
from nogd.engine.accounts.till import Recording, Till
from nogd.engine.black_box import BlackBox
from nogd.engine.losses import ranked
from nogd.engine.state import State


@final
class BlackBoxTill(Till):
    """Lets a run have its last call where the recommendation is scored, else keeps it for the end."""

    def __init__(self, ledger: Ledger, box: BlackBox) -> None:
        super().__init__(ledger)
        self._box = box
        self._scored: Tensor | None = None  # the last recommendation that was

    def begin(
        self, start: Tensor, limit: Limit, recorder: Recording | None, target: float | None, seed: int
    ) -> None:
        super().begin(start, limit, recorder, target, seed)
        self._scored = None
        self._box.begin(self.target)

    def save(self) -> dict[str, Any]:
        return super().save() | {"scores": self._box.save(), "scored": self._scored}

    def restore(self, saved: dict[str, Any]) -> None:
        super().restore(saved)
        self._box.restore(saved["scores"])
        self._scored = saved["scored"]

    @property
    def left(self) -> Limit:
        left, mine = super().left, self._without_kept(self.limits[0])
        ledger = self.ledger
        return replace(
            left,
            forwards=min(left.forwards, mine.forwards - ledger.forwards),
            evaluations=min(left.evaluations, mine.evaluations - ledger.evaluations),
        )

    def _room(self, limit: Limit, examples: int) -> int:
        return super()._room(self._without_kept(limit) if limit is self.limits[0] else limit, examples)

    def pay(self, evaluations: int, forwarded: int, **more: Any) -> None:
        ledger, run = self.ledger, self._without_kept(self.limits[0])
        forwards = ledger.forwards_after(forwarded + more.get("worked", 0.0), 0, more.get("priced", 0.0))
        if forwards > run.forwards or ledger.evaluations + evaluations > run.evaluations:
            self.refuse(self.limits[0])
        super().pay(evaluations, forwarded, **more)

    def conclude(self) -> None:
        """Score the final recommendation if nobody has; where no call is left, the last one that was scored stands."""
        if self.is_scored or self._pay_kept():
            return
        if self._scored is not None:
            self.follow(State(theta=self._scored, iteration=self.ledger.iterations, phase=self.phase))

    def _pay_kept(self) -> bool:
        """Whether there was a call left; the run's seconds are over, and do not count here."""
        run, paid_at = self.limits[0], self.ledger.paid_at
        self.limits = [Limit(run.forwards, run.evaluations)]
        try:
            super().pay(1, self.ledger.examples_in_set)
        except BudgetSpent:
            return False
        finally:
            self.limits, self.ledger.paid_at = [run], paid_at
        started = time.perf_counter()
        losses = ranked(self._box.losses(self.recommendation[None]))
        self.ledger.inside += time.perf_counter() - started
        self.trace.extend(losses, self.ledger)
        return True

    def _without_kept(self, run: Limit) -> Limit:
        kept = 1 if self.has_begun and not self.is_scored else 0
        return Limit(run.forwards - kept, run.evaluations - kept)

    @property
    def is_scored(self) -> bool:
        theta = self.recommendation
        if self._box.recall(theta) is None:
            return False
        if self._scored is None or not self._scored.equal(theta):
            self._scored = theta.clone()
        return True
