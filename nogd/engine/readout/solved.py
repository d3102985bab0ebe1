"""Candidates whose last layer was solved."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from nogd.engine.candidates.scoring import Described
from nogd.engine.candidates.unit import UnitWeights
from nogd.engine.readout.head import Head


@dataclass(frozen=True, eq=False)
class Readout:
    """P candidates with the last layer solved, themselves a set of candidates.

    :param losses: the objective's own loss of each, `[P]`, as `objective.losses` gives it.
    :param values: what was minimised, `[P]`: the loss that was solved for, and the ridge.
    :param is_own: whether that is the objective's own loss.
    :param weights: of the last layer, `[P, out, features]`; behind them its bias, if that is searched.
    :param left_out: the loss that was solved for, of each example by a last layer that was not fitted to it, `[P, N]`;
        None if that was not asked for.
    """

    losses: Tensor
    values: Tensor
    is_own: bool
    weights: Tensor
    _candidates: Described | UnitWeights
    _head: Head
    left_out: Tensor | None = None

    def __len__(self) -> int:
        return len(self.losses)

    @property
    def dimension(self) -> int:
        """D."""
        return self._candidates.dimension

    def dense(self) -> Tensor:
        """All of them written out, `[P, D]`."""
        return self._head.put(self._candidates.dense(), self.weights)

    def at(self, k: int) -> Tensor:
        """Candidate k, `[D]`."""
        return self._head.put(self._candidates.at(k)[None], self.weights[[k]])[0]
