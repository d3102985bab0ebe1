"""The part of an objective that watches what the candidates are shown while they are scored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor

from nogd.engine.accounts.till import Till
from nogd.engine.inputs.moments import Moments
from nogd.engine.network import Network
from nogd.engine.outputs_and_layers import Scorer
from nogd.engine.simulation import Simulation
from nogd.errors import InvalidSetting


class WatchSide:
    """Moments of the inputs; of a simulated world these are known only once candidates have acted in it."""

    _scorer: Scorer
    _till: Till
    _watched: Moments | None = None

    @contextmanager
    def watching(self) -> Iterator[Moments]:
        """Gather number, mean and variance of the inputs that candidates are shown by `losses` in the block; used as
        `with objective.watching() as seen:`.

        Of a policy that is each observation in a step that counts; of data in memory the rows of each call, once, as
        all candidates of a call see the same. What is measured for the record is not seen. Counts nothing. It is for
        one thread.

        :raises InvalidSetting: where "observations" is not among the features.
        """
        if not watched_layers(self._scorer):
            raise InvalidSetting(
                "inputs cannot be watched here: that needs a chain of layers with one input."
            )
        self._till.used("closed-form")
        outer, self._watched = self._watched, Moments.none()
        self._tell()
        try:
            yield self._watched
        finally:
            self._watched = outer
            self._tell()

    def _tell(self) -> None:
        if isinstance(self._scorer, Simulation):
            self._scorer.watched = self._watched

    def _show(self, rows: Tensor | None) -> None:
        """Count in what the candidates of a call are shown of the data."""
        if self._watched is not None and isinstance(self._scorer, Network):
            inputs, _ = self._scorer.batch(rows)
            assert isinstance(inputs, Tensor)  # a chain takes one
            self._watched.add(inputs)


def watched_layers(scorer: Scorer) -> bool:
    """Whether it is known where the inputs go, and what they are."""
    return isinstance(scorer, Network | Simulation) and bool(scorer.layers)
