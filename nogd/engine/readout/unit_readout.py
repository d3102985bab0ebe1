"""Solve the last layer for many sets of incoming weights of one hidden unit."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nogd.engine.candidates.answers import answered_outputs
from nogd.engine.candidates.planes import UnitAnswers, path_of
from nogd.engine.candidates.unit import UnitWeights
from nogd.engine.layers.units import HiddenUnit
from nogd.engine.losses import Loss, ranked
from nogd.engine.readout.columns import Solved, column_products, solve_columns
from nogd.engine.readout.head import Head
from nogd.engine.readout.solved import Readout
from nogd.engine.readout.solving import Problem, products, solve
from nogd.engine.surrogates import Kind, is_own, solved_for

_ROWS_AND_OUTPUTS = 2
# From which share of the last layer's features on it is cheaper to begin anew than to change them.
_MANY = 0.5


@dataclass(frozen=True, eq=False)
class Changed:
    """What goes into the last layer.

    present: `[1, H, N]`. places: which features change, `[s]`, to columns `[M, s, N]`.
    every: all of them, `[M, H, N]`, where too many change.
    """

    present: Tensor
    places: Tensor
    columns: Tensor
    every: Tensor | None = None


class UnitReadout:
    """The candidates of one unit around one theta; `rows` of the examples."""

    def __init__(self, head: Head, unit: HiddenUnit, rows: Tensor | None) -> None:
        self.head, self.unit, self._rows = head, unit, rows
        before = head.before
        self._path = None if before is None else path_of(before, unit)

    @property
    def is_alone(self) -> bool:
        """Whether what the unit gives is computed without any other unit."""
        return self._path is not None and self._path.is_alone

    def passing(self, count: int, examples: int, forward: float) -> float:
        """Floating-point operations of what goes into the last layer; forward: of one pass of one example."""
        if self._path is None:
            return (count + 1) * examples * forward
        each = self._path.flops(tuple(self.head.network.stack_inputs.shape[:-1]))
        return examples * (forward + (count if self.is_alone else count + 1) * each)

    def solving(self, count: int, examples: int, kind: Kind, changed: Changed | None = None) -> float:
        """Those to solve for M candidates; at most, where it is not known yet what changes."""
        features, outputs = self.head.inputs + (self.head.bias is not None), self.head.outputs

        def columns(places: int) -> float:
            return column_products(kind, features, outputs, examples, places, count)

        if changed is not None and changed.every is None:
            return columns(len(changed.places))
        if self._path is not None and self._path.is_alone:
            return columns(self._path.features)
        anew = count * products(kind, features, outputs, examples, 1)
        return anew if changed is not None else max(anew, columns(int(_MANY * self.head.inputs)))

    def changed(self, candidates: UnitWeights) -> Changed:
        """What goes into the last layer of theta, and what changes there with each set of weights."""
        head, path = self.head, self._path
        with torch.no_grad():
            if path is not None and path.is_alone:
                answers = UnitAnswers(path, candidates)
                present, places, columns = answers.columns(head.network.stack_data(self._rows)[0])
                return Changed(head.with_ones(present), places, columns)
            every = self._every(candidates)
            present, every = every[:1], every[1:]
            places = (every != present).any(2).any(0).nonzero()[:, 0]
            if len(places) > _MANY * head.inputs or not present.isfinite().all():
                return Changed(head.with_ones(present), places, every[:, :0], head.with_ones(every))
            return Changed(head.with_ones(present), places, every[:, places])

    def _every(self, candidates: UnitWeights) -> Tensor:
        """What goes into the last layer with the unit's own weights and with each of the others, `[1 + M, H, N]`.

        All in the same way, so that what does not depend on the unit is equal.
        """
        theta, weights, rows = candidates.theta, candidates.weights, self._rows
        own = theta[self.unit.coordinates.to(theta.device)]
        both = UnitWeights(theta, self.unit, torch.cat([own[None], weights]))
        if self._path is not None:
            return answered_outputs(UnitAnswers(self._path, both), self.head.network.stack_data(rows)[0])
        return self.head.hidden(both.dense(), rows).expand(len(both), -1, -1)

    def solve(self, candidates: UnitWeights, changed: Changed, kind: Kind, ridge: float) -> Readout:
        """The candidates with the last layer solved."""
        head, network, theta = self.head, self.head.network, candidates.theta
        _, targets = network.batch(self._rows)
        wanted = solved_for(kind, network.loss, targets, head.outputs)
        offset, own = head.offset(changed.present).double(), head.weights(theta[None]).double()
        with torch.no_grad():
            features = changed.present if changed.every is None else changed.every
            problem = Problem(kind, features.double(), wanted, offset, ridge, head.bias is not None)
            if changed.every is None:
                found = solve_columns(problem, own[0], changed.places, changed.columns.double())
            else:
                exact = solve(problem, own.expand(len(candidates), -1, -1), 1)
                outputs = problem.outputs(exact)
                found = Solved(exact, outputs, problem.value(outputs, exact))
            losses = losses_of(network.loss, found.outputs.to(theta.dtype), targets)
        weights, whose = found.weights.to(theta.dtype), is_own(kind, network.loss)
        return Readout(ranked(losses), found.values, whose, weights, candidates, head)


def losses_of(loss: Loss, outputs: Tensor, targets: Tensor) -> Tensor:
    """The losses `[P]` of outputs `[P, out, N]`, which may be overwritten."""
    if loss.batched is not None:
        return loss.batched(outputs, targets.T if targets.ndim == _ROWS_AND_OUTPUTS else targets)
    losses = [loss(each.T.contiguous(), targets) for each in outputs]
    return torch.stack(losses) if losses else outputs.new_empty(0)
