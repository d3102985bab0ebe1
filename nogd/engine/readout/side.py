"""The part of an objective that solves the last layer of its candidates."""

from __future__ import annotations

import math
import time
from functools import cached_property

import torch
from torch import Tensor

from nogd.engine.accounts.ledger import Ledger
from nogd.engine.accounts.till import Till
from nogd.engine.candidates.scoring import described
from nogd.engine.candidates.sets import Candidates
from nogd.engine.checks import check_theta, check_unit, count_rows
from nogd.engine.cost import Cost
from nogd.engine.layers.chunks import chunk_size
from nogd.engine.losses import lowest_of, ranked
from nogd.engine.readout.head import Head
from nogd.engine.readout.solved import Readout
from nogd.engine.readout.solving import Kind, Problem, products, solve
from nogd.engine.readout.surrogates import solved_for, surrogate_for
from nogd.engine.readout.unit_readout import UnitReadout, losses_of
from nogd.engine.readout.units import HiddenUnit, find_units
from nogd.engine.space import ParameterSpace
from nogd.errors import InvalidSetting


class ReadoutSide:
    """Solving the last layer; paid by passes and by arithmetic, and noted as scoring is."""

    space: ParameterSpace
    _head: Head | None
    _cost: Cost
    _till: Till
    _ledger: Ledger
    _examples: int

    def readout(
        self,
        candidates: Candidates,
        rows: Tensor | None = None,
        *,
        ridge: float = 1e-4,
        steps: int = 4,
        surrogate: str | None = None,
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
        :raises InvalidSetting: if the network does not end in a linear layer whose weights are searched, ridge is not
            above 0, or no loss can stand for the objective's own.
        :raises BudgetSpent: before anything is computed, if the call does not fit the budget.
        """
        head, kind = self._solvable(surrogate)
        if not (0 < ridge < math.inf and steps >= 0):
            raise InvalidSetting(f"ridge must be above 0 and steps 0 or more, not {ridge} and {steps}.")
        known = described(candidates, self.space)
        count, examples = len(known), count_rows(rows, self._examples)
        work = count * self._solving(head, kind, examples, steps)
        passes = self._cost.flops * count * examples
        self._till.pay(
            count, count * examples, priced=self._cost.forwards_of(work, self._examples), flops=passes + work
        )
        self._till.used("closed-form")
        started = time.perf_counter()
        found = _solved(head, known.dense(), rows, kind, ridge, steps)
        lowest = lowest_of(found.losses, rows) if count else math.inf
        self._ledger.inside += time.perf_counter() - started
        self._till.note(found.losses, found, lowest)
        return found

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
        return find_units(self._ends_linear(), self.space)

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

        Where the unit's features of the last layer depend on no other unit, these alone are computed, and a candidate
        counts 1 forward or its share of the arithmetic, whichever is more. Elsewhere M + 1 forwards and the arithmetic
        are counted.

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
        weights = weights.to(theta)
        if search.is_alone:
            self._pay_alone(search.flops_alone(count, examples, self._cost.flops, kind), count, examples)
        else:  # what else depends on it is known when that is computed
            passed = (count + 1) * examples
            self._till.pay(count, passed, flops=self._cost.flops * passed)
        self._till.used("closed-form")
        started = time.perf_counter()
        changed = search.changed(theta, weights)
        if not search.is_alone:
            flops = search.flops(count, examples, changed, kind)
            self._till.pay(0, 0, priced=self._cost.forwards_of(flops, self._examples), flops=flops)
        found = search.solve(theta, weights, changed, kind, ridge)
        lowest = lowest_of(found.losses, rows) if count else math.inf
        self._ledger.inside += time.perf_counter() - started
        self._till.note(found.losses, found, lowest)
        return found

    def _pay_alone(self, flops: float, count: int, examples: int) -> None:
        """As an exact minimum along a line is paid: a candidate is 1 forward, or the arithmetic if that is more."""
        priced = max(0.0, self._cost.forwards_of(flops, self._examples) - count * examples / self._examples)
        self._till.pay(count, count * examples, priced=priced, flops=flops)

    def readout_unit_cost(
        self, unit: HiddenUnit, count: int, rows: Tensor | None = None, *, surrogate: str | None = None
    ) -> float:
        """Forwards that `readout_unit` counts for so many sets of weights, at most."""
        head, kind = self._solvable(surrogate)
        examples = count_rows(rows, self._examples)
        search = UnitReadout(head, unit, rows)
        if search.is_alone:
            flops = search.flops_alone(count, examples, self._cost.flops, kind)
            return max(count * examples / self._examples, self._cost.forwards_of(flops, self._examples))
        solving = count * self._solving(head, kind, examples, 1)
        return (count + 1) * examples / self._examples + self._cost.forwards_of(solving, self._examples)

    def readout_cost(
        self, rows: Tensor | None = None, *, steps: int = 4, surrogate: str | None = None
    ) -> float:
        """Forwards that `readout` counts for one candidate, for the same rows, steps and surrogate."""
        head, kind = self._solvable(surrogate)
        examples = count_rows(rows, self._examples)
        return examples / self._examples + self._cost.forwards_of(
            self._solving(head, kind, examples, steps), self._examples
        )

    def _solving(self, head: Head, kind: Kind, examples: int, steps: int) -> float:
        features = head.inputs + (head.bias is not None)
        return products(kind, features, head.outputs, examples, steps)

    def _ends_linear(self) -> Head:
        if self._head is None:
            raise InvalidSetting(
                "there is no readout to be solved: the network must end in a linear layer, whose searched weights are"
                " used nowhere else, and which gives one vector for each example in memory."
            )
        return self._head

    def _solvable(self, surrogate: str | None) -> tuple[Head, Kind]:
        head = self._ends_linear()
        return head, surrogate_for(head.network.loss, surrogate, head.network.targets)


def _solved(head: Head, thetas: Tensor, rows: Tensor | None, kind: Kind, ridge: float, steps: int) -> Readout:
    """So many candidates at a time as their hidden features fit the cache, which each step passes over."""
    network = head.network
    _, targets = network.batch(rows)
    wanted = solved_for(kind, network.loss, targets, head.outputs)
    chunk = chunk_size((head.inputs + 1) * len(targets), thetas.device)
    parts = [(thetas.new_empty(0), thetas.new_empty(0, dtype=torch.float64), head.weights(thetas[:0]))]
    with torch.no_grad():
        for some in thetas.split(chunk) if len(thetas) else ():
            hidden = head.with_ones(head.hidden(some, rows)).expand(len(some), -1, -1)
            offset = head.offset(hidden)
            problem = Problem(kind, hidden.double(), wanted, offset.double(), ridge, head.bias is not None)
            exact = solve(problem, head.weights(some).double(), steps)
            values = problem.value(problem.outputs(exact), exact)
            weights = exact.to(thetas.dtype)
            losses = losses_of(network.loss, torch.baddbmm(offset, weights, hidden), targets)
            parts.append((ranked(losses), values, weights))
    losses, values, weights = (torch.cat(each) for each in zip(*parts, strict=True))
    return Readout(losses, values, weights, thetas, head)
