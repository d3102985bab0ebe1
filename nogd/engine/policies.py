"""A network with many parameter vectors at once, which a simulator asks what each candidate does now."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from nogd.engine.inputs.moments import Moments
from nogd.engine.modules.conduct import Conduct, Habits
from nogd.engine.modules.vmapped import Functional
from nogd.engine.space import ParameterSpace
from nogd.errors import NogdWarning, first_line


class PolicyNetwork:
    """A module in eval mode that answers for any parameters; by torch.func.vmap, or in a loop where that refuses it."""

    def __init__(self, module: nn.Module, space: ParameterSpace) -> None:
        self.space = space
        self._functional = Functional(Conduct(module.eval(), "eval", Habits(), Habits()), space)
        self._at_once = True

    def __call__(self, thetas: Tensor, inputs: tuple[Tensor, ...]) -> Any:
        """What thetas `[P, D]` give for inputs `[P, ...]`, a tensor or containers of them, P in front."""
        if self._at_once:
            try:
                return torch.func.vmap(self._functional)(thetas, *inputs)
            except (
                Exception
            ) as refusal:  # vmap refuses in many ways; if the module is at fault, the loop says so
                found = self._one_by_one(thetas, inputs)
                self._at_once = False
                reason = first_line(refusal) or type(refusal).__name__
                text = f"policies are asked one by one, which is slow, as torch.func.vmap refuses the module: {reason}"
                warnings.warn(text, NogdWarning, stacklevel=3)
                return found
        return self._one_by_one(thetas, inputs)

    def _one_by_one(self, thetas: Tensor, inputs: tuple[Tensor, ...]) -> Any:
        found = [self._functional(theta, *given) for theta, *given in zip(thetas, *inputs, strict=True)]
        return tree_map(lambda *parts: torch.stack(parts), *found)


@dataclass
class _Ledger:
    """Steps of a world, which policies share with their parts."""

    steps: int = 0


class Policies:
    """P policies that a simulator calls with observations `[P, E, ...]` of E episodes each.

    :ivar count: their number, P.
    :ivar dtype: of the parameters.
    :ivar device: of the parameters.
    """

    def __init__(self, network: PolicyNetwork, thetas: Tensor, watched: Moments | None = None) -> None:
        self._network, self._thetas, self._watched = network, thetas, watched
        self.count, self.dtype, self.device = len(thetas), thetas.dtype, thetas.device
        self._ledger = _Ledger()

    @property
    def steps(self) -> int:
        """Steps of the world so far, those of parts included."""
        return self._ledger.steps

    def split(self, most: int) -> Iterator[Policies]:
        """The same policies in parts, in their order, for a world that holds no more of them at once.

        :param most: policies of a part, at least 1.
        """
        for thetas in self._thetas.split(most):
            part = Policies(self._network, thetas, self._watched)
            part._ledger = self._ledger
            yield part

    def __call__(self, *observations: Tensor, running: Tensor | None = None) -> Any:
        """What the module returns for observations, each policy for its own.

        The module gets those of one policy, `[E, ...]`, as a batch. Several arguments, such as a hidden state, are
        passed on, and whatever the module returns comes back with P in front.

        :param observations: `[P, E, ...]` each.
        :param running: booleans `[P, E]`, the episodes that have not ended yet. A step counts for each of these; for
            all by default.
        :returns: outputs `[P, E, ...]`.
        """
        if self._watched is not None:
            self._watched.add(observations[0] if running is None else observations[0][running])
        self._ledger.steps += int(observations[0].shape[:2].numel() if running is None else running.sum())
        return self._network(self._thetas, observations)
