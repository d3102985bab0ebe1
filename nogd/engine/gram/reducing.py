"""Reduce what probes tell over the examples, in blocks where the network is a chain and the loss a known mean."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from nogd.engine.black_box_of_outputs import BlackBoxOfOutputs
from nogd.engine.candidates.predicting import predicted
from nogd.engine.candidates.probing import SubspaceAnswers
from nogd.engine.candidates.sets import Population
from nogd.engine.candidates.subspace import Subspace
from nogd.engine.curvature import Curvature, curvature_at
from nogd.engine.gram.differences import differences, trail
from nogd.engine.layers.chain import Chain
from nogd.engine.losses import BUILT_IN, Loss, mse
from nogd.engine.network import Network
from nogd.engine.readout.head import Head
from nogd.engine.surrogates import Followed

# Elements that the outputs of all probes for a block of examples may have.
_BLOCK = 1 << 22
# Probes of which the losses are computed at a time.
_PROBES = 16

Parts = tuple[Tensor, ...]
"""Means over examples: losses and values `[1 + K]` of theta and the probes, slope `[K]`, matrix `[K, K]`; with a
readout also its slope `[out, F]`, matrix `[out, F, F]` and coupling `[K, out, F]`."""


@dataclass(frozen=True)
class Asked:
    """What is asked for. followed: the loss whose slope it is. head: the last layer, if its part is."""

    probes: Subspace
    followed: Followed
    head: Head | None


def gram_parts(scorer: Network | BlackBoxOfOutputs, asked: Asked, rows: Tensor | None) -> Parts:
    """Of these examples, or of all."""
    with torch.no_grad():
        if isinstance(scorer, Network) and scorer.chain is not None and _is_mean(scorer):
            return _by_blocks(scorer, scorer.chain, asked, rows)
        return _at_once(scorer, asked, rows)


def flops_of(count: int, outputs: int, loss: Loss, head: Head | None) -> float:
    """Arithmetic for one example of reducing so many probes, beside the passes."""
    flops = outputs * (2.0 * count * count + 6 * count)
    if head is not None:
        features = head.inputs + (head.bias is not None)
        products = features if loss is mse else features * outputs
        flops += 2.0 * features * (products + outputs * (1 + count)) + 4.0 * outputs * outputs
    return flops


def _is_mean(network: Network) -> bool:
    """Whether blocks of examples give the means of the same formula, and outputs are vectors."""
    loss, gives = network.loss, network.gives
    return BUILT_IN.get(loss.name) is loss and gives is not None and len(gives) == 1


def _by_blocks(network: Network, chain: Chain, asked: Asked, rows: Tensor | None) -> Parts:
    inputs, answers = network.stack_data(rows)[0], SubspaceAnswers(chain, asked.probes)
    targets = network.targets_of(rows)
    examples = inputs.shape[-1]
    most = max(1, _BLOCK // max(1, answers.count * math.prod(chain.outputs)))
    size = min(most, answers.rows(examples, inputs.device))
    sums: list[Tensor] = []
    for begin in range(0, examples, size):
        block = slice(begin, min(examples, begin + size))
        found = _of_block(answers, inputs[..., block], targets[block], network.loss, asked)
        share = (block.stop - block.start) / examples
        parts = [part.double() * share for part in found]
        sums = [total.add_(part) for total, part in zip(sums, parts, strict=True)] if sums else parts
    return tuple(total.to(inputs.dtype) for total in sums)


def _of_block(answers: SubspaceAnswers, inputs: Tensor, targets: Tensor, loss: Loss, asked: Asked) -> Parts:
    passed = trail(answers.chain, asked.probes.theta, inputs)
    change, base = differences(answers, passed), passed[-1]
    losses, followed = _losses(loss, base, change, targets), asked.followed
    wanted = followed.targets(targets, base[0].mT)
    values = losses if followed.is_own else _losses(followed.loss, base, change, wanted)
    curve = curvature_at(followed.loss, base[0].mT, wanted, base.ndim - 1)
    jacobian = change.div_(asked.probes.radius)
    along = curve.product(jacobian.mT).mT
    parts = (losses, values, *_reduced(jacobian, along, curve.gradient.mT))
    if asked.head is None:
        return parts
    hidden = asked.head.with_ones(passed[-2][:, : asked.head.inputs])[0]
    return (*parts, *_readout(curve, along, hidden, followed.loss))


def _losses(loss: Loss, base: Tensor, change: Tensor, targets: Tensor) -> Tensor:
    """Of theta and the probes, a few at a time, as that needs their outputs once more and the loss's own memory."""
    assert loss.batched is not None
    wanted = targets.T if targets.ndim == base.ndim - 1 else targets
    own = loss.batched(base.clone(), wanted)
    return torch.cat([own, *[loss.batched(base + part, wanted) for part in change.split(_PROBES)]])


