"""One run on several machines: each scores a share of the candidates, and all losses are exchanged.

Every machine does the same run, from the same seed, and so knows all candidates without being told: only losses travel.
What a machine scores is a row of whole pieces as the engine computes them (`candidates/cutting.py`), and everybody puts
the losses together in the order of the candidates, so that the update is, bit for bit, that of one machine. Source of
seeds in place of parameters: Salimans et al. 2017, arXiv:1703.03864.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from nogd.engine.black_box import BlackBox
from nogd.engine.candidates.cutting import Cut, Piece, cut, joined
from nogd.engine.candidates.scoring import Described
from nogd.engine.candidates.sets import Population
from nogd.engine.network import Network
from nogd.engine.simulation import Simulation
from nogd.engine.stream import Stream
from nogd.errors import ProcessError

_MARK = struct.Struct("<dI")
"""The number of the call, and a checksum of what it is asked to score."""


class Exchange(Protocol):
    """How the machines of one run, its shards, reach one another.

    :ivar number: which of them this is, from 0 on.
    :ivar count: how many there are.
    """

    number: int
    count: int

    def gather(self, share: bytes) -> Sequence[bytes]:
        """Give this shard's share of a call, and return everybody's in the order of their numbers.

        Waits for all of them, but not for ever.

        :raises ProcessError: where one does not give its own.
        """


class Sharing:
    """The share of one shard in each call.

    :ivar divided: candidates of calls that were shared, so far.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.divided = 0

    @property
    def count(self) -> int:
        """How many shards there are."""
        return self._exchange.count

    def losses(
        self,
        scorer: Network | Stream | BlackBox | Simulation,
        candidates: Described,
        rows: Tensor | None,
        call: float,
    ) -> Tensor | None:
        """Losses `[P]` of all candidates; None for what has to be scored by everybody.

        call: a number that no other call has.
        """
        if not isinstance(scorer, Network) or scorer.noisy:
            return None
        made = cut(scorer, candidates, rows)
        if made is None or len(made.pieces) < 2:
            return None
        self.divided += len(candidates)
        shares = _divided(made.pieces, self._exchange.count)
        own = self._scored(made, shares[self._exchange.number], scorer)
        mark = _MARK.pack(call, _checksum(candidates, rows))
        told = self._exchange.gather(mark + _bytes(own))
        return _together(told, mark, shares, own.new_empty(len(candidates)))

    @staticmethod
    def _scored(made: Cut, pieces: list[Piece], scorer: Network) -> Tensor:
        """The losses of this shard's candidates; of none where there are more shards than pieces."""
        if pieces:
            return made.score(pieces)
        return torch.empty(0, dtype=scorer.space.dtype, device=scorer.space.device)


def _divided(pieces: list[Piece], count: int) -> list[list[Piece]]:
    """The pieces in order, about as many for each."""
    borders = [number * len(pieces) // count for number in range(count + 1)]
    return [pieces[start:stop] for start, stop in itertools.pairwise(borders)]


def _together(told: Sequence[bytes], mark: bytes, shares: list[list[Piece]], losses: Tensor) -> Tensor:
    for number, (said, pieces) in enumerate(zip(told, shares, strict=True)):
        places = joined(pieces)
        size = len(places) * losses.element_size()
        if said[: _MARK.size] != mark or len(said) != _MARK.size + size:
            raise ProcessError(
                f"the shards of this run do not agree: shard {number} scores other candidates; a run can be shared only"
                " by machines that compute the same bits, with the same versions."
            )
        if places:
            values = torch.frombuffer(bytearray(said[_MARK.size :]), dtype=losses.dtype)
            losses[places] = values.to(losses.device)
    return losses


def _checksum(candidates: Described, rows: Tensor | None) -> int:
    """Of what the candidates are made from; of many vectors, of the first and the last."""
    ends = candidates.thetas[[0, -1]] if isinstance(candidates, Population) else candidates.theta
    found = zlib.crc32(_bytes(ends), len(candidates))
    found = zlib.crc32(repr(getattr(candidates, "seeds", ())).encode(), found)
    return found if rows is None else zlib.crc32(_bytes(rows), found)


def _bytes(values: Tensor) -> bytes:
    return values.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()
