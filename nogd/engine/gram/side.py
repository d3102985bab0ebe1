"""The part of an objective that looks at the loss along K directions by outputs alone."""

from __future__ import annotations

import math
import time

from torch import Tensor

from nogd.engine.candidates.scoring import described
from nogd.engine.candidates.subspace import Subspace
from nogd.engine.checks import count_rows
from nogd.engine.curvature import check_differentiable
from nogd.engine.gram.found import Gram, ReadoutGram
from nogd.engine.gram.reducing import Asked, Parts, flops_of, gram_parts
from nogd.engine.losses import Loss, lowest_of, ranked
from nogd.engine.outputs_and_layers import Answering, OutputsAndLayers
from nogd.engine.readout.head import Head
from nogd.engine.readout.last_layer import LastLayer
from nogd.engine.stream import Stream
from nogd.engine.surrogates import followed
from nogd.errors import InvalidSetting


class _Around:
    """theta, and behind it the probes."""

    def __init__(self, probes: Subspace) -> None:
        self._probes = probes

    def at(self, k: int) -> Tensor:
        """Number k of them, `[D]`."""
        return self._probes.at(k - 1) if k else self._probes.theta.clone()


class GramSide(OutputsAndLayers, LastLayer):
    """Gauss-Newton matrices from outputs; paid by passes and by arithmetic, and noted as scoring is."""

    def gram(
        self,
        probes: Subspace,
        rows: Tensor | None = None,
        *,
        readout: bool = False,
        surrogate: str | None = None,
    ) -> Gram:
        """The loss near theta along the directions of K probes: its slope, and the Gauss-Newton matrix J^T H J.

        J is the change of the outputs from theta to each probe, divided by the radius: a derivative if that is small,
        and a look across steps and kinks if it is not. The outputs of all examples are never kept for a network that
        is a chain: theta, and twice the outputs of the probes for a block of examples, is what it needs.

        Counts K + 1 forwards (their share for rows) and the arithmetic of the reduction in forwards, and K + 1
        evaluations; the losses of theta and the probes are noted as if scored.

        In float32 a probe should move the outputs by a thousandth of themselves or more, unless its direction is within
        one layer: then nothing is subtracted, and the radius may be small.

        :param probes: a Subspace.
        :param rows: indices of the examples to use, `[B]`; all by default.
        :param readout: whether to include the last, linear layer, whose derivatives cost no probe; the directions are
            then best `within` the others' parameters.
        :param surrogate: the loss that is followed at the outputs in place of the objective's own: "mse",
            "binary-cross-entropy" or "cross-entropy". The losses that are noted are the objective's.
        :raises NotDifferentiable: for a loss without a gradient, such as zero-one.
        :raises InvalidSetting: if there are no outputs here, or no such last layer.
        :raises BudgetSpent: before anything is computed, if the call does not fit the budget.
        """
        scorer = self._answering()
        follow = followed(scorer.loss, surrogate, scorer.targets)
        check_differentiable(follow.loss)
        asked = Asked(self._probes(probes), follow, self._ends_linear() if readout else None)
        count, examples = len(asked.probes) + 1, count_rows(rows, self._examples)
        work = examples * self._reducing(count - 1, asked.head, follow.loss)
        passes = self._cost.flops * count * examples
        self._till.pay(
            count, count * examples, priced=self._cost.forwards_of(work, self._examples), flops=passes + work
        )
        self._till.used("layers" if readout else "outputs")
        started = time.perf_counter()
        losses, *others = _parts(scorer, asked, rows)
        losses = ranked(losses)
        lowest = lowest_of(losses, rows)
        self._ledger.inside += time.perf_counter() - started
        self._till.note(losses, _Around(asked.probes), lowest)
        return _as_gram(losses, others, asked.head)

    def gram_cost(
        self, count: int, rows: Tensor | None = None, *, readout: bool = False, surrogate: str | None = None
    ) -> float:
        """Forwards that `gram` counts for so many probes, for the same rows, readout and surrogate."""
        scorer, examples = self._answering(), count_rows(rows, self._examples)
        head = self._ends_linear() if readout else None
        follow = followed(scorer.loss, surrogate, scorer.targets)
        return (count + 1) * examples / self._examples + self._cost.forwards_of(
            examples * self._reducing(count, head, follow.loss), self._examples
        )

    def _probes(self, probes: object) -> Subspace:
        known = described(probes, self.space) if isinstance(probes, Subspace) else probes
        if isinstance(known, Subspace):
            return known
        raise InvalidSetting(
            f"gram takes a nogd.Subspace around a theta of {self.space.dtype} on {self.space.device}, not a"
            f" {type(probes).__name__}{' of another kind' if isinstance(probes, Subspace) else ''}."
        )

    def _reducing(self, count: int, head: Head | None, loss: Loss) -> float:
        return flops_of(count, math.prod(self._answering().gives or ()), loss, head)


def _parts(scorer: Answering, asked: Asked, rows: Tensor | None) -> Parts:
    if isinstance(scorer, Stream):
        return scorer.mean(lambda network: gram_parts(network, asked, None), rows)
    return gram_parts(scorer, asked, rows)


def _as_gram(losses: Tensor, others: list[Tensor], head: Head | None) -> Gram:
    values, slope, matrix, *last = others
    readout = None
    if head is not None:
        weight, bias = (
            None if place is None else slice(place.start, place.stop) for place in (head.weight, head.bias)
        )
        assert weight is not None
        readout = ReadoutGram(weight, bias, *last)
    values = ranked(values)
    return Gram(losses[0], losses[1:], values[0], values[1:], slope, matrix, readout)