def _at_once(scorer: Network | BlackBoxOfOutputs, asked: Asked, rows: Tensor | None) -> Parts:
    """From the outputs of all examples, as the loss may be no mean over them."""
    probes = asked.probes
    outputs, losses = _around(scorer, probes, rows)
    if len(outputs) <= len(probes):  # the box was not asked further, as one met the target
        flat = probes.theta.new_zeros(len(probes))
        return losses, losses, flat, flat.expand(len(probes), -1)
    followed = asked.followed
    wanted = followed.targets(scorer.targets_of(rows), outputs[0])
    values = losses if followed.is_own else torch.stack([followed.loss(one, wanted) for one in outputs])
    base, jacobian = outputs[0], outputs[1:].sub_(outputs[0]).div_(probes.radius)
    curve = curvature_at(followed.loss, base, wanted, base.ndim)
    along = curve.product(jacobian)
    parts = (losses, values, *_reduced(jacobian, along, curve.gradient))
    if asked.head is None:
        return parts
    hidden = asked.head.with_ones(asked.head.hidden(probes.theta[None], rows))[0]
    return (*parts, *_readout(curve, along.mT, hidden, followed.loss))


def _around(
    scorer: Network | BlackBoxOfOutputs, probes: Subspace, rows: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Outputs and losses of theta and of the probes."""
    theta = probes.theta[None]
    if isinstance(scorer, BlackBoxOfOutputs):
        return predicted(scorer, Population(torch.cat([theta, probes.dense()])), rows)
    outputs, losses = predicted(scorer, Population(theta), rows)
    if not len(probes):
        return outputs, losses
    others, theirs = predicted(scorer, probes, rows)
    return torch.cat([outputs, others]), torch.cat([losses, theirs])


def _reduced(jacobian: Tensor, along: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """J^T g `[K]` and J^T H J `[K, K]`. along: H J, `[K, ...]` as J is."""
    count = len(jacobian)
    flat = jacobian.reshape(count, gradient.numel())
    matrix = flat @ along.reshape(count, gradient.numel()).T
    return flat @ gradient.reshape(-1), matrix.add(matrix.T).div_(2)


def _readout(curve: Curvature, along: Tensor, hidden: Tensor, loss: Loss) -> tuple[Tensor, Tensor, Tensor]:
    """Slope, matrix and coupling of the last layer. along: H J, `[K, out, n]`; hidden `[F, n]`."""
    bound = _bound(curve).mT
    if loss is mse:  # the same for all
        matrix = ((hidden * bound[:1]) @ hidden.T).expand(len(bound), -1, -1)
    else:
        matrix = torch.stack([(hidden * each) @ hidden.T for each in bound])
    return curve.gradient.mT @ hidden.T, matrix, along @ hidden.T


def _bound(curve: Curvature) -> Tensor:
    """A diagonal `[n, out]` that is no less than H, and equals it where that is diagonal: row sums of absolute values.

    For cross-entropy 2 p (1 - p).
    """
    total = torch.zeros_like(curve.gradient)
    for output in range(total.shape[-1]):
        unit = torch.zeros_like(total)
        unit[..., output] = 1
        total += curve.product(unit).abs()
    return total
