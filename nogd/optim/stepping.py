"""A learner that goes on by a step whenever it is given a closure to score candidates by."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Generator, Tensor, nn

from nogd.engine.accounts.meter import Limit
from nogd.engine.accounts.till import Till
from nogd.engine.black_box import BlackBox
from nogd.engine.candidates.sets import Population
from nogd.engine.objective import Objective
from nogd.engine.space import ParameterSpace
from nogd.engine.state import State, from_bytes, has_ended, to_bytes
from nogd.errors import InvalidSetting, NogdWarning
from nogd.optim.closure import Scored
from nogd.optim.given import check_same
from nogd.training.learner import Learner, refusal
from nogd.training.loop import advance


class Stepping:
    """A run without an end of its own, which stands still between steps.

    Each step goes on from what the step before saved, as a run goes on from a checkpoint. Closures may differ from step
    to step, so that nothing that was scored in one is known in the next.
    """

    def __init__(
        self, learner: Learner, module: nn.Module, space: ParameterSpace, rng: Generator, *, enable_grad: bool
    ) -> None:
        self.learner, self.module, self.space = learner, module, space
        self._rng, self._grad = rng, enable_grad
        self._scored: Scored | None = None
        self._objective = Objective(BlackBox(module, space, self._score, noisy=True))
        self.meter = self._objective.meter
        self._state: State | None = None
        self._objective.begin(space.read(module), Limit(), None, None).ledger.end()
        self._saved = self._objective.save()
        if (reason := refusal(learner, self._objective)) is not None:
            raise InvalidSetting(
                f"{learner} is not applicable: {reason}; a closure gives losses alone, and 'nogd list learners' shows"
                " which learners need no more (access: losses)."
            )

    @property
    def finished(self) -> str | None:
        """The reason once the learner has nothing left to do."""
        return None if self._state is None else self._state.finished

    def restart(self) -> None:
        """Forget what the learner knows: the next step begins from the parameters as they are then."""
        self._state = None

    def step(self, closure: object) -> float:
        """Score at least one candidate by the closure; the lowest loss of them. The recommendation is then in the
        module.
        """
        scored = self._scored = Scored(closure, self.space.device, enable_grad=self._grad)
        start = self._start()
        till = self._objective.begin(start, Limit(), None, None, self._rng.initial_seed())
        self._objective.restore(self._saved | {"walk": None})
        till.at_work = True
        try:
            state = self._state = self._state_at(start, till)
            self._go_on(state, till, start)
            while not scored.calls:
                self._go_on(state, till, start)
        finally:
            till.at_work = False
            self.space.write(self._objective.recommendation, self.module)
            till.ledger.end()
            self._saved, self._scored = self._objective.save(), None
        _tell_of_nothing_finite(scored)
        return scored.lowest

    def save(self) -> bytes:
        """What `load` takes."""
        return to_bytes({"rng": self._rng, "state": self._state, "objective": self._saved})

    def load(self, saved: bytes) -> None:
        """Go on from what `save` gave. Raises InvalidSetting where it is of another number of parameters."""
        content: dict[str, Any] = from_bytes(saved)
        state: State | None = content["state"]
        if state is not None and len(state.theta) != self.space.dimension:
            raise InvalidSetting(
                f"the state_dict is of an optimizer of {len(state.theta)} parameters, and this one has"
                f" {self.space.dimension}."
            )
        self._rng, self._state, self._saved = content["rng"], state, content["objective"]
        self._objective.restore(self._saved)
        self._objective.begin(self.space.read(self.module), Limit(), None, None).ledger.end()

    def _start(self) -> Tensor:
        """The parameters as they are now. Raises InvalidSetting where they are not what the last step left."""
        check_same(self.space, self.module)
        theta = self.space.read(self.module)
        if self._state is not None and not _equal(theta, self._state.theta):
            raise InvalidSetting(
                "the parameters are not those that the last step left: after optimizer.load_state_dict, load the"
                " module's state_dict as well; where you changed them on purpose, optimizer.restart() makes the learner"
                " begin again from them."
            )
        return theta

    def _state_at(self, start: Tensor, till: Till) -> State:
        """The state that the last step left, or the first one, at `start`."""
        state = self._state
        if state is None:
            till.ledger.iterations = 0
            state = self.learner.init(self._objective, start.clone(), self._rng)
        self._objective.follow(state)
        return state

    def _go_on(self, state: State, till: Till, start: Tensor) -> None:
        """One step of the learner; where it has ended, its recommendation is scored."""
        if has_ended(self.learner, state):
            self._tell_of_end()
            self._objective.losses(Population(state.theta[None]))
        else:
            advance(self.learner, self._objective, state, till, start)

    def _tell_of_end(self) -> None:
        warnings.warn(
            f"{self.learner} has ended ({self.finished}), and further steps change nothing; optimizer.finished tells"
            " when, optimizer.restart() makes it begin again.",
            NogdWarning,
            stacklevel=6,
        )

    def _score(self, module: nn.Module) -> float:
        assert self._scored is not None
        return self._scored(module)


def _equal(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and torch.allclose(one, other, rtol=0, atol=0, equal_nan=True)


def _tell_of_nothing_finite(scored: Scored) -> None:
    if scored.lowest == float("inf"):
        warnings.warn(
            f"the closure gave no finite loss for any of the {scored.calls} candidates of a step, so that it taught the"
            " learner nothing.",
            NogdWarning,
            stacklevel=5,
        )
