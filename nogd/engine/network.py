"""Score candidates for a network with data: as a chain, by vmap or one by one, the fastest that is right."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

import torch
from torch import Tensor

from nogd.engine.called import CalledNetwork
from nogd.engine.compiled.scorer import Compiled
from nogd.engine.cost import FEW_EXAMPLES, Cost, measured_cost, stack_cost
from nogd.engine.layers.chain import Chain
from nogd.engine.layers.listing import Activation, NamedLayer, listed, passed
from nogd.engine.layers.parts import NotUnderstood
from nogd.engine.layers.reading import check_chain, read_chain
from nogd.engine.layers.stack import Stack, as_stack
from nogd.engine.layers.stack_tangents import stack_tangents
from nogd.engine.losses import Loss
from nogd.engine.modules.conduct import Conduct
from nogd.engine.modules.vmapped import Vmapped
from nogd.engine.several import Inputs
from nogd.engine.space import ParameterSpace
from nogd.errors import InvalidSetting

Engine = Literal["compiled", "stack", "chain", "vmap", "loop"]
# Up to how many parameters a chain is compared with its module at a second theta too.
FEW_PARAMETERS = 1_000_000


class Network(CalledNetwork):
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
        super().__init__(conduct, space, inputs, targets, loss)
        self.gives = gives
        self.stack: Stack | None = None
        self.compiled: Compiled | None = None
        self._chain: Chain | None = None
        self.layers: tuple[NamedLayer, ...] = ()
        self.engine, self.why = self._choose(engine)
        self.hold(inputs, targets)

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

    def chunk(self, rows: Tensor | None) -> int | None:
        """How many candidates of a population are computed side by side, from the first on; None where that depends on
        how many there are.
        """
        if self._chain is None or self.compiled is not None:
            return None
        if self.loss.batched is None or len(self._chain.outputs) != 1:
            return 1
        examples = self.examples if rows is None else len(rows)
        return self._chain.sizes(examples, self.space.device)[1]

    @property
    def calls_each(self) -> bool:
        """Whether the module itself is called for each candidate by itself."""
        return self.chain is None and not (self._vmapped and self._vmapped.pays(1, self.examples))

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

    def measured(self, theta: Tensor) -> float:
        """The training loss of theta `[D]` as its user will have it."""
        if self.mode == "eval":
            return float(self.losses(theta[None])[0])
        with torch.no_grad(), self.used(theta):
            return float(self.loss(self.outputs(theta, self.inputs), self.targets))

    def activations(self, theta: Tensor, rows: Tensor | None) -> tuple[list[Activation], Tensor]:
        """What goes into each of the layers and comes out of it at theta `[D]`, and the loss."""
        inputs, targets = self.batch(rows)
        with self._lock, torch.no_grad():
            self._set(theta)
            with self.conduct.calling():
                assert isinstance(inputs, Tensor)  # of several there are no layers to list
                found = passed(self.layers, inputs.clone())
            return found, self.loss(found[-1].outputs.clone(), targets)

    def directional(self, theta: Tensor, directions: Tensor, rows: Tensor | None) -> tuple[Tensor, Tensor]:
        """Loss at theta `[D]` and its derivatives along directions `[K, D]`, `[K]`, in forward mode."""
        if self.stack is None:
            return super().directional(theta, directions, rows)
        return stack_tangents(
            self.stack, theta, directions, self.stack_data(rows)[0], self.targets_of(rows), self.loss
        )

    def _chain_losses(self, chain: Chain, thetas: Tensor, rows: Tensor | None) -> Tensor:
        inputs, targets = self.stack_data(rows)
        if self.loss.batched is not None and len(chain.outputs) == 1:
            return chain.losses(thetas, inputs, targets, self.loss)
        outputs = (chain.forward(theta[None], inputs)[0].movedim(-1, 0).contiguous() for theta in thetas)
        own_targets = self.batch(rows)[1]
        losses = [self.loss(output, own_targets) for output in outputs]
        return torch.stack(losses) if losses else thetas.new_empty(0)
