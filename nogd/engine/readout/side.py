"""The part of an objective that solves the last layer of its candidates."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import torch
from torch import Tensor

from nogd.engine.candidates.scoring import Described, described
from nogd.engine.candidates.sets import Candidates
from nogd.engine.candidates.unit import UnitWeights
from nogd.engine.checks import check_theta, check_unit, count_rows
from nogd.engine.layers.chunks import chunk_size
from nogd.engine.layers.units import HiddenUnit, find_units
from nogd.engine.losses import lowest_of, ranked
from nogd.engine.outputs_and_layers import OutputsAndLayers
from nogd.engine.readout.head import Head
from nogd.engine.readout.last_layer import LastLayer
from nogd.engine.readout.left_out import losses_left_out, products_left_out
from nogd.engine.readout.solved import Readout
from nogd.engine.readout.solving import Problem, products, solve
from nogd.engine.readout.solving_scope import SolvedScores
from nogd.engine.readout.unit_readout import UnitReadout, losses_of
from nogd.engine.readout.unit_view import UnitView, view_of
from nogd.engine.surrogates import Kind, is_own, solved_for, surrogate_for
from nogd.errors import InvalidSetting


class ReadoutSide(OutputsAndLayers, LastLayer):
    """Solving the last layer; paid by passes and by arithmetic, and noted as scoring is."""

    _scores: SolvedScores | None

    def readout(
        self,
        candidates: Candidates,
        rows: Tensor | None = None,
        *,
        ridge: float = 1e-4,
        steps: int = 4,
        surrogate: str | None = None,
        left_out: bool = False,
    ) -> Readout:
        """Solve the last, linear layer of P candidates: the others of their parameters stay as they are.

        For "mse" exactly, by normal equations; for "binary-cross-entropy" and "cross-entropy" by Newton steps from the
        layer that each candidate has, or from zeros where these are better, never to a higher value.

        Counts P forwards and the arithmetic of the solution in forwards (their share for rows), and P
        evaluations; the losses of the solved candidates are noted as if scored.

        :param candidates: P candidates.
        :param rows: indices of the examples to use, `[B]`; all by default.
        :param ridge: weight of the sum of squares of the layer's weights, not of its biases, beside the mean loss.
        :param steps: Newton steps.
        :param surrogate: the loss that is minimised at the outputs: "mse", "binary-cross-entropy" or "cross-entropy";
            by default the objective's own if it is one of these, and what stands for it otherwise: "mse" for "mae" and
            "huber", cross-entropy for "hinge" and "zero-one".
        :param left_out: whether to tell the loss of each example by a last layer that was not fitted to it, which costs
            a factorisation (for cross-entropy one for each output), and no passes.
        :raises InvalidSetting: if the network does not end in a linear layer whose weights are searched, ridge is not
            above 0, or no loss can stand for the objective's own.
        :raises BudgetSpent: before anything is computed, if the call does not fit the budget.
        """
        head, kind = self._solvable(surrogate)
        if not (0 < ridge < math.inf and steps >= 0):
            raise InvalidSetting(f"ridge must be above 0 and steps 0 or more, not {ridge} and {steps}.")
        known = described(candidates, self.space)
        count, examples = len(known), count_rows(rows, self._examples)
        work = count * self._solving(head, kind, examples, steps, left_out)
        passes = self._cost.flops * count * examples
        self._till.pay(
            count, count * examples, priced=self._cost.forwards_of(work, self._examples), flops=passes + work
        )
        self._till.used("closed-form")
        started = time.perf_counter()
        found = _solved(head, known, rows, kind, ridge, steps, left_out)
        lowest = lowest_of(found.losses, rows) if count else math.inf
        self._ledger.inside += time.perf_counter() - started
        self._till.note(found.losses, found, lowest)
        return found

    @contextmanager
    def solving(
        self, *, ridge: float = 1e-4, steps: int = 4, surrogate: str | None = None
    ) -> Iterator[SolvedScores]:
        """Score candidates with their last layer solved; used as `with objective.solving() as scores:`.

        In the block `losses` gives what is minimised (the loss that is solved for, and the ridge) and counts what
        `readout` does, `room` says how many candidates fit at that price, and there are no features. A call of `walk`
        counts a candidate, and so does each value that is tried on it.

        :param ridge: as in `readout`.
        :param steps: as in `readout`.
        :param surrogate: as in `readout`.
        :raises InvalidSetting: as `readout` does.
        """

        def solve(candidates: Candidates, rows: Tensor | None) -> Readout:
            return self.readout(candidates, rows, ridge=ridge, steps=steps, surrogate=surrogate)

        outer = self._scores
        self._scores = SolvedScores(solve, self.readout_cost(steps=steps, surrogate=surrogate))
        try:
            yield self._scores
        finally:
            self._scores = outer

    @property
    def last_layer(self) -> slice:
        """Where the last layer lies in theta, from its first coordinate to the one behind its last.

        :raises InvalidSetting: if there is no readout, or if other parameters lie in between.
        """
        head = self._ends_linear()
        places = [head.weight] if head.bias is None else [head.weight, head.bias]
        start, stop = min(each.start for each in places), max(each.stop for each in places)
        if stop - start != sum(each.stop - each.start for each in places):
            raise InvalidSetting(
                "the weights of the last layer and its bias do not lie side by side in theta."
            )
        return slice(start, stop)

    @cached_property
    def units(self) -> tuple[HiddenUnit, ...]:
        """The hidden units of a network whose last layer can be solved: `readout_unit` tries other incoming weights.

        :raises InvalidSetting: if there is no readout.
        """
        head = self._ends_linear()
        return find_units(self.space, (head.weight, head.bias))

    def readout_unit(
        self,
        theta: Tensor,
        unit: HiddenUnit,
        weights: Tensor,
        rows: Tensor | None = None,
        *,
        ridge: float = 1e-4,
        surrogate: str | None = None,
    ) -> Readout:
        """Give one hidden unit M sets of incoming weights, and solve the last layer for each.

        By a Newton step of all its weights, as long as is best of a few lengths, from those of theta or from these with
        the unit's own at zero; exact for "mse". One factorisation serves all M.

        Of a network that is a chain, what the unit and all that depends on it give is computed for each, the rest once;
        of another, all of it. A candidate counts 1 forward or its share of the arithmetic, whichever is more.

        :param theta: `[D]`.
        :param unit: one of `units`.
        :param weights: `[M, F]`, in the order of `unit.coordinates`.
        :param rows: indices of the examples to use, `[B]`; all by default.
        :param ridge: as in `readout`.
        :param surrogate: as in `readout`.
        :raises InvalidSetting: as `readout` does, and for weights of another shape.
        :raises BudgetSpent: before anything is computed, if the call does not fit the budget.
        """
        head, kind = self._solvable(surrogate)
        check_theta(theta, self.space.dimension)
        check_unit(len(unit), weights, ridge)
        count, examples = len(weights), count_rows(rows, self._examples)
        search = UnitReadout(head, unit, rows)
        candidates = UnitWeights(theta, unit, weights.to(theta))
        flops = search.passing(count, examples, self._cost.flops)
        if search.is_alone:
            flops += search.solving(count, examples, kind)
        beyond = self._beyond(flops, count * examples)
        self._till.pay(count, count * examples, priced=beyond, flops=flops)
        self._till.used("closed-form")
        started = time.perf_counter()
        changed = search.changed(candidates)
        if not search.is_alone:  # what else depends on it is known now
            solving = search.solving(count, examples, kind, changed)
            beyond = self._beyond(flops + solving, count * examples) - beyond
            self._till.pay(0, 0, priced=beyond, flops=solving)
        found = search.solve(candidates, changed, kind, ridge)
        lowest = lowest_of(found.losses, rows) if count else math.inf
        self._ledger.inside += time.perf_counter() - started
        self._till.note(found.losses, found, lowest)
        return found

    def unit_view(
        self, theta: Tensor, unit: HiddenUnit, rows: Tensor | None = None, *, surrogate: str | None = None
    ) -> UnitView:
        """What goes into a hidden unit's layer at theta, and what the outputs lack: where to look for other weights.

        Counts 1 forward (its share for rows) and 1 evaluation, and is noted as a scoring of theta. Pay for what you
        compute from it by `work`.

        :param theta: `[D]`.
        :param unit: one of `units`.
        :param rows: indices of the examples to use, `[B]`; all by default.
        :param surrogate: as in `readout`.
        :raises InvalidSetting: as `readout` does.
        :raises BudgetSpent: before anything is computed, if the call does not fit the budget.
        """
        head, kind = self._solvable(surrogate)
        check_theta(theta, self.space.dimension)
        examples = count_rows(rows, self._examples)
        self._till.pay(1, examples, flops=self._cost.flops * examples)
        self._till.used("closed-form")
        started = time.perf_counter()
        view, loss = view_of(head, unit, theta, rows, kind)
        self._note_at(theta, loss, rows, started)
        return view

    def _beyond(self, flops: float, passed: int) -> float:
        """Forwards that arithmetic counts beyond those of so many examples, as for an exact minimum along a line."""
        return max(0.0, self._cost.forwards_of(flops, self._examples) - passed / self._examples)

    def readout_unit_cost(
        self, unit: HiddenUnit, count: int, rows: Tensor | None = None, *, surrogate: str | None = None
    ) -> float:
        """Forwards that `readout_unit` counts for so many sets of weights, at most."""
        head, kind = self._solvable(surrogate)
        examples = count_rows(rows, self._examples)
        search = UnitReadout(head, unit, rows)
        flops = search.passing(count, examples, self._cost.flops) + search.solving(count, examples, kind)
        return count * examples / self._examples + self._beyond(flops, count * examples)

    def readout_cost(
        self,
        rows: Tensor | None = None,
        *,
        steps: int = 4,
        surrogate: str | None = None,
        left_out: bool = False,
    ) -> float:
        """Forwards that `readout` counts for one candidate, if asked in the same way."""
        head, kind = self._solvable(surrogate)
        examples = count_rows(rows, self._examples)
        return examples / self._examples + self._cost.forwards_of(
            self._solving(head, kind, examples, steps, left_out), self._examples
        )

    def _solving(self, head: Head, kind: Kind, examples: int, steps: int, left_out: bool) -> float:
        features = head.inputs + (head.bias is not None)
        flops = products(kind, features, head.outputs, examples, steps)
        return flops + (products_left_out(kind, features, head.outputs, examples) if left_out else 0.0)

    def _solvable(self, surrogate: str | None) -> tuple[Head, Kind]:
        head = self._ends_linear()
        return head, surrogate_for(head.network.loss, surrogate, head.network.targets)


def _solved(
    head: Head,
    candidates: Described,
    rows: Tensor | None,
    kind: Kind,
    ridge: float,
    steps: int,
    left_out: bool,
) -> Readout:
    """So many candidates at a time as their hidden features fit the cache, which each step passes over."""
    network, thetas = head.network, candidates.dense()
    _, targets = network.batch(rows)
    wanted = solved_for(kind, network.loss, targets, head.outputs)
    chunk = chunk_size((head.inputs + 1) * len(targets), thetas.device)
    nothing = thetas.new_empty(0, dtype=torch.float64)
    parts = [(thetas.new_empty(0), nothing, head.weights(thetas[:0]))]
    without = [nothing.new_empty(0, len(targets))]
    with torch.no_grad():
        for some in thetas.split(chunk) if len(thetas) else ():
            hidden = head.with_ones(head.hidden(some, rows)).expand(len(some), -1, -1)
            offset = head.offset(hidden)
            problem = Problem(kind, hidden.double(), wanted, offset.double(), ridge, head.bias is not None)
            exact = solve(problem, head.weights(some).double(), steps)
            outputs = problem.outputs(exact)
            values = problem.value(outputs, exact)
            if left_out:
                without.append(losses_left_out(problem, outputs))
            weights = exact.to(thetas.dtype)
            losses = losses_of(network.loss, torch.baddbmm(offset, weights, hidden), targets)
            parts.append((ranked(losses), values, weights))
    losses, values, weights = (torch.cat(each) for each in zip(*parts, strict=True))
    own = is_own(kind, network.loss)
    return Readout(losses, values, own, weights, candidates, head, torch.cat(without) if left_out else None)
