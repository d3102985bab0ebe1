"""Solve the last layer for many sets of incoming weights of one hidden unit."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from nogd.engine.losses import Loss, ranked
from nogd.engine.readout.columns import Solved, column_products, solve_columns
from nogd.engine.readout.head import Head
from nogd.engine.readout.solved import Readout
from nogd.engine.readout.solving import Kind, Problem, products, solve
from nogd.engine.readout.surrogates import solved_for
from nogd.engine.readout.units import HiddenUnit, downstream_of

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
        self._downstream = downstream_of(head.network, unit.layer)

    @property
    def is_alone(self) -> bool:
        """Whether what the unit gives is computed without any other unit."""
        return self._downstream is not None

    def flops_alone(self, count: int, examples: int, forward: float, kind: Kind) -> float:
        """Floating-point operations for M candidates of a unit that is alone; forward: of one pass of one example."""
        assert self._downstream is not None
        each = self._downstream.products * examples
        changed = self._downstream.features
        return forward * examples + count * each + self._solving(kind, examples, changed, count)

    def flops(self, count: int, examples: int, changed: Changed, kind: Kind) -> float:
        """Floating-point operations to solve for M candidates of any unit."""
        if changed.every is not None:
            return count * products(kind, *self._sizes(), examples, 1)
        return self._solving(kind, examples, len(changed.places), count)

    def _solving(self, kind: Kind, examples: int, changed: int, count: int) -> float:
        return column_products(kind, *self._sizes(), examples, changed, count)

    def _sizes(self) -> tuple[int, int]:
        return self.head.inputs + (self.head.bias is not None), self.head.outputs

    def thetas(self, theta: Tensor, weights: Tensor) -> Tensor:
        """The candidates `[M, D]` with the last layer of theta."""
        thetas = theta.repeat(len(weights), 1)
        thetas[:, self.unit.coordinates.to(theta.device)] = weights
        return thetas

    def changed(self, theta: Tensor, weights: Tensor) -> Changed:
        """What goes into the last layer of theta, and what changes there with each set of weights."""
        head, rows = self.head, self._rows
        with torch.no_grad():
            present = head.hidden(theta[None], rows)
            if self._downstream is not None:
                inputs = self._downstream.inputs(theta, head.network.stack_data(rows)[0])
                columns = self._downstream.columns(weights, self.unit, inputs, theta)
                places = self._downstream.places(self.unit).to(theta.device)
                return Changed(head.with_ones(present), places, columns)
            every = head.hidden(self.thetas(theta, weights), rows).expand(len(weights), -1, -1)
            differs = (every != present).any(2).any(0)
            places = differs.nonzero()[:, 0]
            if len(places) > _MANY * head.inputs or not present.isfinite().all():
                return Changed(head.with_ones(present), places, every[:, :0], head.with_ones(every))
            return Changed(head.with_ones(present), places, every[:, places])

    def solve(self, theta: Tensor, weights: Tensor, changed: Changed, kind: Kind, ridge: float) -> Readout:
        """The candidates with the last layer solved."""
        head, network = self.head, self.head.network
        _, targets = network.batch(self._rows)
        wanted = solved_for(kind, network.loss, targets, head.outputs)
        offset, own = head.offset(changed.present).double(), head.weights(theta[None]).double()
        with torch.no_grad():
            features = changed.present if changed.every is None else changed.every
            problem = Problem(kind, features.double(), wanted, offset, ridge, head.bias is not None)
            if changed.every is None:
                found = solve_columns(problem, own[0], changed.places, changed.columns.double())
            else:
                exact = solve(problem, own.expand(len(weights), -1, -1), 1)
                outputs = problem.outputs(exact)
                found = Solved(exact, outputs, problem.value(outputs, exact))
            losses = losses_of(network.loss, found.outputs.to(theta.dtype), targets)
        return Readout(
            ranked(losses), found.values, found.weights.to(theta.dtype), self.thetas(theta, weights), head
        )


def losses_of(loss: Loss, outputs: Tensor, targets: Tensor) -> Tensor:
    """The losses `[P]` of outputs `[P, out, N]`, which may be overwritten."""
    if loss.batched is not None:
        return loss.batched(outputs, targets.T if targets.ndim == _ROWS_AND_OUTPUTS else targets)
    losses = [loss(each.T.contiguous(), targets) for each in outputs]
    return torch.stack(losses) if losses else outputs.new_empty(0)
