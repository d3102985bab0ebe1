"""One way to train a network: immutable hyper-parameters, with `init` and `step`; what changes lives in a State."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Generic

import torch
from pydantic import SerializeAsAny, model_validator
from torch import Generator, Tensor
from typing_extensions import TypeVar

from nogd.engine.accounts.meter import Limit
from nogd.engine.candidates.sets import Candidates
from nogd.engine.objective import Objective
from nogd.engine.state import State, has_ended
from nogd.errors import InvalidSetting
from nogd.plugins.access import strongest
from nogd.training.grammar import text_of
from nogd.training.spelling import Named, NameOf

# Words that the doors (nogd.fit, the command line, TOML) use themselves, and the methods of a learner.
RESERVED = frozenset(
    {
        "access", "ask", "batch_size", "bounds", "budget", "callback", "checkpoint", "device", "drive", "dtype",
        "enable_grad", "init", "label", "loss", "name", "needs", "progress", "seed", "share", "spelled", "step",
        "supports", "tags", "target", "tell", "use", "uses", "validation",
    }
)  # fmt: skip


# The state of a learner; any, where nothing is said of it.
S = TypeVar("S", bound=State, default=Any)


class Learner(Named, ABC, Generic[S]):
    """Base of all learners: the fields are its hyper-parameters, validated and never changed.

    `Learner[MyState]` tells type checkers what its state is, so that `step` needs no cast; `Learner` alone takes any.

    :cvar name: what it is called everywhere.
    :cvar needs: what it cannot do without, of "outputs", "curvature" (of the loss, with respect to outputs),
        "directional", "layers" (of a chain), "observations" (inputs to be watched), "readout" (a last, linear layer to
        be solved) and "gradient"; nothing by default.
    :cvar uses: what else it uses where it is offered: one of these, or "closed-form".
    :cvar tags: families that it belongs to, such as "coordinate", "evolution", "direct-search", "local-rule".
    :cvar batches: whether it uses the objective's `batch_size`. Such a learner compares losses of one set of rows only,
        and keeps no best across sets.
    """

    needs: ClassVar[frozenset[str]] = frozenset()
    uses: ClassVar[frozenset[str]] = frozenset()
    tags: ClassVar[frozenset[str]] = frozenset()
    batches: ClassVar[bool] = False

    def __class_getitem__(cls, state: Any) -> Any:
        """The class itself: pydantic would make another for each state, which cannot travel from a notebook."""
        return cls

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        taken = sorted(RESERVED & cls.model_fields.keys())
        if taken:
            raise InvalidSetting(
                f"{cls.__qualname__} calls a hyper-parameter {taken[0]!r}, a word that nogd itself uses; rename it"
                " (an initial step size is called 'sigma')."
            )

    @abstractmethod
    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> S:
        """The first state.

        :param objective: scores candidates and counts what that costs.
        :param theta: the starting point, `[D]`; the learner may keep and change it.
        :param rng: the only source of random numbers, on theta's device; keep it in the state.
        """

    @abstractmethod
    def step(self, objective: Objective, state: S) -> None:
        """Go on by the smallest unit after which the state is consistent.

        Call the objective first and change `state.theta` after: whenever the objective is called, `state.theta` must be
        a valid recommendation. Never catch BudgetSpent. Set `state.finished` to a reason when there is nothing left to
        do.

        :param objective: scores candidates and counts what that costs.
        :param state: what `init` returned; changed in place.
        """

    def supports(self, objective: Objective) -> str | None:
        """Why this learner cannot work on this objective, or None if it can; for conditions that `needs` does not
        cover.

        :param objective: may be looked at, not called.
        :returns: a phrase that follows "not applicable: ", or None.
        """
        return None

    def whole_only(self) -> tuple[str, ...]:
        """Names of those of its learners that always ask for all examples: its own, unless it is made of others."""
        return () if self.batches else (self.name,)

    @property
    def access(self) -> str:
        """The strongest access that it may use, learners within it included: what it must not go beyond."""
        inner = (each.access for name in type(self).model_fields for each in _learners(getattr(self, name)))
        return strongest((*self.needs, *self.uses, *inner))


def _learners(value: Any) -> list[Learner]:
    """The learners that a field holds."""
    return [
        each for each in (value if isinstance(value, tuple | list) else [value]) if isinstance(each, Learner)
    ]


def refusal(learner: Learner, objective: Objective) -> str | None:
    """Why this learner is not applicable to this objective, or None."""
    missing = objective.lacks(learner.needs)
    for need in sorted(
        missing, key=lambda need: (need == "curvature", need)
    ):  # it is of outputs, if there are any
        return f"{learner.name} needs {_NEEDS.get(need, need)}"
    return learner.supports(objective)


_NEEDS = {
    "gradient": "a gradient, and there is none here",
    "directional": "derivatives along directions, and there are none here",
    "outputs": "the outputs of the network, and there are none here to look at",
    "curvature": "a loss with a gradient with respect to outputs, and this one has none here",
    "readout": "a network that ends in a linear layer, with data in memory, and there is none here to solve",
    "observations": "inputs that can be watched: a network or policy that is a chain of layers, with no stream of data",
    "layers": "a network that is a chain of layers, with data in memory, and there is none here to look at",
}


class AskTell(Learner[S]):
    """Base of black-box searchers: `ask` for candidates, `tell` their losses.

    `state.room` is the number of candidates that still fit the budget, so that a last generation can be smaller. A
    learner that sets `batches` draws the rows of each step from `state.rng`, and must forget the losses of other rows.
    """

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if "rows" in cls.model_fields:
            raise InvalidSetting(
                f"{cls.__qualname__} calls a hyper-parameter 'rows', which is a method of every AskTell; rename it."
            )

    @abstractmethod
    def ask(self, state: S) -> Candidates:
        """The candidates to score next.

        :param state: anything in it may be changed but theta.
        :returns: P candidates, such as `Population(thetas)` with thetas `[P, D]`.
        """

    @abstractmethod
    def tell(self, state: S, candidates: Candidates, losses: Tensor) -> None:
        """Learn from the losses of the candidates.

        :param state: changed in place.
        :param candidates: what `ask` returned.
        :param losses: `[P]`; infinite where a loss is NaN or infinite.
        """

    def rows(self, objective: Objective, state: S) -> Tensor | None:
        """Indices of the examples of this step, the same for all its candidates.

        By default `objective.batch_size` different ones, drawn from `state.rng`, if `batches` is set.

        :param objective: has N examples.
        :param state: of a learner that sets `batches`, with a generator `rng`.
        :returns: `[B]`, or None for all examples.
        """
        size = objective.batch_size
        if not self.batches or size is None or size >= objective.N:
            return None
        rng: Generator = state.rng  # type: ignore[attr-defined]  # whoever draws has one
        return torch.randperm(objective.N, generator=rng, device=rng.device)[:size].to(objective.device)

    def step(self, objective: Objective, state: S) -> None:
        rows = self.rows(objective, state)
        state.room = objective.room(rows)
        candidates = self.ask(state)
        self.tell(state, candidates, objective.losses(candidates, rows))


# -- one learner after the other


@dataclass(kw_only=True)
class SequenceState(State):
    """inner: the state of the running phase. begun: phases begun. before: iterations of those that have ended.

    ceiling: the running phase's limit: forwards, evaluations, seconds, iterations.
    """

    rng: Generator
    inner: State
    begun: int = 0
    before: int = 0
    ceiling: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)


class Sequence(Learner[SequenceState]):
    """One learner after another, each starting where the previous one ended; written "a+b".

    Phase k may spend `left * w_k / (w_k + ... + w_n)` of every limit, with `left` taken when the phase starts: what a
    phase does not spend goes to the next ones.

    :param parts: the learners, in order.
    :param shares: their weights w, positive; equal if not given.
    """

    name: ClassVar[str] = "sequence"
    parts: tuple[SerializeAsAny[Learner], ...]
    shares: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _shares_fit(self) -> Sequence:
        if not self.parts:
            raise ValueError("a sequence needs at least one learner")
        if self.shares and len(self.shares) != len(self.parts):
            raise ValueError("give a share to every learner of the sequence, or to none")
        if any(not (0 < share < math.inf) for share in self.shares):
            raise ValueError("shares are positive numbers")
        return self

    def spelled(self, name_of: NameOf) -> str:
        shares = [f",share={text_of(share).removesuffix('.0')}" for share in self.shares]
        texts = [
            f"({part.spelled(name_of)})"
            if isinstance(part, Sequence) and len(part.parts) > 1
            else part.spelled(name_of)
            for part in self.parts
        ]
        joined = "+".join(map("".join, zip(texts, shares or [""] * len(texts), strict=True)))
        return joined if len(texts) > 1 else f"({joined})"

    def whole_only(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for part in self.parts for name in part.whole_only()))

    def supports(self, objective: Objective) -> str | None:
        reasons = (refusal(part, objective) for part in self.parts)
        return next((reason for reason in reasons if reason), None)

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> SequenceState:
        # A phase begins at the start of a step, so that it can be refused by the budget and the state stays valid.
        return SequenceState(theta=theta, rng=rng, inner=State(theta=theta, finished="not begun"))

    def step(self, objective: Objective, state: SequenceState) -> None:
        if state.inner.finished is not None:
            self._next_phase(objective, state)
            return
        limit = Limit(*state.ceiling)
        with objective.within(limit, state.inner):
            try:
                objective.check_step()
                self.parts[state.phase].step(objective, state.inner)
            finally:
                state.theta = state.inner.theta
                state.iteration = state.before + state.inner.iteration
        if limit.spent:
            state.inner.finished = "its share is spent"
        self._finish(state)

    def _next_phase(self, objective: Objective, state: SequenceState) -> None:
        state.phase = state.begun
        state.begun += 1
        state.before = state.iteration
        limit = self._share(objective, state.phase)
        state.ceiling = (limit.forwards, limit.evaluations, limit.seconds, limit.iterations)
        idle = State(theta=state.theta, finished="its share is too small to begin")
        state.inner = idle
        with objective.within(limit):
            state.inner = self.parts[state.phase].init(objective, state.theta.clone(), state.rng)
        self._finish(state)

    def _finish(self, state: SequenceState) -> None:
        if has_ended(self.parts[state.phase], state.inner) and state.begun == len(self.parts):
            state.finished = f"{self.parts[-1].name}: {state.inner.finished}"

    def _share(self, objective: Objective, phase: int) -> Limit:
        weights = self.shares or (1.0,) * len(self.parts)
        part = weights[phase] / sum(weights[phase:])
        meter, left = objective.meter, objective.left
        part *= (
            1 + 1e-12
        )  # 0.3 / (0.3 + 0.1) falls just short of three quarters, which would cost a whole forward
        return Limit(
            meter.forwards + left.forwards * part,
            meter.evaluations + left.evaluations * part,
            meter.seconds + left.seconds * part,
            meter.iterations + left.iterations * part,
        )
