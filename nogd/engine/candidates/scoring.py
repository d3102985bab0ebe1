"""Which engine scores which candidates; whatever has no engine of its own is written out."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from nogd.engine.black_box import BlackBox
from nogd.engine.candidates.answers import Answers, answered_losses
from nogd.engine.candidates.low_rank import LowRank, low_rank_losses
from nogd.engine.candidates.low_rank_calls import called_losses
from nogd.engine.candidates.perturbed import Perturbed, perturbed_losses
from nogd.engine.candidates.planes import unit_answers
from nogd.engine.candidates.probing import SubspaceAnswers
from nogd.engine.candidates.sets import Candidates, Line, Population
from nogd.engine.candidates.subspace import Subspace
from nogd.engine.candidates.unit import Unit
from nogd.engine.compiled.scorer import Compiled
from nogd.engine.network import Network
from nogd.engine.simulation import Simulation
from nogd.engine.space import ParameterSpace
from nogd.errors import InvalidSetting

Described = Population | Line | Perturbed | LowRank | Subspace | Unit
_STRUCTURED = (Line, Perturbed, LowRank, Subspace, Unit)

# Elements of candidates that are written out at a time where no engine uses their structure.
_DENSE_ELEMENTS = 1 << 24
# Parameters of a network up to which Perturbed, and LowRank where the network is no stack, are written out too, a few
# MiB at a time: many small candidates at once take a fraction of the time that they take one after the other.
SMALL, _SMALL_ELEMENTS = 1 << 16, 1 << 22


def described(candidates: Candidates, space: ParameterSpace) -> Described:
    """The candidates in a form that an engine knows, checked; those of a type of one's own, written out.

    Raises InvalidSetting for what are no candidates, or candidates of another dimension.
    """
    if not hasattr(candidates, "dense"):
        raise InvalidSetting(
            f"candidates are given as nogd.Population(thetas) or another described set with `dense`, not as a"
            f" {type(candidates).__name__}."
        )
    known: Described
    # By their very types: one derived from them could say that it is fewer than it is, and pay for those.
    if (
        isinstance(candidates, _STRUCTURED)
        and type(candidates) in _STRUCTURED
        and _like(candidates.theta, space)
    ):
        known = candidates
    else:
        known = Population(candidates.dense().to(space.device, space.dtype))
    if known.dimension != space.dimension:
        raise InvalidSetting(
            f"the candidates have {known.dimension} parameters each, but this objective has {space.dimension}."
        )
    if isinstance(known, LowRank) and not known.fits(space):
        raise InvalidSetting(
            "the factors of LowRank are not those of this network's tensors, "
            + ", ".join(f"{tensor.name} {list(tensor.shape)}" for tensor in space)
            + "."
        )
    if isinstance(known, Unit) and not known.fits(space):
        raise InvalidSetting(
            f"layer {known.layer.name!r} is none of this network's; take one of `objective.layers`."
        )
    return known


def _like(theta: Tensor, space: ParameterSpace) -> bool:
    return (theta.dtype, theta.device) == (space.dtype, space.device)


def score(scorer: Network | BlackBox | Simulation, candidates: Described, rows: Tensor | None) -> Tensor:
    """Losses `[P]` of the candidates; rows: numbers of the examples to use."""
    if isinstance(candidates, Population | Line):
        return scorer.losses(candidates.dense(), rows)
    if isinstance(candidates, Subspace | Unit):
        return _structured_losses(scorer, candidates, rows)
    if isinstance(candidates, Perturbed) and candidates.dimension <= SMALL:
        return _by_parts(scorer, candidates, rows)
    if isinstance(scorer, Network) and scorer.stack is not None and scorer.loss.batched is not None:
        inputs, targets = scorer.stack_data(rows)
        with torch.no_grad():
            if isinstance(candidates, Perturbed):
                return perturbed_losses(scorer.stack, candidates, inputs, targets, scorer.loss)
            losses = low_rank_losses(
                scorer.stack, candidates, inputs, targets, scorer.loss, places_by_name(scorer.space)
            )
            return _again_where_infinite(losses, scorer, candidates, rows)
    if isinstance(candidates, Perturbed):
        if isinstance(scorer, Network) and scorer.calls_each:
            return scorer.losses_of_written(len(candidates), candidates.at, rows)
        return _by_parts(scorer, candidates, rows)
    if isinstance(scorer, Network) and is_large(candidates):
        found = called_losses(scorer, candidates, rows)
        if found is not None:
            return _again_where_infinite(found, scorer, candidates, rows)
    return _written_out(scorer, candidates, _all(candidates), rows)


def is_large(candidates: Described) -> bool:
    """Whether a candidate of the network's is so large that writing it out costs more than calling it by itself."""
    return candidates.dimension > SMALL


