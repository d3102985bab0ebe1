"""The part of an objective that knows the last layer of its network."""

from __future__ import annotations

from functools import cached_property

from nogd.engine.accounts.ledger import Ledger
from nogd.engine.accounts.stopwatch import Stopwatch
from nogd.engine.network import Network
from nogd.engine.outputs_and_layers import Scorer
from nogd.engine.readout.head import Head, find_head
from nogd.errors import InvalidSetting


class LastLayer:
    """Looks for a last, linear layer once it is asked for, as a module that is no chain is called for that."""

    warming: Stopwatch
    _scorer: Scorer
    _ledger: Ledger

    @cached_property
    def _head(self) -> Head | None:
        if not isinstance(self._scorer, Network):
            return None
        with self._ledger.clock, self.warming:
            return find_head(self._scorer)

    def _ends_linear(self) -> Head:
        if self._head is None:
            raise InvalidSetting(
                "there is no readout here: the network must end in a linear layer, whose searched weights are used"
                " nowhere else, and which gives one vector for each example in memory."
            )
        return self._head
