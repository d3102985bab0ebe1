"""Outputs of candidates, and the losses that follow from them: through a chain where there is one, else by calls."""

from __future__ import annotations

import torch
from torch import Tensor

from nogd.engine.black_box_of_outputs import BlackBoxOfOutputs
from nogd.engine.candidates.answers import PopulationAnswers, answered_outputs
from nogd.engine.candidates.scoring import Described, answers_of, parts_of, unit_by_loops
from nogd.engine.candidates.unit import Unit
from nogd.engine.network import Network

_MATRICES = 3  # axes of outputs of several networks, one axis of features each


def predicted(
    scorer: Network | BlackBoxOfOutputs, candidates: Described, rows: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Outputs `[P, N, ...]` and losses `[P]` of the candidates; rows: numbers of the examples to use."""
    if isinstance(scorer, BlackBoxOfOutputs):
        return scorer.predictions(candidates.dense(), rows)
    if scorer.compiled is not None:
        with torch.no_grad():
            if isinstance(candidates, Unit):
                return unit_by_loops(scorer.compiled, candidates, rows, outputs=True)
            return _joined([scorer.compiled.predictions(thetas, rows) for thetas in parts_of(candidates)])
    if scorer.chain is None:
        return _joined([scorer.predictions(thetas, rows) for thetas in parts_of(candidates)])
    with torch.no_grad():
        answers = answers_of(scorer, candidates) or PopulationAnswers(scorer.chain, candidates.dense())
        found = answered_outputs(answers, scorer.stack_data(rows)[0])
        outputs = found.movedim(-1, 1).clone(memory_format=torch.contiguous_format)
        return outputs, _losses(scorer, found, outputs, rows)


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
