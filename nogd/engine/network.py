"""Score candidates for a network with data: as a chain, by vmap or one by one, the fastest that is right."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal, TypeVar, cast, get_args

import torch
from torch import Tensor, nn

from nogd.engine.compiled.scorer import Compiled
from nogd.engine.cost import FEW_EXAMPLES, Cost, measured_cost, stack_cost
from nogd.engine.footprint import Footprint, footprint
from nogd.engine.fork_safe_lock import ForkSafeLock
from nogd.engine.layers.chain import Chain
from nogd.engine.layers.chunks import chunk_size
from nogd.engine.layers.listing import Activation, NamedLayer, listed, passed
from nogd.engine.layers.parts import NotUnderstood
from nogd.engine.layers.reading import check_chain, read_chain
from nogd.engine.layers.stack import Stack, as_stack
from nogd.engine.layers.stack_tangents import stack_tangents
from nogd.engine.losses import Loss
from nogd.engine.modules.conduct import Conduct
from nogd.engine.modules.forward_mode import agrees, tangents
from nogd.engine.modules.mode import Mode
from nogd.engine.modules.thin import ThinCalls
from nogd.engine.modules.vmapped import Functional, Vmapped
from nogd.engine.several import Inputs, arguments
from nogd.engine.space import ParameterSpace
from nogd.errors import InvalidSetting, NogdWarning, UserError, first_line, in_one_line

T = TypeVar("T")
Engine = Literal["compiled", "stack", "chain", "vmap", "loop"]
# Up to how many parameters a chain is compared with its module at a second theta too.
FEW_PARAMETERS = 1_000_000


class Network:
    """A network, a loss and data, without any counting.

    conduct: how to call a private copy of the module, whose parameters are views of one flat vector from now on. inputs
    `[N, ...]`, targets as the loss compares them. `engine` says how a population is scored and `why` explains it:
    "chain" where the module is understood layer by layer, "stack" where it is nothing but linear layers and
    activations, "compiled" where such a stack is small and numba is installed, "vmap" and "loop" for the rest. engine:
    the one to use, whatever would be chosen; InvalidSetting if it cannot be. gives: shape of one example's outputs,
    None where they are no one tensor of real numbers.
    """

    def __init__(
        self,
        conduct: Conduct,
        space: ParameterSpace,
        inputs: Inputs,
        targets: Tensor,
        loss: Loss,
        engine: Engine | None = None,
        gives: tuple[int, ...] | None = None,
    ) -> None:
        module = conduct.module
        self.space, self.loss, self.module, self.conduct, self.gives = space, loss, module, conduct, gives
        self._lock = ForkSafeLock()  # at the module, which holds one candidate at a time, or vmap's
        self._flat = space.read(module)
        self._parameters = _point_at(module, space, self._flat)
        self.stack: Stack | None = None
        self.compiled: Compiled | None = None
        self._chain: Chain | None = None
        self.layers: tuple[NamedLayer, ...] = ()
        self._vmapped: Vmapped | None = None
        self._measured: Footprint | None = None
        self._functional = Functional(conduct, space)
        self.thin = ThinCalls(self._functional, space, loss)
        # Whether torch.func.jvp works here; not known before it is asked.
        self._forward_mode: bool | None = None
        self.inputs, self.targets = inputs, targets
        self.engine, self.why = self._choose(engine)
        self.hold(inputs, targets)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copy's parameters would be no views of its flat vector."""
        self.__dict__ |= state
        self._parameters = _point_at(self.module, self.space, self._flat)

    def hold(self, inputs: Inputs, targets: Tensor) -> None:
        """Score on these data from now on; they must be of the same kind as those before."""
        self.inputs, self.targets = inputs, targets
        self.stack_inputs = self.stack_targets = targets  # of a module that is no chain nobody asks for them
        if self._chain is not None and isinstance(inputs, Tensor):
            self.stack_inputs = inputs.movedim(0, -1).contiguous()
            self.stack_targets = targets.T.contiguous() if targets.ndim == 2 else targets
        if self.compiled is not None:
            self.compiled.hold(self.stack_inputs, self.stack_targets)

    def _choose(self, forced: Engine | None) -> tuple[Engine, str]:
        if forced is not None and forced not in get_args(Engine):
            raise InvalidSetting(
                f"engine must be one of {', '.join(get_args(Engine))}, not {forced!r:.60}; left out, the fastest is"
                " chosen."
            )
        if forced == "loop":
            return "loop", "it was asked for"
        if forced == "vmap":
            self._vmapped = Vmapped(self._functional, self.loss, self._footprint(), fewest=1)
            return "vmap", "it was asked for"
        try:
            chain, layers = self._understood()
        except NotUnderstood as reason:
            if forced is not None:
                raise InvalidSetting(f"engine {forced!r} cannot score this module, as {reason}.") from None
            return self._by_calls(str(reason))
        stack = as_stack(chain, self.space)
        if forced in ("compiled", "stack") and stack is None:
            raise InvalidSetting(
                f"engine {forced!r} cannot score this module, as it is no stack of linear layers and elementwise"
                " activations; 'chain' can."
            )
        self._chain, self.stack = chain, None if forced == "chain" else stack
        self.layers = layers
        if self.stack is None:
            return "chain", "it is a chain of layers that are all known"
        return self._as_stack(self.stack, forced)

    def _as_stack(self, stack: Stack, forced: Engine | None) -> tuple[Engine, str]:
        """By compiled loops where they fit, else by torch."""
        what = "it is a stack of linear layers and elementwise activations"
        if forced == "stack":
            return "stack", what
        try:
            self.compiled = Compiled(stack, self.loss, self._flat, self.examples)
        except NotUnderstood as reason:
            if forced is not None:
                raise InvalidSetting(
                    f"engine 'compiled' cannot score this module, as {reason}; 'stack' can."
                ) from None
            return "stack", f"{what}; not compiled, as {reason}"
        return "compiled", f"{what}, small enough to gain from compiled loops"

    def _by_calls(self, reason: str) -> tuple[Engine, str]:
        """How to call a module that is not understood: by the work that one pass is, never by the clock."""
        if any(isinstance(part, torch.jit.ScriptModule) for part in self.module.modules()):
            return "loop", "it is scripted, and torch.func takes only the module that it was made from"
        if self.conduct.gathers:
            return "loop", f"each call of the module gathers statistics, and {reason}"
        size = self._footprint()
        if not size.is_small(len(self.inputs)):
            why = "the module is called for each candidate, as it is too large to gain from vmap"
            return "loop", f"{why}, and {reason}"
        self._vmapped = Vmapped(self._functional, self.loss, size)
        return "vmap", f"it is called under torch.func.vmap, as {reason}"

    def _footprint(self) -> Footprint:
        if self._measured is None:
            with self.conduct.calling():
                self._measured = footprint(self.module, self.inputs, self.space.dimension)
        return self._measured

    def _understood(self) -> tuple[Chain, tuple[NamedLayer, ...]]:
        """The module as a chain that gives what the module gives, and its layers. Raises NotUnderstood."""
        if not isinstance(self.inputs, Tensor):
            raise NotUnderstood("it takes several inputs")
        chain, parts = read_chain(self.module, self.space, self.inputs)
        few = self.inputs[:FEW_EXAMPLES]
        with torch.no_grad():
            check_chain(chain, self.outputs, self._flat, few)
            if (
                self.space.dimension <= FEW_PARAMETERS
            ):  # it begins at zeros, perhaps; a large one had better not
                start = self._flat.clone()
                rng = torch.Generator("cpu").manual_seed(0)
                noise = torch.randn(len(start), generator=rng, dtype=torch.float64, device="cpu")
                try:
                    check_chain(chain, self.outputs, noise.to(start), few)
                finally:
                    self._flat.copy_(start)
        return chain, listed(parts, self.module, self.space)

    @property
    def chain(self) -> Chain | None:
        """The module as a chain of known layers, None where it is none."""
        return self._chain

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

    def cost(self) -> Cost:
        """What a forward and a gradient cost."""
        if self.stack:
            return stack_cost(self.stack)
        cost = measured_cost(self.conduct, self._parameters, self.inputs, self.targets, self.loss)
        # A chain does the same to each example; what else there is may do more to more of them.
        return cost if self._chain is not None else replace(cost, flops=self._footprint().flops)

    def losses(self, thetas: Tensor, rows: Tensor | None = None) -> Tensor:
        """Losses of thetas `[P, D]`, as `[P]`; rows: numbers of the examples to use."""
        with torch.no_grad():
            if self.compiled is not None:
                return self.compiled.losses(thetas, rows)
            if self._chain is not None:
                return self._chain_losses(self._chain, thetas, rows)
            with self._lock:
                return self._called_losses(thetas, rows)

    def stack_data(self, rows: Tensor | None) -> tuple[Tensor, Tensor]:
        """Inputs and targets, features first, `[features, N]`, as a stack or a chain takes them."""
        if rows is None:
            return self.stack_inputs, self.stack_targets
        return self.stack_inputs[..., rows], self.stack_targets[..., rows]

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

    def measured(self, theta: Tensor) -> float:
        """The training loss of theta `[D]` as its user will have it."""
        if self.mode == "eval":
            return float(self.losses(theta[None])[0])
        with torch.no_grad(), self.used(theta):
            return float(self.loss(self.outputs(theta, self.inputs), self.targets))

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

    def gradient(self, theta: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor]:
        """Loss and gradient `[D]` at theta, by autograd through the module itself; zeros where it has none."""
        inputs, targets = self.batch(rows)
        with self._lock, torch.inference_mode(False), torch.enable_grad():
            loss = self._loss(theta, inputs, targets)
            if not loss.requires_grad:
                return loss, torch.zeros_like(theta)
            gradients = torch.autograd.grad(loss, self._parameters, allow_unused=True, materialize_grads=True)
        return loss.detach(), torch.cat([g.reshape(-1) for g in gradients])

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

    def activations(self, theta: Tensor, rows: Tensor | None) -> tuple[list[Activation], Tensor]:
        """What goes into each of the layers and comes out of it at theta `[D]`, and the loss."""
        inputs, targets = self.batch(rows)
        with self._lock, torch.no_grad():
            self._set(theta)
            with self.conduct.calling():
                assert isinstance(inputs, Tensor)  # of several there are no layers to list
                found = passed(self.layers, inputs.clone())
            return found, self.loss(found[-1].outputs.clone(), targets)

    def targets_of(self, rows: Tensor | None) -> Tensor:
        """The targets of these examples, as the loss compares them."""
        return self.batch(rows)[1]

    def directional(self, theta: Tensor, directions: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor]:
        """Loss at theta `[D]` and its derivatives along directions `[K, D]`, `[K]`, in forward mode.

        By torch.func.jvp where the module is no stack; where that refuses it, from the gradient, which is as exact.
        """
        inputs, targets = self.batch(rows)
        if self.stack is not None:
            return stack_tangents(self.stack, theta, directions, self.stack_data(rows)[0], targets, self.loss)

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

    def batch(self, rows: Tensor | None) -> tuple[Inputs, Tensor]:
        """Inputs and targets of these examples, or of all."""
        return (self.inputs, self.targets) if rows is None else (self.inputs[rows], self.targets[rows])

    def _chain_losses(self, chain: Chain, thetas: Tensor, rows: Tensor | None) -> Tensor:
        inputs, targets = self.stack_data(rows)
        if self.loss.batched is not None and len(chain.outputs) == 1:
            return chain.losses(thetas, inputs, targets, self.loss)
        outputs = (chain.forward(theta[None], inputs)[0].movedim(-1, 0).contiguous() for theta in thetas)
        own_targets = self.batch(rows)[1]
        losses = [self.loss(output, own_targets) for output in outputs]
        return torch.stack(losses) if losses else thetas.new_empty(0)

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


def _point_at(module: nn.Module, space: ParameterSpace, flat: Tensor) -> list[nn.Parameter]:
    """Make the searched parameters views of `flat`, so that one copy sets them all."""
    parameters = dict(module.named_parameters())
    for t in space:
        parameters[t.name].data = flat[t.start : t.stop].view(t.shape)
    return [parameters[t.name] for t in space]
