"""The objective: scores candidates, refuses what does not fit the budget, and keeps the meter."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from nogd.errors import InvalidSetting, NogdWarning, NotDifferentiable
from nogd.objective.black_box import BlackBox
from nogd.objective.candidates import Candidates, Line, Population
from nogd.objective.losses import ranked
from nogd.objective.meter import BudgetSpent, Limit, Meter, TargetReached
from nogd.objective.minimum import Course, exact_minimum, searched_minimum
from nogd.objective.network import Network
from nogd.objective.scoring import Described, described, score
from nogd.objective.space import ParameterSpace
from nogd.objective.stream import Stream
from nogd.objective.trace import Trace
from nogd.objective.tracks import tracks_for
from nogd.objective.turns import Turns
from nogd.objective.walk import DenseTracks, Tracks
from nogd.objective.walking import Walk
from nogd.state import State


class Recording(Protocol):
    """What the objective tells before it charges a call that passes a point of the recorder's grid."""

    next_forwards: float

    def settle(self, forwards: float) -> None:
        """Measure the recommendation in force and write it to all grid points below `forwards`."""


class Objective:
    """What is minimised. Every call is charged before anything is computed; see PROTOCOL for what counts what.

    D: number of searched parameters. N: training examples. `space`: their names and box. `meter`: what was spent.
    `features`: what learners may need, "gradient" and "layers". `gradient_cost`: forwards that one gradient counts, NaN
    where there is none. `batch_size`: rows of a query for learners that take
    mini-batches, None for all. `module`, `inputs`, `targets`: for learners that look inside; they pay by `charge`.
    """

    def __init__(
        self,
        scorer: Network | Stream | BlackBox,
        *,
        differentiable: bool = True,
        batch_size: int | None = None,
    ) -> None:
        self._scorer = scorer
        self._cost = scorer.cost()
        self.space: ParameterSpace = scorer.space
        self.batch_size = batch_size
        self.features = _features(scorer, differentiable)
        self.gradient_cost = self._cost.gradient if "gradient" in self.features else math.nan
        self.meter = Meter(scorer.examples, self._cost.gradient if "gradient" in self.features else 1.0)
        self.trace = Trace()
        self._turns = Turns()  # at the meter and the trace
        self.target = -math.inf
        self.recorder: Recording | None = None
        self._limits: list[Limit] = [Limit()]
        self._state: State | None = None  # whose theta is the recommendation in force
        self._outer_state: State | None = None  # the whole learner's own, which has the phase
        self._start: Tensor | None = None
        self._walk: Walk | None = None
        self._standing: Tensor | None = None  # where a restored walk stands, until it is asked for
        self._gradient_seen = False

    # -- what it is

    @property
    def D(self) -> int:
        """Number of searched parameters."""
        return self.space.dimension

    @property
    def N(self) -> int:
        """Training examples; 1 for a black box."""
        return self.meter.examples_in_set

    @property
    def dtype(self) -> torch.dtype:
        """The type of theta."""
        return self.space.dtype

    @property
    def device(self) -> torch.device:
        """Where theta and the data are."""
        return self.space.device

    @property
    def engine(self) -> str:
        """How populations are scored, and why."""
        return f"{self._scorer.engine}: {self._scorer.why}"

    @property
    def module(self) -> nn.Module:
        """A private copy of the network (the user's own for a black box)."""
        return self._scorer.module

    @property
    def inputs(self) -> Tensor:
        """Training inputs `[N, ...]`; of streamed data and black boxes there are none."""
        return self._network().inputs

    @property
    def targets(self) -> Tensor:
        """Training targets, as the loss compares them."""
        return self._network().targets

    # -- scoring

    def losses(self, candidates: Candidates, rows: Tensor | None = None) -> Tensor:
        """Losses of P candidates, `[P]`; NaN and infinities come back as plus infinity, so that they rank last.

        rows: numbers of the examples to use, `[B]`; all candidates of a call see the same. Counts P forwards (their
        share for rows) and P evaluations. Raises BudgetSpent, before anything is computed, if that does not fit.
        """
        known = described(candidates, self.space)
        count = len(known)
        examples = self._examples(rows)
        self._pay(count, count * examples, flops=self._cost.flops * count * examples)
        if count == 0:
            return torch.empty(0, dtype=self.dtype, device=self.device)
        started = time.perf_counter()
        losses = ranked(self._score(known, rows))
        lowest = _lowest(losses, rows)
        self.meter.inside += time.perf_counter() - started
        self._note(losses, known, lowest)
        return losses

    def walk(self, theta: Tensor) -> Walk:
        """A walk along coordinates from theta `[D]`, which its moves change in place.

        Counts 1. Asked again for the theta that it already walks, it returns the live walk and counts nothing; for
        another tensor of equal values too, so that a resumed run, whose tensors are all new, costs the same.
        """
        walk = self._walk
        if walk is not None and walk.is_live and walk.theta is theta:
            return walk
        self._check_theta(theta)
        self._check_in_place(theta)
        standing, self._standing = self._standing_at(), None
        paid = standing is not None and torch.equal(standing, theta)
        if not paid:
            self._pay(1, self.N, flops=self._cost.flops * self.N)
        started = time.perf_counter()
        losses = ranked(self._scorer.losses(theta[None]))
        tracks, loss = self._tracks(theta), float(losses[0])
        self.meter.inside += time.perf_counter() - started
        if not paid:
            self._note(losses, Population(theta[None]), loss)
        started = time.perf_counter()
        tracks.warm_up()
        self.meter.pause(time.perf_counter() - started)
        self._walk = Walk(theta, tracks, loss, self._score_line, self._line_minimum)
        return self._walk

    def gradient(self, theta: Tensor, rows: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Loss and gradient `[D]` at theta `[D]`; counts `gradient_cost` forwards (their share for rows), 1 gradient.

        Raises NotDifferentiable where the task says that there is none.
        """
        scorer = self._differentiable()
        self._check_theta(theta)
        examples = self._examples(rows)
        flops = self._cost.flops * self.gradient_cost * examples
        self._pay(1, examples, backwarded=examples, gradients=1, flops=flops)
        started = time.perf_counter()
        loss, gradient = scorer.gradient(theta, rows)
        losses = ranked(loss.reshape(1))
        lowest = _lowest(losses, rows)
        self.meter.inside += time.perf_counter() - started
        if not self._gradient_seen:
            self._gradient_seen = True
            _warn_if_zero(gradient)
        self._note(losses, Population(theta[None]), lowest)
        return loss, gradient

    def directional(
        self, theta: Tensor, directions: Tensor, rows: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Loss at theta `[D]` and its derivatives `[K]` along directions `[K, D]`, in forward mode.

        Counts 1 + K (gradient_cost - 1) forwards, one pass and K tangents (their share for rows), and K evaluations, at
        least 1. Raises NotDifferentiable where the task says that there is no gradient.
        """
        scorer = self._differentiable()
        self._check_theta(theta)
        if directions.ndim != 2 or directions.shape[1] != self.D:
            raise InvalidSetting(
                f"directions have shape {list(directions.shape)}, but this objective needs [K, {self.D}]."
            )
        count = len(directions)
        examples = self._examples(rows)
        flops = self._cost.flops * self._cost.directional(count) * examples
        self._pay(max(1, count), examples, backwarded=count * examples, flops=flops)
        started = time.perf_counter()
        theta, directions = (each.detach().to(self.device, self.dtype) for each in (theta, directions))
        loss, derivatives = scorer.directional(theta, directions, rows)
        losses = ranked(loss.reshape(1))
        lowest = _lowest(losses, rows)
        self.meter.inside += time.perf_counter() - started
        self._note(losses, Population(theta[None]), lowest)
        return loss, derivatives.to(self.dtype)  # an autocast gives others

    def charge(self, forwards: float, *, flops: float = 0.0) -> None:
        """Pay for what a learner computes by itself with the module, in full-training-set forwards."""
        if not (forwards >= 0 and flops >= 0):
            raise InvalidSetting(f"what is charged must not be negative: {forwards} forwards, {flops} flops.")
        self._pay(0, 0, declared=forwards, flops=flops)

    def measure(self, theta: Tensor) -> dict[str, float]:
        """The training loss of theta `[D]`, by the module itself; counts nothing, as it is for the record alone."""
        return {"loss": float(self._scorer.losses(theta[None])[0])}

    def warm_up(self, theta: Tensor) -> None:
        """Do once, before the clock starts, what costs more the first time; counts nothing."""
        self._scorer.losses(theta[None])
        if not isinstance(self._scorer, BlackBox) and "gradient" in self.features:
            self._scorer.gradient(theta, None)

    # -- the budget

    @property
    def left(self) -> Limit:
        """What the narrowest limit in force leaves of each ledger; infinity where there is none."""
        meter = self.meter
        return Limit(
            min(limit.forwards for limit in self._limits) - meter.forwards,
            min(limit.evaluations for limit in self._limits) - meter.evaluations,
            min(limit.seconds for limit in self._limits) - meter.seconds,
            min(limit.iterations for limit in self._limits) - meter.iterations,
        )

    @contextmanager
    def within(self, limit: Limit, state: State | None = None) -> Iterator[Limit]:
        """Give a part of the budget to an inner learner, whose state is in force meanwhile.

        Swallows only the end of this limit (then `limit.spent` is true); an outer end passes through.
        """
        outer = self._state
        self._limits.append(limit)
        if state is not None:
            self._state = state
        try:
            yield limit
        except BudgetSpent as end:
            if end.limit is not limit:
                raise
        finally:
            self._limits.pop()
            self._state = outer

    def check_iterations(self) -> None:
        """Raise BudgetSpent if the iterations of some limit are used up; called before each step."""
        for limit in self._limits:
            if self.meter.iterations + 1 > limit.iterations:  # a share may end between two iterations
                limit.spent = True
                raise BudgetSpent(limit)

    def _pay(
        self,
        evaluations: int,
        forwarded: int,
        *,
        backwarded: int = 0,
        gradients: int = 0,
        declared: float = 0.0,
        flops: float = 0.0,
    ) -> None:
        """The meter's single gate: refuse before anything is computed, settle the recorder, then count."""
        with self._turns:
            meter = self.meter
            forwards = meter.forwards_after(forwarded, backwarded, declared)
            for limit in self._limits:  # outermost first: the run's own end wins
                if (
                    forwards > limit.forwards
                    or meter.evaluations + evaluations > limit.evaluations
                    or meter.seconds > limit.seconds
                ):
                    limit.spent = True
                    raise BudgetSpent(limit)
            if self.recorder is not None and forwards > self.recorder.next_forwards:
                self.recorder.settle(forwards)
            meter.forwarded += forwarded
            meter.backwarded += backwarded
            meter.declared += declared
            meter.evaluations += evaluations
            meter.gradients += gradients
            meter.flops += flops

    # -- the run

    def begin(self, start: Tensor, limit: Limit, recorder: Recording | None, target: float | None) -> None:
        """Make ready for one run from `start` `[D]`."""
        self._start, self._limits, self.recorder = start, [limit], recorder
        self._walk = self._standing = None
        self._state = self._outer_state = None
        self.target = -math.inf if target is None else target
        self.meter.restart_clock()

    def follow(self, state: State) -> None:
        """From now on `state.theta` is the recommendation in force."""
        self._state = self._outer_state = state

    @property
    def recommendation(self) -> Tensor:
        """What the learner recommends at this moment, `[D]`."""
        if self._state is not None:
            return self._state.theta
        assert self._start is not None
        return self._start

    @property
    def state(self) -> State | None:
        """The state in force; None while a learner initialises."""
        return self._state

    @property
    def phase(self) -> int:
        """Number of the learner's phase."""
        return 0 if self._outer_state is None else self._outer_state.phase

    def save(self) -> dict[str, Any]:
        """What a resumed run needs of the objective; taken between steps."""
        return {
            "meter": self.meter.save(),
            "trace": self.trace.save(),
            "walk": self._standing_at(),
            "gradient_seen": self._gradient_seen,
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on from what `save` gave. A walk that was live is rebuilt without being paid again."""
        self.meter.restore(saved["meter"])
        self.trace.restore(saved["trace"])
        self._standing, self._gradient_seen = saved["walk"], saved["gradient_seen"]

    def __getstate__(self) -> dict[str, Any]:
        """A copy walks by a walk of its own, which begins where this one stands."""
        return self.__dict__ | {"_walk": None, "_standing": self._standing_at()}

    # -- inside

    def _standing_at(self) -> Tensor | None:
        """Where the present walk stands, for which a walk need not be paid again."""
        if self._walk is None:
            return self._standing
        return self._walk.theta if self._walk.is_live else None

    def _score(self, candidates: Described, rows: Tensor | None) -> Tensor:
        if isinstance(self._scorer, Stream):
            return self._scorer.score(candidates, rows)
        return score(self._scorer, candidates, rows)

    def _differentiable(self) -> Network | Stream:
        if "gradient" not in self.features or isinstance(self._scorer, BlackBox):
            raise NotDifferentiable("this objective has no gradient; choose a learner that needs none.")
        return self._scorer

    def _check_theta(self, theta: Any) -> None:
        if not isinstance(theta, Tensor) or theta.shape != (self.D,):
            what = (
                f"of shape {list(theta.shape)}" if isinstance(theta, Tensor) else f"a {type(theta).__name__}"
            )
            raise InvalidSetting(f"theta must be a tensor [{self.D}] for this objective, not {what}.")

    def _check_in_place(self, theta: Tensor) -> None:
        """Refuse what cannot be changed in place, and watched for changes by others."""
        if (theta.dtype, theta.device) != (self.dtype, self.device) or not theta.is_contiguous():
            raise InvalidSetting(
                f"a walk changes theta in place, so it must be a contiguous tensor of {self.dtype} on {self.device},"
                f" not of {theta.dtype} on {theta.device} with stride {theta.stride(0)}."
            )
        if theta.is_inference():
            raise InvalidSetting(
                "theta was made under torch.inference_mode(), where no tensor tells whether it was changed; use"
                " torch.no_grad()."
            )

    def _examples(self, rows: Any) -> int:
        """How many examples these are. Raises InvalidSetting for what are no numbers of examples."""
        if rows is None:
            return self.N
        if not isinstance(rows, Tensor) or rows.ndim != 1 or rows.dtype not in _WHOLE or len(rows) == 0:
            raise InvalidSetting(
                "rows are the numbers of at least one example as a tensor [B] of torch.int64 (of a mask:"
                f" mask.nonzero()[:, 0]), not {rows!r:.60}."
            )
        if rows.device.type == "cpu":  # elsewhere to look would be to wait
            low, high = (int(end) for end in rows.aminmax())
            if not 0 <= low <= high < self.N:
                raise InvalidSetting(
                    f"rows reach from {low} to {high}, but the {self.N} examples count from 0 to {self.N - 1}."
                )
        return len(rows)

    def _score_line(
        self, walk: Walk, tracks: Tracks, index: int, values: Tensor
    ) -> tuple[Tensor, int, float]:
        count = len(values)
        self._pay(count, count * self.N, flops=tracks.flops(index, count))
        if count == 0:
            return values.new_empty(0), -1, math.inf
        started = time.perf_counter()
        losses, place, lowest = tracks.lowest(index, values)
        self.meter.inside += time.perf_counter() - started
        if lowest < self.trace.best:  # else there is nothing to note
            self._note(losses, Line(walk.theta, index, values), lowest)
        return losses, place, lowest

    def _line_minimum(
        self, walk: Walk, tracks: Tracks, index: int, low: float, high: float
    ) -> tuple[float, float]:
        """Where there is a closed form, a look at the continuum; else a search, of which every value counts."""
        course = tracks.course(index)
        found = None if course is None else self._exact_minimum(walk, tracks, course, index, low, high)
        if found is not None:
            return found
        return searched_minimum(
            lambda values: self._score_line(walk, tracks, index, values)[0], low, high, walk.theta
        )

    def _exact_minimum(
        self, walk: Walk, tracks: Tracks, course: Course, index: int, low: float, high: float
    ) -> tuple[float, float] | None:
        """Pays 1 evaluation and 1 forward before, and what it took beyond a forward before the answer is given."""
        self._pay(1, self.N)
        started = time.perf_counter()
        with torch.no_grad():
            found = exact_minimum(
                lambda values: ranked(tracks.losses(index, values)), course, low, high, walk.theta
            )
        self.meter.inside += time.perf_counter() - started
        if found is None:
            return None
        value, loss, scored, flops = found
        flops += tracks.flops(index, scored)
        beyond = flops / max(1.0, self._cost.flops * self.N) - 1
        self._pay(0, 0, declared=max(0.0, beyond), flops=flops)
        losses = walk.theta.new_tensor([loss])
        self._note(losses, Line(walk.theta, index, walk.theta.new_tensor([value])), float(losses[0]))
        return value, loss

    def _tracks(self, theta: Tensor) -> Tracks:
        flops = self._cost.flops * self.N
        if isinstance(self._scorer, Network):
            return tracks_for(self._scorer, theta, flops)
        return DenseTracks(theta, self._scorer, flops)

    def _note(self, losses: Tensor, candidates: Described, lowest: float) -> None:
        """Keep the best loss so far; end the run at the candidate that reaches the target, to the evaluation."""
        with self._turns:
            if lowest >= self.trace.best:
                return
            if lowest <= self.target:
                first = int((losses <= self.target).nonzero()[0])
                self._refund(len(losses) - first - 1)
                self.trace.extend(losses[: first + 1], self.meter)
                raise TargetReached(candidates.at(first))
            self.trace.extend(losses, self.meter)

    def _refund(self, unused: int) -> None:
        """Take back the candidates behind the one that reached the target; their arithmetic was done and stays."""
        self.meter.evaluations -= unused
        self.meter.forwarded -= unused * self.N

    def _network(self) -> Network:
        if isinstance(self._scorer, Network):
            return self._scorer
        held = (
            "streamed data are not in memory"
            if isinstance(self._scorer, Stream)
            else "a black box has no data"
        )
        raise InvalidSetting(f"{held}, so a learner cannot look at them.")


_WHOLE = (torch.int64, torch.int32)


def _lowest(losses: Tensor, rows: Tensor | None) -> float:
    """The lowest loss, infinity on some of the rows only; a GPU is waited for here, within the time of scoring."""
    return float(losses.min()) if rows is None else math.inf


def _features(scorer: Network | Stream | BlackBox, differentiable: bool) -> frozenset[str]:
    features = {"layers"} if isinstance(scorer, Network) else set()
    if not isinstance(scorer, BlackBox) and differentiable and scorer.loss.differentiable:
        features.add("gradient")
    return frozenset(features)


def _warn_if_zero(gradient: Tensor) -> None:
    if len(gradient) and not gradient.any():
        warnings.warn(
            "the gradient is exactly zero everywhere: the loss or the network has none, so a learner that follows it"
            " will not move; choose one that needs no gradient.",
            NogdWarning,
            stacklevel=3,
        )
