"""Gauss-Newton from outputs alone: no derivative of the network, no back-propagation."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar, Literal, final

import torch
from pydantic import Field
from torch import Generator, Tensor

from nogd.engine.candidates.sets import Population
from nogd.engine.candidates.subspace import Subspace
from nogd.engine.gram.found import Gram
from nogd.engine.objective import Objective
from nogd.engine.state import State
from nogd.errors import InvalidSetting
from nogd.learners.damped_step import damped_step, flops_of_step
from nogd.learners.directions import Directions
from nogd.learners.drawn_features import Surrogate
from nogd.training.learner import Learner

Kind = Literal["isotropic", "units"]
KINDS: tuple[Kind, ...] = ("isotropic", "units")
# Factors of the damping that are tried in each step: at once, or in turn until one helps, where a step takes so few
# probes that a try is dear.
AT_ONCE: tuple[tuple[float, ...], ...] = ((0.03, 0.3, 3.0, 30.0),)
IN_TURN = ((0.1,), (1.0,), (10.0,), (100.0,), (1000.0,))
_FEW = 24
# Of a kind's gain what is remembered, and how often the worse kind is tried again.
_MEMORY, _EXPLORED = 0.7, 0.15
_LEAST_DAMPING, _MOST_DAMPING = 1e-7, 1e8
_WIDER, _WIDEST = 1.5, 1.0
# A relative change of the loss that is none.
_NOTHING = 1e-7


@dataclass(kw_only=True)
class GaussNewtonState(State):
    """loss: of theta. at: where the search stands, and value what it follows there, a surrogate or the loss; theta
    itself without a surrogate. damping: in units of the mean curvature. radius: of a probe. gains: of each kind of
    directions, how far the value's logarithm falls per forward, a moving mean; infinite before it was tried. last: the
    latest step, None before. order: units that this sweep has left.
    """

    rng: Generator
    at: Tensor
    value: float = math.inf
    loss: float = math.inf
    damping: float = 1.0
    radius: float
    gains: list[float] = field(default_factory=lambda: [math.inf] * len(KINDS))
    last: Tensor | None = None
    order: list[int] = field(default_factory=list)


@final
class GaussNewton(Learner[GaussNewtonState]):
    """Damped Gauss-Newton steps in random subspaces, from the outputs of a few probes (Cartis and Roberts 2023, doi
    10.1007/s10107-022-01836-1; damping: Levenberg 1944, doi 10.1090/qam/10666).

    A step sends `probes` networks along as many directions, each a distance of `radius` from theta. The change of their
    outputs and the known loss give the slope and the Gauss-Newton matrix there; where the network ends in a linear
    layer, its derivatives are its inputs and cost no probe. Steps for four dampings are scored, and the best is taken
    if it lowers the loss.

    Directions are of two kinds: normal ones, or all incoming weights of a few units; the latest step is one of either.
    "auto" takes the kind that has lowered the loss's logarithm more per forward, and now and then the other. After a
    step that fails the damping rises; then, and where most probes change nothing, they go further, up to a distance of
    1, where they look across steps of an activation. A success brings both back. An iteration is a step. With fewer
    than 24 probes, dampings are tried in turn until one helps, five at most.

    A loss without a slope, such as the share of errors, is replaced at the outputs by a surrogate, which alone decides
    on steps; the network that is best by the loss itself is recommended.
    """

    name: ClassVar[str] = "gauss-newton"
    needs: ClassVar[frozenset[str]] = frozenset({"outputs"})
    uses: ClassVar[frozenset[str]] = frozenset({"layers"})
    tags: ClassVar[frozenset[str]] = frozenset({"gauss-newton", "subspace"})
    probes: int = Field(30, ge=1, description="directions of a step")
    directions: Literal["auto", "isotropic", "units"] = Field(
        "auto",
        description="isotropic: normal ones; units: incoming weights of a few units; auto: what gains more",
    )
    radius: float = Field(
        0.01, gt=0, allow_inf_nan=False, description="shortest distance of a probe from theta"
    )

    surrogate: Surrogate = None

    def supports(self, objective: Objective) -> str | None:
        try:
            objective.gram_cost(1, surrogate=self._followed(objective))
        except InvalidSetting as refusal:
            return str(refusal)
        return None

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> GaussNewtonState:
        state = GaussNewtonState(theta=theta, at=theta, rng=rng, radius=self.radius)
        values, losses = _scored(objective, theta[None], self._followed(objective))
        state.value, state.loss = float(values[0]), float(losses[0])
        return state

    def step(self, objective: Objective, state: GaussNewtonState) -> None:
        before, forwards = state.value, objective.meter.forwards
        space, surrogate = Directions.of(objective), self._followed(objective)
        kind = self._kind(space, state)
        tries = IN_TURN if min(self.probes, space.size) < _FEW else AT_ONCE
        left = objective.left.forwards - len(tries[0]) - 1
        count = self._room(objective, space, surrogate, left)
        probes = self._probes(space, state, kind, count)
        gram = objective.gram(probes, readout=space.readout, surrogate=surrogate)
        for factors in tries:
            thetas = _stepped(objective, state, probes, gram, factors)
            values, losses = _scored(objective, thetas, surrogate)
            _recommend(state, thetas, losses)
            best = int(values.argmin())
            if float(values[best]) < state.value:
                state.last = space.hidden(thetas[best] - state.at)
                state.value, state.at = float(values[best]), thetas[best].clone()
                state.damping = max(state.damping * factors[best], _LEAST_DAMPING)
                break
        else:
            state.damping = state.damping * 100 if state.damping < _MOST_DAMPING else 1.0
        further = state.value == before or _are_blind(gram)
        state.radius = max(self.radius, min(_WIDEST, state.radius * (_WIDER if further else 1 / _WIDER)))
        state.iteration += 1
        self._learn(state, kind, _gain(before, state.value) / (objective.meter.forwards - forwards))

    def _followed(self, objective: Objective) -> Surrogate:
        """The surrogate to follow, or None for the loss itself."""
        if self.surrogate is None and "curvature" not in objective.features:
            return objective.stand_in
        return self.surrogate

    def _kind(self, space: Directions, state: GaussNewtonState) -> Kind:
        if self.directions != "auto":
            return self.directions if space.units else "isotropic"
        if not space.units or self.probes >= space.size:  # or all directions are taken
            return "isotropic"
        better = 0 if state.gains[0] >= state.gains[1] else 1
        again = float(torch.rand(1, generator=state.rng, device=state.rng.device)) < _EXPLORED
        return KINDS[1 - better if again and math.inf not in state.gains else better]

    @staticmethod
    def _learn(state: GaussNewtonState, kind: Kind, gain: float) -> None:
        place = KINDS.index(kind)
        known = state.gains[place]
        state.gains[place] = gain if known == math.inf else _MEMORY * known + (1 - _MEMORY) * gain

    def _room(self, objective: Objective, space: Directions, surrogate: Surrogate, forwards: float) -> int:
        """How many probes fit these forwards, at least 1."""
        count = min(self.probes, space.size)
        while count > 1 and objective.gram_cost(count, readout=space.readout, surrogate=surrogate) > forwards:
            count -= 1
        return count

    def _probes(self, space: Directions, state: GaussNewtonState, kind: Kind, count: int) -> Subspace:
        if self.probes >= space.size:  # the first of all, if a last step is smaller
            return space.single(state.at, torch.arange(count), None, state.radius)
        if kind == "units":
            places = _some_units(space, state, count)
            return space.single(state.at, places, state.last, state.radius)
        return space.normal(state.at, count, state.last, state.radius, state.rng)


def _scored(objective: Objective, thetas: Tensor, surrogate: Surrogate) -> tuple[Tensor, Tensor]:
    """What is followed and the losses, `[P]` each."""
    if surrogate is None:
        losses = objective.losses(Population(thetas))
        return losses, losses
    outputs = objective.outputs(Population(thetas))
    values = objective.curvature(outputs, surrogate=surrogate).loss
    return torch.nan_to_num(values, nan=torch.inf), objective.losses_of(outputs)


def _recommend(state: GaussNewtonState, thetas: Tensor, losses: Tensor) -> None:
    best = int(losses.argmin())
    if float(losses[best]) < state.loss:
        state.loss, state.theta = float(losses[best]), thetas[best].clone()


def _some_units(space: Directions, state: GaussNewtonState, count: int) -> Tensor:
    """The incoming weights of the next units of the sweep, `count` of them."""
    places: list[Tensor] = []
    while sum(map(len, places)) < count:
        if not state.order:
            state.order = torch.randperm(
                len(space.units), generator=state.rng, device=state.rng.device
            ).tolist()
        places.append(space.units[state.order.pop()].coordinates)
    return torch.cat(places)[:count]


def _stepped(
    objective: Objective, state: GaussNewtonState, probes: Subspace, gram: Gram, factors: tuple[float, ...]
) -> Tensor:
    """Where the steps of these dampings lead, `[factors, D]`."""
    thetas = state.at.repeat(len(factors), 1)
    flops = len(factors) * flops_of_step(len(probes), gram)
    passes = objective.forward_flops
    if passes:
        with objective.work(flops / passes, flops=flops):
            _move(thetas, state, probes, gram, factors)
    else:  # nobody knows how much arithmetic a pass takes
        _move(thetas, state, probes, gram, factors)
    return thetas


def _move(
    thetas: Tensor, state: GaussNewtonState, probes: Subspace, gram: Gram, factors: tuple[float, ...]
) -> None:
    last = gram.readout
    for theta, factor in zip(thetas, factors, strict=True):
        step, own = damped_step(gram, state.damping * factor)
        probes.combine(step.to(theta), theta)
        if last is not None and own is not None:
            features = (last.weight.stop - last.weight.start) // len(own)
            theta[last.weight] += own[:, :features].flatten().to(theta)
            if last.bias is not None:
                theta[last.bias] += own[:, features].to(theta)


def _are_blind(gram: Gram) -> bool:
    """Whether most probes change nothing, as between two steps of an activation."""
    change = (gram.values - gram.value).abs()
    return bool((change <= _NOTHING * gram.value.abs()).double().mean() > 0.5)


def _gain(before: float, after: float) -> float:
    """By how much the value's logarithm fell."""
    least = 1e-30
    return math.log(max(before, least) / max(after, least)) if math.isfinite(before) else 0.0
