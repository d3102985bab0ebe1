"""The damped Gauss-Newton step of a Gram matrix, the last layer eliminated by a Schur complement."""

from __future__ import annotations

import torch
from torch import Tensor

from nogd.engine.gram.found import Gram, ReadoutGram

_JITTER = 1e-12


def damped_step(gram: Gram, damping: float) -> tuple[Tensor, Tensor | None]:
    """The step along the directions, `[K]`, and that of the last layer, `[out, F]`, None without one; float64.

    :param damping: what is added to the diagonal, in units of the mean curvature.
    """
    matrix, slope, last = gram.matrix.double(), gram.slope.double(), gram.readout
    count = len(slope)
    trace, size = matrix.diagonal().sum(), count
    if last is not None:
        trace, size = trace + last.matrix.diagonal(dim1=1, dim2=2).sum(), size + last.slope.numel()
    mean = float((trace / max(1, size)).clamp_min(1e-30))
    eye = torch.eye(count, dtype=torch.float64, device=matrix.device)
    if last is None:
        return _solved(matrix + damping * mean * eye, -slope), None
    own, coupling, error = _of_last_layer(last, damping * mean)
    factor, _ = torch.linalg.cholesky_ex(own)
    both = torch.cat([coupling.permute(1, 2, 0), error[:, :, None]], 2)  # [out, F, K + 1]
    found = torch.cholesky_solve(both, factor)
    through, alone = found[..., :count], found[..., count]
    schur = matrix + damping * mean * eye - torch.einsum("kcf,cfj->kj", coupling, through)
    step = _solved(schur, torch.einsum("kcf,cf->k", coupling, alone) - slope)
    return step, -(alone + through @ step)


def flops_of_step(count: int, gram: Gram) -> float:
    """Floating-point operations of one damped step."""
    flops = count**3 / 3
    if gram.readout is not None:
        outputs, features = gram.readout.slope.shape
        flops += outputs * (features**3 / 3 + 2.0 * features**2 * (count + 1) + 2.0 * features * count**2)
    return flops


def _of_last_layer(last: ReadoutGram, damping: float) -> tuple[Tensor, Tensor, Tensor]:
    """Its damped curvature `[out, F, F]`, its coupling `[K, out, F]` and its slope `[out, F]`."""
    own = last.matrix.double().clone()
    diagonal = own.diagonal(dim1=1, dim2=2)
    diagonal += damping + _JITTER * diagonal.mean().clamp_min(1e-30)
    return own, last.coupling.double(), last.slope.double()


def _solved(matrix: Tensor, right: Tensor) -> Tensor:
    """NaN where the matrix has no inverse."""
    found, info = torch.linalg.solve_ex(matrix, right)
    return torch.where(info == 0, found, torch.nan)
