"""The part of an objective that has derivatives: gradients, and derivatives along directions."""

from __future__ import annotations

import time
import warnings

from torch import Tensor

from nogd.engine.accounts.stopwatch import Stopwatch
from nogd.engine.candidates.sets import Population
from nogd.engine.checks import check_directions, check_theta, count_rows
from nogd.engine.losses import lowest_of, ranked
from nogd.engine.modules.checkpointing import can_be_checkpointed, load
from nogd.engine.network import Network
from nogd.engine.outputs_and_layers import OutputsAndLayers
from nogd.engine.stream import Stream
from nogd.errors import NogdWarning, NotDifferentiable


class GradientSide(OutputsAndLayers):
    """Derivatives by autograd; paid by passes, and noted as scoring is."""

    _features: frozenset[str]
    _gradient_seen: bool
    warming: Stopwatch

    @property
    def can_checkpoint(self) -> bool:
        """Whether `gradient` can compute activations again in place of keeping them: the module has parts in a row."""
        return can_be_checkpointed(self._scorer.module)

    def gradient(
        self, theta: Tensor, rows: Tensor | None = None, *, checkpointing: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Loss and gradient at theta.

        Counts `gradient_cost` forwards (their share for rows), 1 more with checkpointing, and 1 gradient.

        :param theta: `[D]`.
        :param rows: indices of the examples to use, `[B]`; all by default.
        :param checkpointing: whether to keep few activations and compute the others again in the backward pass, where
            `can_checkpoint` says that there are parts to do so with.
        :returns: the loss, a scalar, and the gradient, `[D]`.
        :raises NotDifferentiable: if the task has no gradient.
        :raises BudgetSpent: before anything is computed, if the call does not fit the budget.
        """
        scorer = self._differentiable()
        check_theta(theta, self.space.dimension)
        examples = count_rows(rows, self._examples)
        passes = 2 if checkpointing else 1
        flops = self._cost.flops * (self._cost.gradient + passes - 1) * examples
        self._till.pay(1, passes * examples, backwarded=examples, gradients=1, flops=flops)
        self._till.used("gradient")
        if checkpointing:
            with self._ledger.clock, self.warming:
                load()
        started = time.perf_counter()
        loss, gradient = scorer.gradient(theta, rows, checkpointing)
        losses = ranked(loss.reshape(1))
        lowest = lowest_of(losses, rows)
        self._ledger.inside += time.perf_counter() - started
        if not self._gradient_seen:
            self._gradient_seen = True
            _warn_if_zero(gradient)
        self._till.note(losses, Population(theta[None]), lowest)
        return loss, gradient

    def directional(
        self, theta: Tensor, directions: Tensor, rows: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Loss at theta and its derivatives along K directions, in forward mode.

        Counts 1 + K (gradient_cost - 1) forwards, one pass and K tangents (their share for rows), and K evaluations, at
        least 1.

        :param theta: `[D]`.
        :param directions: `[K, D]`.
        :param rows: indices of the examples to use, `[B]`; all by default.
        :returns: the loss, a scalar, and the derivatives, `[K]`.
        :raises NotDifferentiable: if the task has no gradient.
        :raises BudgetSpent: before anything is computed, if the call does not fit the budget.
        """
        scorer = self._differentiable()
        check_theta(theta, self.space.dimension)
        check_directions(directions, self.space.dimension)
        count = len(directions)
        examples = count_rows(rows, self._examples)
        flops = self._cost.flops * self._cost.directional(count) * examples
        self._till.pay(max(1, count), examples, backwarded=count * examples, flops=flops)
        self._till.used("directional")
        started = time.perf_counter()
        theta, directions = (
            each.detach().to(self.space.device, self.space.dtype) for each in (theta, directions)
        )
        loss, derivatives = scorer.directional(theta, directions, rows)
        self._note_at(theta, loss, rows, started)
        return loss, derivatives.to(self.space.dtype)  # an autocast gives others

    def _differentiable(self) -> Network | Stream:
        if "gradient" in self._features and isinstance(self._scorer, Network | Stream):
            return self._scorer
        raise NotDifferentiable("this objective has no gradient; choose a learner that needs none.")


def _warn_if_zero(gradient: Tensor) -> None:
    if len(gradient) and not gradient.any():
        warnings.warn(
            "the gradient is exactly zero everywhere: the loss or the network has none, so a learner that follows it"
            " will not move; choose one that needs no gradient.",
            NogdWarning,
            stacklevel=3,
        )
