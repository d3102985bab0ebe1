"""Outputs of candidates, and the losses that follow from them: through a chain where there is one, else by calls."""

from __future__ import annotations

import torch
from torch import Tensor

from nogd.engine.black_box_of_outputs import BlackBoxOfOutputs
from nogd.engine.candidates.answers import PopulationAnswers, answered_outputs
from nogd.engine.candidates.low_rank import LowRank, low_rank_outputs
from nogd.engine.candidates.low_rank_calls import called_losses
from nogd.engine.candidates.scoring import (
    Described,
    answers_of,
    is_large,
    parts_of,
    places_by_name,
    unit_by_loops,
)
from nogd.engine.candidates.unit import Unit
from nogd.engine.network import Network

_MATRICES = 3  # axes of outputs of several networks, one axis of features each


def predicted(
    scorer: Network | BlackBoxOfOutputs, candidates: Described, rows: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Outputs `[P, N, ...]` and losses `[P]` of the candidates; rows: numbers of the examples to use."""
    if isinstance(scorer, BlackBoxOfOutputs):
        return scorer.predictions(candidates.dense(), rows)
    if isinstance(candidates, LowRank) and scorer.compiled is None:
        found = _by_thin_products(scorer, candidates, rows)
        if found is not None:
            return _again_where_infinite(*found, scorer, candidates, rows)
    return _plainly(scorer, candidates, rows)


def _plainly(network: Network, candidates: Described, rows: Tensor | None) -> tuple[Tensor, Tensor]:
    """By compiled loops, through a chain or by calls."""
    if network.compiled is not None:
        with torch.no_grad():
            if isinstance(candidates, Unit):
                return unit_by_loops(network.compiled, candidates, rows, outputs=True)
            return _joined([network.compiled.predictions(thetas, rows) for thetas in parts_of(candidates)])
    if network.chain is None:
        return _joined([network.predictions(thetas, rows) for thetas in parts_of(candidates)])
    with torch.no_grad():
        answers = answers_of(network, candidates) or PopulationAnswers(network.chain, candidates.dense())
        found = answered_outputs(answers, network.stack_data(rows)[0])
        outputs = found.movedim(-1, 1).clone(memory_format=torch.contiguous_format)
        return outputs, _losses(network, found, outputs, rows)


def _by_thin_products(
    network: Network, candidates: LowRank, rows: Tensor | None
) -> tuple[Tensor, Tensor] | None:
    """None where writing the candidates out is as good, or the module does not take thin sums."""
    if network.stack is None:
        outputs: list[Tensor] = []
        losses = called_losses(network, candidates, rows, outputs) if is_large(candidates) else None
        return None if losses is None else (torch.stack(outputs), losses)
    with torch.no_grad():
        parts = low_rank_outputs(
            network.stack, candidates, network.stack_data(rows)[0], places_by_name(network.space)
        )
        found = torch.cat(list(parts))
        made = found.mT.contiguous()
        return made, _losses(network, found, made, rows)


def _again_where_infinite(
    outputs: Tensor, losses: Tensor, network: Network, candidates: LowRank, rows: Tensor | None
) -> tuple[Tensor, Tensor]:
    """As for losses: an infinity may make none where thin products are added to it."""
    if outputs.device.type != "cpu":  # to look would be to wait
        return outputs, losses
    odd = outputs.flatten(1).isfinite().all(1).logical_not_().nonzero()[:, 0]
    if len(odd):
        outputs[odd], losses[odd] = _plainly(network, candidates.part(odd), rows)
    return outputs, losses


def _joined(parts: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    if len(parts) == 1:
        return parts[0]
    return torch.cat([each for each, _ in parts]), torch.cat([each for _, each in parts])


def _losses(network: Network, found: Tensor, outputs: Tensor, rows: Tensor | None) -> Tensor:
    """Of outputs `[P, N, ...]`, which are not written into; found: the same `[P, ..., N]`, which may be."""
    if network.loss.batched is not None and found.ndim == _MATRICES:
        return network.loss.batched(found, network.stack_data(rows)[1])
    targets = network.targets_of(rows)
    return torch.stack([network.loss(each.clone(), targets) for each in outputs])
