"""How a module is called, so that what it gives follows from its parameters and its inputs alone.

In eval mode as it will be used; in train mode with the masks of one scoring call and the statistics of the batch.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor, nn

from nogd.engine.layers.parts import joined
from nogd.engine.modules.generators import Dice, dice_of, dice_on, seeded, watched
from nogd.engine.modules.mode import Mode
from nogd.engine.modules.running_statistics import NAMES, fill, untracked
from nogd.engine.several import Inputs, called
from nogd.seeds import derive


class Conduct:
    """Calls a module that may be worked on; `mode` says how candidates are scored. Made by `observe`."""

    def __init__(self, module: nn.Module, mode: Mode, used: Habits, scored: Habits) -> None:
        self.module, self.mode = module, mode
        self.batch = 0  # number of the batch that is scored, which has masks of its own
        self._turns: dict[
            int, tuple[int, float]
        ] = {}  # by thread: the run's seed, and the number of its call
        self._used, self._scored = used, scored
        self._habits = scored
        known = {place.key for place in used.places}
        self._statistics = [place for place in scored.places if place.is_buffer and place.key not in known]

    @classmethod
    def observe(cls, module: nn.Module, inputs: Inputs, mode: Mode) -> tuple[Conduct, Any]:
        """Call the module once in eval mode, and once in train mode if that is asked for, on these inputs.

        Whatever such a call changes in the module is put back before and after each later one, and generators that it
        draws from are seeded for each and given back. Returns what it gave in eval mode too.
        """
        module.eval()
        with torch.no_grad(), observing(module, inputs.device) as used:
            outputs = called(module, inputs)
        if mode == "eval":
            return cls(module, mode, used, used), outputs
        module.train()
        with torch.no_grad(), observing(module, inputs.device) as scored:
            called(module, inputs)
        return cls(module, mode, used, scored), outputs

    @property
    def gathers(self) -> bool:
        """Whether scoring calls gather statistics, which torch.func cannot do for many candidates at once."""
        return bool(self._statistics)

    @property
    def draws(self) -> bool:
        """Whether the module draws random numbers even in eval mode."""
        return bool(self._used.dice)

    def __call__(self, inputs: Inputs) -> Any:
        """What the module gives."""
        with self.calling():
            return called(self.module, inputs)

    def calling(self) -> AbstractContextManager[None]:
        """What has to be around each call of the module, by whatever way it is called."""
        return self._guarded() if self._habits else nullcontext()

    def turn(self, seed: int, call: float) -> None:
        """From now on, what this thread scores has the masks of that call of the run with that seed."""
        self._turns[threading.get_ident()] = seed, call

    @torch.no_grad()
    def prepare(self, batches: Iterable[Inputs]) -> None:
        """Fill statistics that hold nothing yet over the inputs of all batches.

        In train mode they are not used; but a batch of one row may have none, which is better known at once.
        """
        new = untracked(self.module) if self.mode == "eval" else []
        if new:
            fill(self.module, new, batches, self)
            self._statistics += [_Place(part, True, name, None) for part in new for name in NAMES]
        elif self.gathers:
            for inputs in batches:
                if len(inputs) == 1:
                    self(inputs)

    @contextmanager
    def used(self, batches: Iterable[Inputs]) -> Iterator[None]:
        """Within, the module is as its user will use it: in eval mode, its statistics those of its present parameters.

        batches: the inputs of all training data.
        """
        if self.mode == "eval":
            yield
            return
        self._habits = self._used
        try:
            parts = list({id(place.part): place.part for place in self._statistics}.values())
            if parts:
                fill(self.module, parts, batches, self)
            self.module.eval()
            yield
        finally:
            self._habits = self._scored
            self.module.train()
            self._scored.put_back()

    def statistics(self) -> dict[str, Tensor]:
        """The statistics that were filled, as they are now, by the names of their buffers."""
        prefixes = {id(part): prefix for prefix, part in self.module.named_modules()}
        return {
            joined(prefixes[id(place.part)], place.name): place.now.clone()
            for place in self._statistics
            if isinstance(place.now, Tensor)
        }

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        habits = self._habits
        turn = self._turns.get(threading.get_ident(), (0, 0)) if habits is self._scored else (0, 0)
        habits.put_back()
        try:
            with seeded(habits.dice, derive("forward", *turn, self.batch) if habits.dice else 0):
                yield
        finally:
            habits.put_back()


class _Nothing:
    """What an attribute holds that is not there."""


@dataclass(frozen=True, eq=False)
class _Place:
    """A buffer or an attribute of a part of the module; value: what belongs there."""

    part: nn.Module
    is_buffer: bool
    name: str
    value: object

    @property
    def key(self) -> tuple[int, bool, str]:
        return id(self.part), self.is_buffer, self.name

    @property
    def now(self) -> object:
        """What is there."""
        return self._holder[self.name] if self.name in self._holder else _Nothing  # noqa: SIM401  # a script has no get

    @property
    def is_overwritten(self) -> bool:
        """Whether a tensor has other values; its version does not tell that of batch normalisation."""
        now = self.now
        if not isinstance(now, Tensor) or not isinstance(self.value, Tensor):
            return False
        try:
            return not torch.equal(now, self.value)
        except NotImplementedError:  # sparse ones, which nobody overwrites
            return False

    def put_back(self) -> None:
        """A new tensor each time: what autograd keeps of the old one must not change."""
        if self.value is _Nothing:
            self._holder.pop(self.name, None)
        else:
            self._holder[self.name] = self.value.clone() if isinstance(self.value, Tensor) else self.value

    @property
    def _holder(self) -> dict[str, Any]:
        return self.part._buffers if self.is_buffer else vars(self.part)


@dataclass(frozen=True, eq=False)
class Habits:
    """What a call changes in the module, and what it draws from."""

    places: list[_Place] = field(default_factory=list)
    dice: list[Dice] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.places or self.dice)

    def put_back(self) -> None:
        for place in self.places:
            place.put_back()


@contextmanager
def observing(module: nn.Module, device: torch.device) -> Iterator[Habits]:
    """Within, the module may be called; afterwards it and all generators are as they were.

    The habits are known then. device: where the module draws random numbers.
    """
    places = [_Place(*where, _kept(value)) for where, value in _held(module)]
    before = [(place, place.now) for place in places]
    own = [dice_of(value) for _, value in before if isinstance(value, Generator)]
    habits = Habits()
    try:
        with watched([*dice_on(device), *own], habits.dice):
            yield habits
    finally:
        known = {place.key for place in places}
        habits.places.extend(
            place for place, value in before if place.now is not value or place.is_overwritten
        )
        added = (_Place(*where, _Nothing) for where, _ in _held(module))
        habits.places.extend(place for place in added if place.key not in known)
        habits.put_back()


def _held(module: nn.Module) -> Iterator[tuple[tuple[nn.Module, bool, str], object]]:
    """All that the module's parts hold besides parameters and parts: where, and what."""
    for part in module.modules():
        for is_buffer, held in ((True, part._buffers), (False, vars(part))):
            for name, value in held.items():
                yield (part, is_buffer, name), value


def _kept(value: object) -> object:
    return value.detach().clone() if isinstance(value, Tensor) else value
