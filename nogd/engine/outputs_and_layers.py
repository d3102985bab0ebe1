"""What an objective tells beyond losses: outputs of candidates, the loss as a formula of them, a network's layers."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from nogd.engine.accounts.ledger import Ledger
from nogd.engine.accounts.till import Till
from nogd.engine.black_box import BlackBox
from nogd.engine.black_box_of_outputs import BlackBoxOfOutputs
from nogd.engine.candidates.predicting import predicted
from nogd.engine.candidates.scoring import Described, described
from nogd.engine.candidates.sets import Candidates, Population
from nogd.engine.checks import check_outputs, check_theta, count_rows
from nogd.engine.cost import Cost
from nogd.engine.curvature import Curvature, curvature_at
from nogd.engine.layers.listing import Activation, NamedLayer
from nogd.engine.losses import lowest_of, ranked
from nogd.engine.network import Network
from nogd.engine.simulation import Simulation
from nogd.engine.space import ParameterSpace
from nogd.engine.stream import Stream
from nogd.engine.surrogates import Kind, followed, surrogate_for
from nogd.errors import InvalidSetting

Scorer = Network | Stream | BlackBox | Simulation
Answering = Network | Stream | BlackBoxOfOutputs
"""What gives outputs."""


class OutputsAndLayers:
    """The part of an objective that looks at outputs and layers; paid and noted as scoring is."""

    space: ParameterSpace
    _scorer: Scorer
    _cost: Cost
    _till: Till
    _ledger: Ledger
    _examples: int

    def outputs(self, candidates: Candidates, rows: Tensor | None = None) -> Tensor:
        """Outputs of P candidates, as the network itself gives them.

        Counts P forwards (their share for rows) and P evaluations, as `losses` does. The losses of the candidates,
        which follow from their outputs, are noted as if scored.

        :param candidates: P candidates.
        :param rows: indices of the examples to use, `[B]`; all by default.
        :returns: `[P, N, out]`; for streamed data those of all batches together, in memory.
        :raises InvalidSetting: if there are none: a black box that returns scores, or a network that does not return
            one tensor.
        :raises BudgetSpent: before anything is computed, if the call does not fit the budget.
        """
        scorer = self._answering()
        known = described(candidates, self.space)
        count, examples = len(known), count_rows(rows, self._examples)
        self._till.pay(count, count * examples, flops=self._cost.flops * count * examples)
        self._till.used("outputs")
        if count == 0:
            return torch.empty(
                0, examples, *(scorer.gives or ()), dtype=self.space.dtype, device=self.space.device
            )
        started = time.perf_counter()
        outputs, found = _predicted(scorer, known, rows)
        losses = ranked(found)
        lowest = lowest_of(losses, rows)
        self._ledger.inside += time.perf_counter() - started
        self._till.note(losses, known, lowest)
        return outputs

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of one example's outputs, `(out,)` for most networks.

        :raises InvalidSetting: if there are none here, or if a black box has not shown yet what they are like.
        """
        return self._shape_of_outputs(self._answering())

    @staticmethod
    def _shape_of_outputs(scorer: Answering) -> tuple[int, ...]:
        if scorer.gives is None:
            raise InvalidSetting(
                "a black box shows by its first outputs what they are like: ask objective.outputs first."
            )
        return tuple(scorer.gives)

    def losses_of(self, outputs: Tensor, rows: Tensor | None = None) -> Tensor:
        """The losses of given outputs, as `losses` gives them.

        Counts nothing, as no network is called: the outputs were paid for when they were computed.

        :param outputs: `[..., N, out]`, each leading index a network of its own.
        :param rows: indices of the examples that the outputs belong to, `[B]`; all by default.
        :returns: `[...]`, infinite where not finite.
        :raises InvalidSetting: if there are no outputs here, or these have another shape.
        """
        scorer, own = self._given_outputs(outputs, rows)
        started = time.perf_counter()
        targets = scorer.targets_of(rows)
        with torch.no_grad():
            found = [scorer.loss(each, targets) for each in outputs.reshape(-1, *own).clone()]
        losses = torch.stack(found) if found else outputs.new_empty(0)
        self._ledger.inside += time.perf_counter() - started
        return ranked(losses.reshape(outputs.shape[: outputs.ndim - len(own)]))

    def curvature(
        self, outputs: Tensor, rows: Tensor | None = None, *, surrogate: str | None = None
    ) -> Curvature:
        """The loss as a formula of outputs: its value, gradient and Gauss-Newton product there.

        Counts nothing, as no network is called: the outputs were paid for when they were computed.

        :param outputs: `[..., N, out]`, each leading index a network of its own.
        :param rows: indices of the examples that the outputs belong to, `[B]`; all by default.
        :param surrogate: the loss in place of the objective's own: "mse", "binary-cross-entropy" or "cross-entropy".
        :raises NotDifferentiable: for a loss without a gradient, such as zero-one.
        :raises InvalidSetting: if there are no outputs here, these have another shape, or the surrogate does not go
            with the targets.
        """
        scorer, own = self._given_outputs(outputs, rows)
        follow = followed(scorer.loss, surrogate, scorer.targets)
        started = time.perf_counter()
        aims = follow.targets(scorer.targets_of(rows), outputs.new_empty(own))
        found = curvature_at(follow.loss, outputs, aims, len(own))
        self._ledger.inside += time.perf_counter() - started
        return found

    @property
    def stand_in(self) -> Kind:
        """The surrogate that stands for the objective's loss at the outputs: the loss itself, if it is one of these.

        :raises InvalidSetting: if there are no outputs here, or nothing is known to stand for the loss, such as for one
            of your own.
        """
        scorer = self._answering()
        return surrogate_for(scorer.loss, None, scorer.targets)

    def _given_outputs(self, outputs: Tensor, rows: Tensor | None) -> tuple[Answering, tuple[int, ...]]:
        """What gave them, and the shape of one network's."""
        scorer = self._answering()
        examples = count_rows(rows, self._examples)
        own = (examples, *self._shape_of_outputs(scorer))
        check_outputs(outputs, own)
        self._till.pay(0, 0)  # the seconds may be over
        self._till.used("outputs")
        return scorer, own

    @property
    def layers(self) -> tuple[NamedLayer, ...]:
        """The layers of a network that is a chain, in the order of its forward, including activations and functions.

        :raises InvalidSetting: if they cannot be listed.
        """
        layers = self._scorer.layers if isinstance(self._scorer, Network | Simulation) else ()
        if not layers:
            raise self._no_layers()
        self._till.used("layers")
        return layers

    def activations(self, theta: Tensor, rows: Tensor | None = None) -> list[Activation]:
        """What goes into each of `layers` and what comes out of it.

        Counts 1 forward (its share for rows) and 1 evaluation, and is noted as a scoring of theta. Pay for what you
        compute from the activations by `work`.

        :param theta: `[D]`.
        :param rows: indices of the examples to use, `[B]`; all by default.
        :returns: for each layer (inputs, outputs), `[N, ...]` each.
        :raises InvalidSetting: if the layers cannot be listed.
        :raises BudgetSpent: before anything is computed, if the call does not fit the budget.
        """
        network = self._listed()
        check_theta(theta, self.space.dimension)
        examples = count_rows(rows, self._examples)
        self._till.pay(1, examples, flops=self._cost.flops * examples)
        self._till.used("layers")
        started = time.perf_counter()
        found, loss = network.activations(theta, rows)
        self._note_at(theta, loss, rows, started)
        return found

    def _note_at(self, theta: Tensor, loss: Tensor, rows: Tensor | None, started: float) -> None:
        """Note the loss of theta, found by what was computed since `started`."""
        losses = ranked(loss.reshape(1))
        lowest = lowest_of(losses, rows)
        self._ledger.inside += time.perf_counter() - started
        self._till.note(losses, Population(theta[None]), lowest)

    def _answering(self) -> Answering:
        scorer = self._scorer
        if isinstance(scorer, BlackBoxOfOutputs) or (
            isinstance(scorer, Network | Stream) and scorer.gives is not None
        ):
            return scorer
        if isinstance(scorer, BlackBox):
            raise InvalidSetting(
                "a black box that returns scores has no outputs; give targets, and let it return the outputs."
            )
        if isinstance(scorer, Simulation):
            raise InvalidSetting("a simulated world gives returns and no outputs: there are no targets.")
        raise InvalidSetting(
            "the network gives no one tensor of real outputs for each example, so there are none."
        )

    def _listed(self) -> Network:
        if isinstance(self._scorer, Network) and self._scorer.layers:
            return self._scorer
        raise self._no_layers()

    def _no_layers(self) -> InvalidSetting:
        return InvalidSetting(
            f"the layers cannot be listed here ({self._scorer.engine}: {self._scorer.why})."
        )


def _predicted(scorer: Answering, candidates: Described, rows: Tensor | None) -> tuple[Tensor, Tensor]:
    if isinstance(scorer, Stream):
        return scorer.predicted(candidates, rows)
    return predicted(scorer, candidates, rows)


def seen_features(scorer: Scorer) -> set[str]:
    """Which of "outputs", "curvature" and "layers" there are."""
    if isinstance(scorer, BlackBoxOfOutputs):
        return {"outputs", *_curved(scorer)}
    if not isinstance(scorer, Network | Stream) or scorer.gives is None:
        return set()
    listed = {"layers"} if isinstance(scorer, Network) and scorer.layers else set()
    return {"outputs", *_curved(scorer), *listed}


def _curved(scorer: Answering) -> set[str]:
    return {"curvature"} if scorer.loss.differentiable and scorer.loss.sloped else set()
