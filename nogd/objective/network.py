"""Score candidates for a network with data: as a stack, by vmap or one by one, the fastest that is right."""

from __future__ import annotations

import copy
import math
import warnings
from typing import Literal, cast

import torch
from torch import Tensor, nn

from nogd.errors import InvalidSetting, NogdWarning
from nogd.objective.cost import Cost, measured_cost, stack_cost
from nogd.objective.forward_mode import agrees, tangents
from nogd.objective.losses import Loss
from nogd.objective.space import ParameterSpace
from nogd.objective.stack import CHUNK_ELEMENTS, NotAStack, Stack, read_stack
from nogd.objective.stack_tangents import stack_tangents

Engine = Literal["stack", "vmap", "loop"]


class Network:
    """A network, a loss and data, without any counting.

    module: a private copy whose parameters are views of one flat vector. inputs `[N, ...]`, targets as the loss
    compares them. `engine` says how a population is scored and `why` explains it.
    """

    def __init__(
        self, module: nn.Module, space: ParameterSpace, inputs: Tensor, targets: Tensor, loss: Loss
    ) -> None:
        self.space, self.loss, self.module = space, loss, module
        self._flat = space.read(module)
        self._parameters = _point_at(module, space, self._flat)
        self._places = _places(module, space)
        self.stack: Stack | None = None
        self.engine: Engine = "vmap"
        self._vmap_agrees = False
        self._forward_mode: bool | None = (
            None  # whether torch.func.jvp works here; not known before it is asked
        )
        self.why = "it is called under torch.func.vmap"
        try:
            self.stack = read_stack(module, space, inputs)
            self.engine, self.why = "stack", "it is a stack of linear layers and elementwise activations"
        except NotAStack as reason:
            self.why = f"{self.why}, as {reason}"
        self.hold(inputs, targets)

    def hold(self, inputs: Tensor, targets: Tensor) -> None:
        """Score on these data from now on; they must be of the same kind as those before."""
        self.inputs, self.targets = inputs, targets
        self.stack_inputs = inputs.T.contiguous() if self.stack else inputs
        self.stack_targets = targets.T.contiguous() if self.stack and targets.ndim == 2 else targets

    @property
    def examples(self) -> int:
        """Training examples N."""
        return len(self.inputs)

    def cost(self) -> Cost:
        """What a forward and a gradient cost."""
        if self.stack:
            return stack_cost(self.stack)
        return measured_cost(self.module, self.inputs, self.targets, self.loss)

    def losses(self, thetas: Tensor, rows: Tensor | None = None) -> Tensor:
        """Losses of thetas `[P, D]`, as `[P]`; rows: numbers of the examples to use."""
        with torch.no_grad():
            if self.engine == "stack":
                return self._stack_losses(thetas, rows)
            if self.engine == "vmap" and len(thetas) > 1:
                return self._vmap_losses(thetas, rows)
            return self._loop_losses(thetas, rows)

    def stack_data(self, rows: Tensor | None) -> tuple[Tensor, Tensor]:
        """Inputs `[features, N]` and targets, features first, as a stack takes them."""
        if rows is None:
            return self.stack_inputs, self.stack_targets
        return self.stack_inputs[:, rows], self.stack_targets[..., rows]

    def outputs(self, theta: Tensor, inputs: Tensor) -> Tensor:
        """What the module itself gives with theta `[D]` as its parameters."""
        self._flat.copy_(theta)
        return cast(Tensor, self.module(inputs))

    def gradient(self, theta: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor]:
        """Loss and gradient `[D]` at theta, by autograd through the module itself; zeros where it has none."""
        inputs, targets = self._batch(rows)
        with torch.enable_grad():
            loss = self.loss(self.outputs(theta, inputs), targets)
            if not loss.requires_grad:
                return loss, torch.zeros_like(theta)
            gradients = torch.autograd.grad(loss, self._parameters, allow_unused=True, materialize_grads=True)
        return loss.detach(), torch.cat([g.reshape(-1) for g in gradients])

    def directional(self, theta: Tensor, directions: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor]:
        """Loss at theta `[D]` and its derivatives along directions `[K, D]`, `[K]`, in forward mode.

        By torch.func.jvp where the module is no stack; where that refuses it, from the gradient, which is as exact.
        """
        inputs, targets = self._batch(rows)
        if self.stack is not None:
            return stack_tangents(self.stack, theta, directions, self.stack_data(rows)[0], targets, self.loss)

        def loss_of(point: Tensor) -> Tensor:
            return self._functional_loss(point, inputs, targets)

        if not self._forward_mode:
            loss, gradient = self.gradient(theta, rows)
            if self._forward_mode is None and gradient.any():  # one of zeros would show nothing
                self._forward_mode = agrees(loss_of, theta, loss, gradient)
            if not self._forward_mode:
                return loss, directions @ gradient
        chunk = max(1, CHUNK_ELEMENTS // max(1, inputs.numel(), len(theta)))
        return tangents(loss_of, theta, directions, chunk)

    def _functional_loss(self, theta: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        """Loss of theta `[D]` as a function that torch.func can transform."""
        named = self.space.split(theta)
        parameters = {place: named[name] for place, name in self._places.items()}
        outputs = torch.func.functional_call(self.module, parameters, (inputs,), tie_weights=False)
        return self.loss(outputs, targets)

    def _batch(self, rows: Tensor | None) -> tuple[Tensor, Tensor]:
        return (self.inputs, self.targets) if rows is None else (self.inputs[rows], self.targets[rows])

    def _stack_losses(self, thetas: Tensor, rows: Tensor | None) -> Tensor:
        assert self.stack is not None
        inputs, targets = self.stack_data(rows)
        if self.loss.batched is not None:
            return self.stack.losses(thetas, inputs, targets, self.loss)
        outputs = (self.stack.forward(theta[None], inputs)[0].T for theta in thetas)
        own_targets = self._batch(rows)[1]
        return torch.stack([self.loss(output, own_targets) for output in outputs])

    def _vmap_losses(self, thetas: Tensor, rows: Tensor | None) -> Tensor:
        inputs, targets = self._batch(rows)

        def loss_of(theta: Tensor) -> Tensor:
            return self._functional_loss(theta, inputs, targets)

        try:
            chunk = max(1, CHUNK_ELEMENTS // max(1, inputs.numel()))
            losses = torch.func.vmap(loss_of, chunk_size=chunk)(thetas)
            if not self._vmap_agrees:
                self._check_vmap(thetas, rows, losses)
            return losses
        except Exception as refusal:  # vmap refuses in many ways; if the module is at fault, the loop says so
            losses = self._loop_losses(thetas, rows)
            reason = str(refusal).strip().splitlines()[0] if str(refusal) else type(refusal).__name__
            self.engine, self.why = "loop", f"torch.func.vmap refuses it: {reason}"
            warnings.warn(
                f"candidates are scored one by one, which is slow, as {self.why}", NogdWarning, stacklevel=4
            )
            return losses

    def _check_vmap(self, thetas: Tensor, rows: Tensor | None, losses: Tensor) -> None:
        """Compare two losses with the module itself: one that keeps its weights elsewhere too (a list) evades vmap."""
        ends = [0, len(thetas) - 1]
        tolerance = math.sqrt(torch.finfo(thetas.dtype).eps)
        if not torch.allclose(
            losses[ends], self._loop_losses(thetas[ends], rows), rtol=tolerance, equal_nan=True
        ):
            raise ValueError("it gives other losses there than by itself")
        self._vmap_agrees = True

    def _loop_losses(self, thetas: Tensor, rows: Tensor | None) -> Tensor:
        inputs, targets = self._batch(rows)
        losses = [self.loss(self.outputs(theta, inputs), targets) for theta in thetas]
        return torch.stack(losses) if losses else thetas.new_empty(0)


def private_copy(module: nn.Module) -> nn.Module:
    """A copy to work on, so that the user's module changes only when the solution is written to it."""
    # Tensors that were computed, such as those of torch.nn.utils.weight_norm, refuse to be copied with their history.
    attributes = (value for part in module.modules() for value in vars(part).values())
    computed = [value for value in attributes if isinstance(value, Tensor) and not value.is_leaf]
    return copy.deepcopy(module, {id(tensor): tensor.detach().clone() for tensor in computed})


def check_independent(working: nn.Module, module: nn.Module, inputs: Tensor) -> None:
    """Refuse a module whose copy still uses the original's parameters: a function that was put on it, as its forward
    or as a hook, refers to the module itself, so that all candidates would be scored with the same weights.
    """
    if not any(_functions_of(part) for part in module.modules()):
        return
    with torch.enable_grad():
        outputs = working(inputs)
    theirs = [p for p in module.parameters() if p.requires_grad]
    if isinstance(outputs, Tensor) and outputs.requires_grad:
        reached = torch.autograd.grad(outputs.sum(), theirs, allow_unused=True)
        if any(gradient is not None for gradient in reached):
            raise InvalidSetting(
                "a forward or a hook that was put on the module holds on to the module itself, so that no copy of it"
                " can be made to work on; write it as a method of a subclass instead."
            )


def _functions_of(part: nn.Module) -> bool:
    return "forward" in vars(part) or bool(part._forward_hooks) or bool(part._forward_pre_hooks)


def _point_at(module: nn.Module, space: ParameterSpace, flat: Tensor) -> list[nn.Parameter]:
    """Make the searched parameters views of `flat`, so that one copy sets them all."""
    parameters = dict(module.named_parameters())
    for t in space:
        parameters[t.name].data = flat[t.start : t.stop].view(t.shape)
    return [parameters[t.name] for t in space]


def _places(module: nn.Module, space: ParameterSpace) -> dict[str, str]:
    """All places where a searched parameter stands, with its name in the space; a shared one stands in several.

    Each module once, even if it is used twice: torch.func.functional_call would not put its parameters back
    (pytorch 2.13), and left to tie weights by itself it does just that.
    """
    named = dict(module.named_parameters())
    names = {id(named[t.name]): t.name for t in space}
    found: dict[str, str] = {}
    for prefix, part in module.named_modules():
        for name, parameter in part._parameters.items():
            if id(parameter) in names:
                found[f"{prefix}.{name}" if prefix else name] = names[id(parameter)]
    return found
