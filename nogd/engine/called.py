"""A module that is called for its losses, outputs and derivatives: many candidates at once by vmap, or one by one."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar, cast

import torch
from torch import Tensor, nn

from nogd.engine.footprint import Footprint, footprint
from nogd.engine.fork_safe_lock import ForkSafeLock
from nogd.engine.layers.chunks import chunk_size
from nogd.engine.losses import Loss
from nogd.engine.modules.checkpointing import checkpointed
from nogd.engine.modules.conduct import Conduct
from nogd.engine.modules.forward_mode import agrees, tangents
from nogd.engine.modules.mode import Mode
from nogd.engine.modules.thin import ThinCalls
from nogd.engine.modules.vmapped import Functional, Vmapped
from nogd.engine.several import Inputs, arguments
from nogd.engine.space import ParameterSpace
from nogd.errors import InvalidSetting, NogdWarning, UserError, first_line, in_one_line

T = TypeVar("T")

# Up to so many numbers it is time that counts, not memory.
_FEW = 1 << 20


class CalledNetwork:
    """A module on data, called itself, without any counting.

    conduct: how to call a private copy of the module, whose parameters are views of one flat vector from now on.
    """

    engine: str
    why: str

    def __init__(
        self, conduct: Conduct, space: ParameterSpace, inputs: Inputs, targets: Tensor, loss: Loss
    ) -> None:
        module = conduct.module
        self.space, self.loss, self.module, self.conduct = space, loss, module, conduct
        self.inputs, self.targets = inputs, targets
        self._lock = ForkSafeLock()  # at the module, which holds one candidate at a time, or vmap's
        self._flat, self._parameters = _flattened(module, space)
        self._vmapped: Vmapped | None = None
        self._measured: Footprint | None = None
        self._functional = Functional(conduct, space)
        self.thin = ThinCalls(self._functional, space)
        # Whether torch.func.jvp works here; not known before it is asked.
        self._forward_mode: bool | None = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy's parameters would be no views of its flat vector."""
        self.__dict__ |= state
        self._parameters = _point_at(self.module, self.space, self._flat)

    @property
    def functional(self) -> Functional | None:
        """The module as a function for torch.func.vmap, None where many candidates at once gain nothing by it."""
        return None if self._vmapped is None else self._functional

    @property
    def mode(self) -> Mode:
        """How candidates are scored."""
        return self.conduct.mode

    @property
    def noisy(self) -> bool:
        """Whether calls of `turn` change what candidates are scored by."""
        return self.mode == "train"

    @property
    def examples(self) -> int:
        """Training examples N."""
        return len(self.inputs)

    def batch(self, rows: Tensor | None) -> tuple[Inputs, Tensor]:
        """Inputs and targets of these examples, or of all."""
        return (self.inputs, self.targets) if rows is None else (self.inputs[rows], self.targets[rows])

    def targets_of(self, rows: Tensor | None) -> Tensor:
        """The targets of these examples, as the loss compares them."""
        return self.batch(rows)[1]

    def outputs(self, theta: Tensor, inputs: Inputs) -> Tensor:
        """What the module itself gives with theta `[D]` as its parameters."""
        self._set(theta)
        return cast(Tensor, self.conduct(inputs))

    @contextmanager
    def used(self, theta: Tensor, batches: Iterable[Inputs] | None = None) -> Iterator[None]:
        """Within, `outputs` of theta `[D]` are what the module will give to its user.

        batches: inputs of all training data, in memory if not given.
        """
        with self._lock:
            self._set(theta)
            with self.conduct.used([self.inputs] if batches is None else batches):
                yield

    def statistics(self, theta: Tensor) -> dict[str, Tensor]:
        """The statistics that belong to theta `[D]`, by the names of their buffers."""
        with self.used(theta):
            return self.conduct.statistics()

    def turn(self, seed: int, call: float) -> None:
        """In train mode: what this thread scores next has the masks of that call of the run with that seed."""
        self.conduct.turn(seed, call)

    def _set(self, theta: Tensor) -> None:
        self._flat.copy_(theta)
        torch.clear_autocast_cache()  # it does not notice that parameters are written to

    def gradient(
        self, theta: Tensor, rows: Tensor | None, checkpointing: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Loss and gradient `[D]` at theta, by autograd through the module itself; zeros where it has none.

        checkpointing: whether to keep few activations and compute the others again.
        """
        inputs, targets = self.batch(rows)
        kept = checkpointed(self.module) if checkpointing else nullcontext()
        with self._lock, kept, torch.inference_mode(False), torch.enable_grad():
            loss = self._loss(theta, inputs, targets)
            if not loss.requires_grad:
                return loss, torch.zeros_like(theta)
            gradients = list(
                torch.autograd.grad(loss, self._parameters, allow_unused=True, materialize_grads=True)
            )
        return loss.detach(), _joined(gradients)

    def predictions(self, thetas: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor]:
        """Outputs `[P, N, ...]` and losses `[P]` of thetas `[P, D]`, by the module itself."""
        vmapped, examples = self._vmapped, self.examples if rows is None else len(rows)
        with self._lock, torch.no_grad():
            if vmapped is None or not vmapped.pays(len(thetas), examples):
                return self._loop_predictions(thetas, rows)
            inputs, targets = self.batch(rows)
            return self._or_by_loop(
                lambda: vmapped.predictions(
                    thetas, inputs, targets, lambda few: self._loop_predictions(few, rows)
                ),
                lambda: self._loop_predictions(thetas, rows),
            )

    @contextmanager
    def calls(self) -> Iterator[None]:
        """Within, this thread alone calls the module, without gradients."""
        with self._lock, torch.no_grad():
            yield

    def directional(self, theta: Tensor, directions: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor]:
        """Loss at theta `[D]` and its derivatives along directions `[K, D]`, `[K]`, in forward mode.

        By torch.func.jvp; where that refuses the module, from the gradient, which is as exact.
        """
        inputs, targets = self.batch(rows)
        by_place, by_name = arguments(inputs)

        def loss_of(point: Tensor) -> Tensor:
            return self.loss(self._functional(point, *by_place, **by_name), targets)

        with self._lock:
            if not self._forward_mode:
                loss, gradient = self.gradient(theta, rows)
                if self._forward_mode is None and gradient.any():  # one of zeros would show nothing
                    self._forward_mode = agrees(loss_of, theta, loss, gradient)
                if not self._forward_mode:
                    return loss, directions @ gradient
            chunk = chunk_size(max(inputs.numel(), len(theta)), theta.device)
            return tangents(loss_of, theta, directions, chunk)

    def losses_of_written(
        self, count: int, write: Callable[[int, Tensor], object], rows: Tensor | None
    ) -> Tensor:
        """Losses `[count]` of candidates that `write(k, out)` puts right into the module, which takes no memory."""
        inputs, targets = self.batch(rows)
        losses: list[Tensor] = []
        with self.calls():
            for k in range(count):
                write(k, self._flat)
                losses.append(self._loss(self._flat, inputs, targets))
        return torch.stack(losses) if losses else self._flat.new_empty(0)

    def _footprint(self) -> Footprint:
        if self._measured is None:
            with self.conduct.calling():
                self._measured = footprint(self.module, self.inputs, self.space.dimension)
        return self._measured

    def _called_losses(self, thetas: Tensor, rows: Tensor | None) -> Tensor:
        examples = self.examples if rows is None else len(rows)
        if self._vmapped is not None and self._vmapped.pays(len(thetas), examples):
            return self._vmap_losses(self._vmapped, thetas, rows)
        return self._loop_losses(thetas, rows)

    def _vmap_losses(self, vmapped: Vmapped, thetas: Tensor, rows: Tensor | None) -> Tensor:
        inputs, targets = self.batch(rows)
        return self._or_by_loop(
            lambda: vmapped.losses(thetas, inputs, targets, lambda few: self._loop_losses(few, rows)),
            lambda: self._loop_losses(thetas, rows),
        )

    def _or_by_loop(self, by_vmap: Callable[[], T], by_loop: Callable[[], T]) -> T:
        """What vmap gives; where it refuses the module, by the loop, from now on."""
        try:
            return by_vmap()
        except Exception as refusal:  # vmap refuses in many ways; if the module is at fault, the loop says so
            found = by_loop()
            reason = first_line(refusal) or type(refusal).__name__
            self._vmapped = None
            self.engine, self.why = "loop", f"torch.func.vmap refuses it: {reason}"
            warnings.warn(
                f"candidates are scored one by one, which is slow, as {self.why}", NogdWarning, stacklevel=5
            )
            return found

    def _loop_predictions(self, thetas: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor]:
        inputs, targets = self.batch(rows)
        outputs: list[Tensor] = []
        losses = [self._loss(theta, inputs, targets, outputs) for theta in thetas]
        return torch.stack(outputs), torch.stack(losses)

    def _loop_losses(self, thetas: Tensor, rows: Tensor | None) -> Tensor:
        inputs, targets = self.batch(rows)
        losses = [self._loss(theta, inputs, targets) for theta in thetas]
        return torch.stack(losses) if losses else thetas.new_empty(0)

    def _loss(
        self, theta: Tensor, inputs: Inputs, targets: Tensor, kept: list[Tensor] | None = None
    ) -> Tensor:
        """The loss of theta `[D]` by the module itself. Raises InvalidSetting for a mini-batch that it cannot take.

        kept: where to put the outputs, if they are wanted.
        """
        try:
            outputs = self.outputs(theta, inputs)
            if kept is not None:
                kept.append(outputs.clone())  # the loss may write into its own
            return self.loss(outputs, targets)
        except Exception as error:  # whatever a forward or a loss may raise
            if inputs is self.inputs or isinstance(error, UserError):
                raise
            raise InvalidSetting(
                f"a mini-batch of {len(inputs)} of the {self.examples} examples cannot be scored by itself"
                f" ({in_one_line(error)}); where the module or the loss needs all examples at once, leave"
                " mini-batches out."
            ) from error


def _joined(parts: list[Tensor]) -> Tensor:
    """The parts as one vector; large ones are let go of on the way, so that they are not held twice."""
    size = sum(part.numel() for part in parts)
    if size <= _FEW:
        return torch.cat([part.reshape(-1) for part in parts])
    flat, stop = parts[0].new_empty(size), size
    while parts:
        part = parts.pop()
        flat[stop - part.numel() : stop].view(part.shape).copy_(part)
        stop -= part.numel()
    return flat


def _flattened(module: nn.Module, space: ParameterSpace) -> tuple[Tensor, list[nn.Parameter]]:
    """Move the searched parameters into one flat vector, one after the other, so that no two vectors are needed."""
    parameters = dict(module.named_parameters())
    flat = torch.empty(space.dimension, dtype=space.dtype, device=space.device)
    for t in space:
        place = flat[t.start : t.stop].view(t.shape)
        parameters[t.name].data = place.copy_(parameters[t.name].data)
    return flat, [parameters[t.name] for t in space]


def _point_at(module: nn.Module, space: ParameterSpace, flat: Tensor) -> list[nn.Parameter]:
    """Make the searched parameters views of `flat`, so that one copy sets them all."""
    parameters = dict(module.named_parameters())
    for t in space:
        parameters[t.name].data = flat[t.start : t.stop].view(t.shape)
    return [parameters[t.name] for t in space]
