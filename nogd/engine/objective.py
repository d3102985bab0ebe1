"""The objective: scores candidates, refuses what does not fit the budget, and keeps the meter."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import ClassVar

import torch
from torch import Tensor, nn

from nogd.engine.accounts.black_box_till import BlackBoxTill
from nogd.engine.accounts.ledger import Ledger
from nogd.engine.accounts.meter import Limit, Meter
from nogd.engine.accounts.stopwatch import Stopwatch
from nogd.engine.accounts.till import Till
from nogd.engine.black_box import BlackBox
from nogd.engine.candidates.scoring import Described, described, score
from nogd.engine.candidates.sets import Candidates, Population
from nogd.engine.checks import check_in_place, check_theta, count_rows
from nogd.engine.gradient_side import GradientSide
from nogd.engine.gram.side import GramSide
from nogd.engine.inputs.shown import Shown
from nogd.engine.losses import lowest_of, ranked
from nogd.engine.network import Network
from nogd.engine.outputs_and_layers import Scorer, seen_features
from nogd.engine.readout.side import ReadoutSide
from nogd.engine.run_side import RunSide
from nogd.engine.several import Tree, plain
from nogd.engine.sharing import Sharing
from nogd.engine.simulation import Simulation
from nogd.engine.space import ParameterSpace
from nogd.engine.state import State
from nogd.engine.stream import Stream
from nogd.engine.walks.caches import cache_for
from nogd.engine.walks.lines import Lines
from nogd.engine.walks.walk import ActivationCache, DenseCache
from nogd.engine.walks.walking import Walk
from nogd.engine.watching import WatchSide, watched_layers
from nogd.errors import InvalidSetting


class Objective(GramSide, ReadoutSide, GradientSide, WatchSide, RunSide):
    """The function that is minimised. Every call is charged before anything is computed.

    :ivar space: names and search box of the searched parameters.
    :ivar batch_size: examples per query for learners that use mini-batches; None for all.
    """

    _till_kind: ClassVar[type[Till]] = Till

    def __init__(
        self,
        scorer: Scorer,
        *,
        differentiable: bool = True,
        batch_size: int | None = None,
    ) -> None:
        self._scorer = scorer
        self._cost = scorer.cost()
        self.space: ParameterSpace = scorer.space
        self.batch_size = batch_size
        self._features = _features(scorer, differentiable)
        self._examples = scorer.examples  # what all is counted by, so that nobody may set it
        ledger = Ledger(scorer.examples, self._cost.gradient if "gradient" in self._features else 1.0)
        self._ledger, self._meter = ledger, Meter(ledger)
        self._till = (
            BlackBoxTill(ledger, scorer)
            if isinstance(scorer, BlackBox) and not scorer.noisy
            else self._till_kind(ledger)
        )
        lines = Lines(self._till, self._cost.flops * self._examples)
        self._score_line, self._line_minimum = lines.score, lines.minimum
        self._shown: Shown | None = None
        self._sharing: Sharing | None = None
        self._walk: Walk | None = None
        self._scores = None
        self._standing: Tensor | None = None  # where a restored walk stands, until it is asked for
        self._gradient_seen = False
        self.warming = Stopwatch()
        """What took longer the first time in a run, off the clock."""
        if scorer.noisy:
            self._till.mask = scorer.turn
        if isinstance(scorer, Simulation):
            scorer.count = ledger.count_steps

    # -- what it is

    @property
    def D(self) -> int:
        """Number of searched parameters."""
        return self.space.dimension

    @property
    def N(self) -> int:
        """Training examples; 1 for a black box."""
        return self._examples

    @property
    def features(self) -> frozenset[str]:
        """Which of "outputs", "curvature", "directional", "layers", "observations", "readout" and "gradient" there are
        here; a learner's `needs` asks for these.
        """
        if self._scores is not None:
            return frozenset()
        return self._features if self._head is None else self._features | {"readout"}

    def lacks(self, needs: frozenset[str]) -> frozenset[str]:
        """Which of these features there are not; only who needs a readout has it looked for."""
        return needs - (self.features if "readout" in needs or self._scores is not None else self._features)

    @property
    def gradient_cost(self) -> float:
        """Forwards that one gradient counts; NaN where there is none."""
        return self._cost.gradient if "gradient" in self._features else math.nan

    @property
    def forward_flops(self) -> float:
        """Floating-point operations of one forward, those of products; 0 where they are not known."""
        return self._cost.flops * self._examples

    @property
    def dtype(self) -> torch.dtype:
        """The type of theta."""
        return self.space.dtype

    @property
    def device(self) -> torch.device:
        """Where theta and the data are."""
        return self.space.device

    @property
    def noisy(self) -> bool:
        """Whether one candidate may score differently in two calls, as each call has masks or episodes of its own."""
        return self._till.mask is not None

    @property
    def engine(self) -> str:
        """How populations are scored, and why."""
        return f"{self._scorer.engine}: {self._scorer.why}"

    @property
    def meter(self) -> Meter:
        """What was spent, for reading."""
        return self._meter

    @property
    def access(self) -> str:
        """The strongest access that the run has used so far: losses, outputs, directional, layers (also: the module),
        closed-form (also: the data) or gradient.
        """
        return self._till.access

    @property
    def module(self) -> nn.Module:
        """A private copy of the network (the user's own for a black box)."""
        self._till.used("layers")
        return self._scorer.module

    @property
    def inputs(self) -> Tree:
        """Training inputs `[N, ...]`, a copy for the learner; a tuple or dict of tensors for a module that takes
        several.

        :raises InvalidSetting: if there are none in memory: streamed data and black boxes.
        """
        return self._data().inputs

    @property
    def targets(self) -> Tensor:
        """Training targets, as the loss compares them, a copy for the learner."""
        return self._data().targets

    def batch(self, rows: Tensor | None = None) -> tuple[Tree, Tensor]:
        """Training inputs and targets of some rows, a copy for the learner. Pay for what you compute with them by
        `work`.

        :param rows: indices of the examples to use, `[B]`; all by default.
        :returns: (inputs, targets). Inputs of a module that takes several are a tuple, for `module(*inputs)`, or a
            dict, for `module(**inputs)`.
        :raises InvalidSetting: if there are no data.
        """
        self._till.used("closed-form")
        if isinstance(self._scorer, Stream):
            inputs, targets = self._scorer.batch(rows)
        else:
            inputs, targets = self._network().batch(rows)
        return (plain(inputs), targets) if rows is not None else (plain(inputs.clone()), targets.clone())

    # -- scoring

    def losses(self, candidates: Candidates, rows: Tensor | None = None) -> Tensor:
        """Losses of P candidates; NaN and infinities become plus infinity, so that they rank last.

        Counts P forwards (their share for rows) and P evaluations.

        :param candidates: a Population, Line, Perturbed, LowRank, Subspace, Unit or any other set of P candidates.
        :param rows: indices of the examples to use, `[B]`, the same for all candidates of the call; all by default.
        :returns: `[P]`, of the dtype that the loss gives: float64 of a simulator, where parameters may be float32.
        :raises BudgetSpent: before anything is computed, if the call does not fit the budget.
        """
        if self._scores is not None:
            return self._scores.losses(candidates, rows)
        known = described(candidates, self.space)
        count = len(known)
        examples = count_rows(rows, self._examples)
        self._till.pay(count, count * examples, flops=self._cost.flops * count * examples)
        if count == 0:
            return torch.empty(0, dtype=self.dtype, device=self.device)
        started = time.perf_counter()
        losses = ranked(self._score(known, rows))
        lowest = lowest_of(losses, rows)
        if self._watched is not None:
            self._show(rows)
        self._ledger.inside += time.perf_counter() - started
        self._till.note(losses, known, lowest)
        return losses

    def walk(self, theta: Tensor) -> Walk:
        """A walk along coordinates, whose moves change theta in place.

        Counts 1 forward. Called again for the theta that it already walks, it returns the live walk and counts nothing;
        the same holds for another tensor of equal values, so that a resumed run, whose tensors are all new, costs the
        same.

        :param theta: where it starts, `[D]`.
        :raises BudgetSpent: before anything is computed, if the call does not fit the budget.
        """
        walk = self._walk
        if self._scores is None and walk is not None and walk.is_live and walk.theta is theta:
            return walk
        check_theta(theta, self.D)
        check_in_place(theta, self.space)
        if self._scores is not None:
            return self._scores.walk(theta)
        standing, self._standing = self._standing_at(), None
        paid = standing is not None and torch.equal(standing, theta)
        if not paid:
            self._till.pay(1, self._examples, flops=self._cost.flops * self._examples)
        started = time.perf_counter()
        losses = ranked(self._loss_where_it_stands(theta) if paid else self._scorer.losses(theta[None]))
        cache, loss = self._cache(theta), float(losses[0])
        self._ledger.inside += time.perf_counter() - started
        if not paid:
            self._till.note(losses, Population(theta[None]), loss)
        with self._ledger.clock, self.warming:
            cache.warm_up()
        self._walk = Walk(theta, cache, loss, self._score_line, self._line_minimum)
        return self._walk

    @contextmanager
    def work(self, forwards: float, rows: Tensor | None = None, flops: float | None = None) -> Iterator[None]:
        """Pay for what a learner itself computes with the module or the data; used as `with objective.work(...):`.

        It is paid before the block is entered: the passes in forwards (their share for rows), and as many evaluations,
        at least 1. Time in the block counts as scoring, not as overhead.

        :param forwards: number of passes over the examples, whole or not.
        :param rows: indices of the examples that are used, `[B]`; all by default.
        :param flops: number of floating-point operations; that of the passes by default.
        :raises BudgetSpent: before the block is entered, if it does not fit the budget.
        :raises InvalidSetting: if a number is negative or not finite.
        """
        examples = count_rows(rows, self._examples)
        arithmetic = self._cost.flops * forwards * examples if flops is None else flops
        if not (0 <= forwards < math.inf and 0 <= arithmetic < math.inf):
            raise InvalidSetting(
                f"work is paid in finite numbers, 0 or more, not {forwards} forwards, {flops} flops."
            )
        passes = max(1.0, forwards)
        evaluations = self._ledger.evaluations_of(passes)
        self._till.pay(evaluations, 0, worked=forwards * examples, flops=arithmetic)
        self._ledger.passes += passes
        seconds, inside = self._ledger.seconds, self._ledger.inside
        try:
            yield
        finally:  # what was asked within is in it
            self._ledger.inside = inside + self._ledger.seconds - seconds

    # -- the budget

    @property
    def left(self) -> Limit:
        """What the tightest limit leaves of each ledger (forwards, evaluations, seconds, iterations); infinite without
        a limit.
        """
        return self._till.left

    def room(self, rows: Tensor | None = None) -> int:
        """How many candidates still fit the tightest limit; at least 1, even if that one will be refused.

        :param rows: indices of the examples that they are to be scored on, `[B]`; all by default.
        """
        room = self._till.room(count_rows(rows, self._examples))
        if self._scores is None:
            return room
        return max(1, int(min(room, self.left.forwards / self._scores.price)))

    def within(self, limit: Limit, state: State | None = None) -> AbstractContextManager[Limit]:
        """Give part of the budget to an inner learner; used as `with objective.within(...):`.

        Only the end of this limit is caught (`limit.spent` is then true); the end of an outer one passes through.

        :param limit: absolute values of the meter at which the part ends.
        :param state: the inner learner's, whose theta and iterations count meanwhile.
        """
        return self._till.within(limit, state)

    def check_step(self) -> None:
        """Raise BudgetSpent if the iterations or the seconds of some limit are used up; called before each step."""
        self._till.check_step()

    # -- inside

    def _score(self, candidates: Described, rows: Tensor | None) -> Tensor:
        if self._sharing is not None:
            shared = self._sharing.losses(self._scorer, candidates, rows, self._ledger.evaluations)
            if shared is not None:
                return shared
        if isinstance(self._scorer, Stream):
            return self._scorer.score(candidates, rows)
        return score(self._scorer, candidates, rows)

    def _data(self) -> Shown:
        self._till.used("closed-form")
        if self._shown is None:
            self._shown = Shown(self._network())
        return self._shown

    def _loss_where_it_stands(self, theta: Tensor) -> Tensor:
        """The loss `[1]` of a theta that was paid before; a black box is not called again."""
        if isinstance(self._scorer, Network | Stream):
            return self._scorer.losses(theta[None])
        return theta.new_tensor([self._scorer.measured(theta)])

    def _cache(self, theta: Tensor) -> ActivationCache:
        flops = self._cost.flops * self._examples
        if isinstance(self._scorer, Network):
            return cache_for(self._scorer, theta, flops)
        return DenseCache(theta, self._scorer, flops)

    def _network(self) -> Network:
        if isinstance(self._scorer, Network):
            return self._scorer
        held = (
            "streamed data are not in memory"
            if isinstance(self._scorer, Stream)
            else "a black box has no data"
        )
        raise InvalidSetting(f"{held}, so a learner cannot look at them.")


def _features(scorer: Scorer, differentiable: bool) -> frozenset[str]:
    """All but "readout"."""
    features = seen_features(scorer)
    if isinstance(scorer, Network | Stream) and differentiable and scorer.loss.differentiable:
        features |= {"gradient", "directional"}
    if watched_layers(scorer):
        features |= {"observations"}
    return frozenset(features)