def places_by_name(space: ParameterSpace) -> dict[str, int]:
    """The number of each tensor, by its name."""
    return {tensor.name: place for place, tensor in enumerate(space)}


def parts_of(candidates: Described) -> Iterator[Tensor]:
    """The candidates written out, `[part, D]`, as many at a time as there should be memory for."""
    if isinstance(candidates, Perturbed | Subspace | Unit):
        yield from candidates.written_out(at_once(candidates))
    elif isinstance(candidates, LowRank):
        yield from _low_rank_parts(candidates, _all(candidates))
    else:
        yield candidates.dense()


def at_once(candidates: Perturbed | Subspace | Unit) -> int:
    """How many to write out at a time; of a large network one, as who asks for seeds has no memory for all of them."""
    if candidates.dimension <= SMALL:
        return max(1, _SMALL_ELEMENTS // candidates.dimension)
    seeded = not isinstance(candidates, Unit) and candidates.seeds
    return 1 if seeded else max(1, _DENSE_ELEMENTS // candidates.dimension)


def answers_of(network: Network, candidates: Described) -> Answers | None:
    """What makes use of the candidates' structure where the network is a chain; None where nothing does."""
    if network.chain is not None and isinstance(candidates, Subspace):
        return SubspaceAnswers(network.chain, candidates)
    if network.chain is not None and isinstance(candidates, Unit):
        return unit_answers(network.chain, candidates)
    return None


def _by_parts(scorer: Network | BlackBox | Simulation, candidates: Described, rows: Tensor | None) -> Tensor:
    # By map, which lets go of a part before the next one is made.
    losses = list(map(partial(scorer.losses, rows=rows), parts_of(candidates)))
    return losses[0] if len(losses) == 1 else torch.cat(losses)


def unit_by_loops(
    compiled: Compiled, unit: Unit, rows: Tensor | None, *, outputs: bool
) -> tuple[Tensor, Tensor]:
    """Outputs, where they are wanted, and losses of a unit's sets of weights."""
    place = unit.place
    layer = place.start - place.number * place.fan_in
    return compiled.of_unit(unit.theta, layer, place.number, unit.weights, rows, outputs=outputs)


def _structured_losses(
    scorer: Network | BlackBox | Simulation, candidates: Subspace | Unit, rows: Tensor | None
) -> Tensor:
    """By whole networks where compiled loops score probes, or nothing uses their structure."""
    if isinstance(scorer, Network) and scorer.compiled is not None and isinstance(candidates, Unit):
        return unit_by_loops(scorer.compiled, candidates, rows, outputs=False)[1]
    if isinstance(scorer, Network) and scorer.loss.batched is not None and scorer.compiled is None:
        answers = answers_of(scorer, candidates)
        if answers is not None and len(answers.chain.outputs) == 1:
            with torch.no_grad():
                return answered_losses(answers, *scorer.stack_data(rows), scorer.loss)
    return _by_parts(scorer, candidates, rows)


def _again_where_infinite(
    losses: Tensor, scorer: Network, candidates: LowRank, rows: Tensor | None
) -> Tensor:
    """The infinity that a move adds to one of theta's may make none of it, where written out it would be cut off."""
    if losses.device.type != "cpu":  # to look would be to wait
        return losses
    odd = losses.isfinite().logical_not_().nonzero()[:, 0]
    if len(odd):
        losses[odd] = _written_out(scorer, candidates, odd, rows)
    return losses


def _written_out(
    scorer: Network | BlackBox | Simulation, candidates: LowRank, numbers: Tensor, rows: Tensor | None
) -> Tensor:
    """Losses of candidates of these numbers, written out a few at a time."""
    parts = _low_rank_parts(candidates, numbers)
    return torch.cat([scorer.losses(thetas, rows) for thetas in parts])


def _low_rank_parts(candidates: LowRank, numbers: Tensor) -> Iterator[Tensor]:
    for part in numbers.split(max(1, _DENSE_ELEMENTS // candidates.dimension)):
        yield candidates.part(part).dense()


def _all(candidates: LowRank) -> Tensor:
    return torch.arange(len(candidates), device=candidates.theta.device)
