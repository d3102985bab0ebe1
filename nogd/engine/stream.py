"""Score candidates on data that do not fit into memory: one pass over the batches scores all candidates of a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn

from nogd.engine.candidates.predicting import predicted
from nogd.engine.candidates.scoring import Described, score
from nogd.engine.candidates.sets import Population
from nogd.engine.cost import Cost
from nogd.engine.fork_safe_lock import ForkSafeLock
from nogd.engine.losses import Loss
from nogd.engine.modules.conduct import Conduct
from nogd.engine.modules.mode import Mode
from nogd.engine.network import Network
from nogd.engine.own_loss import say_if_no_mean
from nogd.engine.several import Inputs
from nogd.engine.space import ParameterSpace
from nogd.errors import DataError, InvalidSetting, UserError, in_one_line


class Batches(Protocol):
    """Data that come batch by batch, the same ones in the same order in every pass."""

    examples: int

    def __iter__(self) -> Iterator[tuple[Inputs, Tensor]]:
        """One pass: inputs `[B, ...]` and targets of each batch."""

    def __len__(self) -> int:
        """Number of batches."""

    def rows(self, rows: Tensor) -> tuple[Inputs, Tensor]:
        """Inputs and targets of these examples; an InvalidSetting where the source has no numbers for them."""


class Stream:
    """A network, a loss and batches, without any counting; scores as `Network` does, in the memory of a batch or two.

    Losses are means over all examples: the mean over each batch, weighted by its size and added up in float64. For a
    loss of one's own that is no mean over examples, it is that weighted mean of what it gives for each batch, and a
    warning. The noise of Perturbed candidates is made anew for each batch, so a few large batches beat many small ones.
    network: scores one batch at a time; it holds the first one to begin with.
    """

    def __init__(self, network: Network, batches: Batches) -> None:
        self._network, self._batches = network, batches
        self._lock = ForkSafeLock()  # at the network, which holds one batch at a time
        self._cost = network.cost()
        self._first = network.examples  # of the first batch
        with torch.no_grad():
            outputs: object = network.conduct(network.inputs)
        if len(batches) > 1:
            say_if_no_mean(network.loss, outputs, network.targets)
        # Only their shape and type matter; outputs that are no tensor go with a loss that takes targets as given.
        self._like = outputs[:1].clone() if isinstance(outputs, Tensor) and outputs.ndim else None

    @property
    def space(self) -> ParameterSpace:
        """The searched parameters."""
        return self._network.space

    @property
    def module(self) -> nn.Module:
        """The network's private copy of the module."""
        return self._network.module

    @property
    def loss(self) -> Loss:
        """The loss of a batch."""
        return self._network.loss

    @property
    def targets(self) -> Tensor:
        """Those of the batch at hand, as the loss compares them."""
        return self._network.targets

    @property
    def gives(self) -> tuple[int, ...] | None:
        """Shape of one example's outputs, None where they are no one tensor of real numbers."""
        return self._network.gives

    @property
    def engine(self) -> str:
        """How a population is scored on each batch."""
        return f"stream, {self._network.engine}"

    @property
    def why(self) -> str:
        """Why so."""
        return f"the data come in {len(self._batches)} batches; for each, {self._network.why}"

    @property
    def conduct(self) -> Conduct:
        """How the module is called."""
        return self._network.conduct

    @property
    def mode(self) -> Mode:
        """How candidates are scored."""
        return self._network.mode

    @property
    def batches(self) -> Batches:
        """The data."""
        return self._batches

    @property
    def noisy(self) -> bool:
        """Whether calls of `turn` change what candidates are scored by."""
        return self.mode == "train"

    @property
    def examples(self) -> int:
        """Training examples N, of all batches."""
        return self._batches.examples

    def cost(self) -> Cost:
        """What a forward and a gradient cost, of one example."""
        return self._cost

    def losses(self, thetas: Tensor, rows: Tensor | None = None) -> Tensor:
        """Losses of thetas `[P, D]`, as `[P]`; rows: numbers of the examples to use."""
        return self.score(Population(thetas), rows)

    def measured(self, theta: Tensor) -> float:
        """The training loss of theta `[D]` as its user will have it."""
        if self.mode == "eval":
            return float(self.losses(theta[None])[0])
        with torch.no_grad(), self.used(theta):
            (loss,) = self._mean_of_batches(
                lambda network: (network.loss(network.outputs(theta, network.inputs), network.targets),)
            )
        return float(loss)

    def outputs(self, theta: Tensor, inputs: Inputs) -> Tensor:
        """What the module itself gives with theta `[D]` as its parameters."""
        return self._network.outputs(theta, inputs)

    @contextmanager
    def used(self, theta: Tensor) -> Iterator[None]:
        """Within, `outputs` of theta `[D]` are what the module will give to its user."""
        with self._lock, self._network.used(theta, self._inputs()):
            yield

    def statistics(self, theta: Tensor) -> dict[str, Tensor]:
        """The statistics that belong to theta `[D]`, by the names of their buffers."""
        with self.used(theta):
            return self.conduct.statistics()

    def turn(self, seed: int, call: float) -> None:
        """In train mode: what this thread scores next has the masks of that call of the run with that seed."""
        self._network.turn(seed, call)

    def score(self, candidates: Described, rows: Tensor | None) -> Tensor:
        """Losses `[P]` of the candidates; rows: numbers of the examples to use."""
        (losses,) = self.mean(lambda network: (score(network, candidates, None),), rows)
        return losses

    def predicted(self, candidates: Described, rows: Tensor | None) -> tuple[Tensor, Tensor]:
        """Outputs `[P, N, ...]`, which have to fit into memory, and losses `[P]` of the candidates."""
        parts: list[Tensor] = []

        def losses_of(network: Network) -> tuple[Tensor, ...]:
            outputs, losses = predicted(network, candidates, None)
            parts.append(outputs)
            return (losses,)

        (losses,) = self.mean(losses_of, rows)
        return torch.cat(parts, 1), losses

    def targets_of(self, rows: Tensor | None) -> Tensor:
        """The targets of these examples, as the loss compares them; of all of them after one pass over the data."""
        with self._lock:
            if rows is not None:
                return self._hold(*self._batches.rows(rows)).targets
            return torch.cat([self._hold(*batch).targets for batch in self._batches])

    def gradient(
        self, theta: Tensor, rows: Tensor | None, checkpointing: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Loss and gradient `[D]` at theta."""
        loss, gradient = self.mean(lambda network: network.gradient(theta, None, checkpointing), rows)
        return loss, gradient

    def directional(self, theta: Tensor, directions: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor]:
        """Loss at theta `[D]` and its derivatives along directions `[K, D]`, `[K]`."""
        loss, derivatives = self.mean(lambda network: network.directional(theta, directions, None), rows)
        return loss, derivatives

    def batch(self, rows: Tensor | None) -> tuple[Inputs, Tensor]:
        """Inputs and targets of these examples. Raises InvalidSetting for all, and where examples have no numbers."""
        if rows is None:
            raise InvalidSetting(
                "streamed data are not in memory, so a learner cannot have all of them; give rows."
            )
        inputs, targets = self._batches.rows(rows)
        return inputs, self._fitted(targets)

    def mean(
        self, quantities: Callable[[Network], tuple[Tensor, ...]], rows: Tensor | None
    ) -> tuple[Tensor, ...]:
        """The means over all examples, or these, of what each batch gives, in float64 until they are added up."""
        with self._lock:
            if rows is not None:
                self.conduct.batch = 0
                return quantities(self._hold(*self._batches.rows(rows)))
            return self._mean_of_batches(quantities)

    def _mean_of_batches(self, quantities: Callable[[Network], tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
        sums: list[Tensor] = []
        types: list[torch.dtype] = []
        for number, (inputs, targets) in enumerate(self._batches):
            self.conduct.batch = number
            found = self._of_batch(quantities, inputs, targets)
            if not sums:
                types = [values.dtype for values in found]
                sums = [torch.zeros_like(values, dtype=torch.float64) for values in found]
            for total, values in zip(sums, found, strict=True):
                total.add_(values, alpha=len(inputs))
        return tuple((total / self.examples).to(kind) for total, kind in zip(sums, types, strict=True))

    def _inputs(self) -> Iterator[Inputs]:
        return (inputs for inputs, _ in self._batches)

    def _of_batch(
        self, quantities: Callable[[Network], tuple[Tensor, ...]], inputs: Inputs, targets: Tensor
    ) -> tuple[Tensor, ...]:
        network = self._hold(inputs, targets)
        try:
            return quantities(network)
        except Exception as error:  # whatever a forward or a loss may raise
            if len(inputs) == self._first or isinstance(error, UserError):
                raise
            raise DataError(
                f"a batch of {len(inputs)} rows cannot be scored though the first one, of {self._first}, can"
                f" ({in_one_line(error)}); where the module or the loss needs so many at once, give batches"
                " of one size."
            ) from error

    def _hold(self, inputs: Inputs, targets: Tensor) -> Network:
        """The network with these data."""
        self._network.hold(inputs, self._fitted(targets))
        return self._network

    def _fitted(self, targets: Tensor) -> Tensor:
        if self._like is None:
            return targets
        like = self._like.expand(len(targets), *self._like.shape[1:])
        return self._network.loss.fit_targets(targets, like)
