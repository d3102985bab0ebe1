"""Score candidates for a network with data: as a stack, by vmap or one by one, whichever is the fastest that is right."""

from __future__ import annotations

import copy
import warnings
from typing import Literal, cast

import torch
from torch import Tensor, nn

from nogd.errors import NogdWarning
from nogd.objective.cost import Cost, measured_cost, stack_cost
from nogd.objective.losses import Loss
from nogd.objective.space import ParameterSpace
from nogd.objective.stack import CHUNK_ELEMENTS, NotAStack, Stack, read_stack

Engine = Literal["stack", "vmap", "loop"]


class Network:
    """A network, a loss and data, without any counting.

    module: a private copy whose parameters are views of one flat vector. inputs `[N, ...]`, targets as the loss
    compares them. `engine` says how a population is scored and `why` explains it.
    """

    def __init__(self, module: nn.Module, space: ParameterSpace, inputs: Tensor, targets: Tensor, loss: Loss) -> None:
        self.space, self.inputs, self.targets, self.loss = space, inputs, targets, loss
        self.module = module
        self._flat = space.read(module)
        self._parameters = _point_at(module, space, self._flat)
        self.stack: Stack | None = None
        self.engine: Engine = "vmap"
        self.why = "it is called under torch.func.vmap"
        try:
            self.stack = read_stack(module, space, inputs)
            self.engine, self.why = "stack", "it is a stack of linear layers and elementwise activations"
        except NotAStack as reason:
            self.why = f"{self.why}, as {reason}"
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

    def outputs(self, theta: Tensor, inputs: Tensor) -> Tensor:
        """What the module itself gives with theta `[D]` as its parameters."""
        self._flat.copy_(theta)
        return cast(Tensor, self.module(inputs))

    def gradient(self, theta: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor]:
        """Loss and gradient `[D]` at theta by automatic differentiation of the module itself; zeros where it has none."""
        inputs, targets = self._batch(rows)
        with torch.enable_grad():
            loss = self.loss(self.outputs(theta, inputs), targets)
            if not loss.requires_grad:
                return loss, torch.zeros_like(theta)
            gradients = torch.autograd.grad(loss, self._parameters, allow_unused=True, materialize_grads=True)
        return loss.detach(), torch.cat([g.reshape(-1) for g in gradients])

    def _batch(self, rows: Tensor | None) -> tuple[Tensor, Tensor]:
        return (self.inputs, self.targets) if rows is None else (self.inputs[rows], self.targets[rows])

    def _stack_losses(self, thetas: Tensor, rows: Tensor | None) -> Tensor:
        assert self.stack is not None
        inputs, targets = self.stack_inputs, self.stack_targets
        if rows is not None:
            inputs, targets = inputs[:, rows], targets[..., rows]
        if self.loss.batched is not None:
            return self.stack.losses(thetas, inputs, targets, self.loss)
        outputs = (self.stack.forward(theta[None], inputs)[0].T for theta in thetas)
        own_targets = self._batch(rows)[1]
        return torch.stack([self.loss(output, own_targets) for output in outputs])

    def _vmap_losses(self, thetas: Tensor, rows: Tensor | None) -> Tensor:
        inputs, targets = self._batch(rows)

        def loss_of(theta: Tensor) -> Tensor:
            parameters = self.space.split(theta)
            return self.loss(torch.func.functional_call(self.module, parameters, (inputs,)), targets)

        try:
            chunk = max(1, CHUNK_ELEMENTS // max(1, inputs.numel()))
            return cast(Tensor, torch.func.vmap(loss_of, chunk_size=chunk)(thetas))
        except Exception as refusal:  # vmap refuses in many ways; if the module is at fault, the loop says so
            losses = self._loop_losses(thetas, rows)
            reason = str(refusal).strip().splitlines()[0] if str(refusal) else type(refusal).__name__
            self.engine, self.why = "loop", f"torch.func.vmap refuses it: {reason}"
            warnings.warn(f"candidates are scored one by one, which is slow, as {self.why}", NogdWarning, stacklevel=4)
            return losses

    def _loop_losses(self, thetas: Tensor, rows: Tensor | None) -> Tensor:
        inputs, targets = self._batch(rows)
        losses = [self.loss(self.outputs(theta, inputs), targets) for theta in thetas]
        return torch.stack(losses) if losses else thetas.new_empty(0)


def private_copy(module: nn.Module) -> nn.Module:
    """A copy to work on, so that the user's module changes only when the solution is written to it."""
    return copy.deepcopy(module)


def _point_at(module: nn.Module, space: ParameterSpace, flat: Tensor) -> list[nn.Parameter]:
    """Make the searched parameters views of `flat`, so that one copy sets them all."""
    parameters = dict(module.named_parameters())
    for t in space:
        parameters[t.name].data = flat[t.start : t.stop].view(t.shape)
    return [parameters[t.name] for t in space]
