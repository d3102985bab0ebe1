"""The obvious slow way to everything that nogd does fast: the user's own module, called once for each candidate."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

M = TypeVar("M", bound=nn.Module)

# Losses for the tests of engines, losses and curvature, by the targets that they are for.
OF_NUMBERS = ["mse", "mae", "huber"]
OF_BITS = ["binary-cross-entropy", "hinge", "zero-one"]
OF_CLASSES = ["cross-entropy", "hinge", "zero-one"]
# What those mean that are compiled.
LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mse": F.mse_loss,
    "mae": F.l1_loss,
    "huber": F.huber_loss,
    "binary-cross-entropy": F.binary_cross_entropy_with_logits,
    "cross-entropy": F.cross_entropy,
}


def network(
    *widths: int, activation: Callable[[], nn.Module] = nn.ReLU, seed: int = 0, scale: float = 1.0
) -> nn.Sequential:
    """Linear layers of those widths with an activation between them, float64, parameters normal with that scale."""
    layers: list[nn.Module] = []
    with torch.random.fork_rng(
        devices=[]
    ):  # what PyTorch draws first is thrown away, and must disturb nobody
        for before, after in itertools.pairwise(widths):
            layers += [nn.Linear(before, after, dtype=torch.float64), activation()]
    return drawn(nn.Sequential(*layers[:-1]), seed, scale)


def original_network(seed: int = 0) -> nn.Sequential:
    """The study's network: no activation behind the first layer, everything uniform in [-5, 5]."""
    layers = [nn.Linear(10, 5), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 1)]
    module = nn.Sequential(*layers).to(torch.float64)
    rng = Generator().manual_seed(seed)
    with torch.no_grad():
        for p in module.parameters():
            p.uniform_(-5, 5, generator=rng)
    return module


def drawn(module: M, seed: int, scale: float = 1.0) -> M:
    """The module with parameters drawn from a normal distribution."""
    rng = Generator().manual_seed(seed)
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.randn(p.shape, generator=rng, dtype=torch.float64) * scale)
    return module


def data(
    rows: int, features: int, outputs: int = 1, seed: int = 0, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor]:
    """Random inputs and targets of a regression."""
    rng = Generator().manual_seed(1_000 + seed)
    x = torch.randn(rows, features, generator=rng, dtype=torch.float64).to(dtype)
    return x, torch.randn(rows, outputs, generator=rng, dtype=torch.float64).to(dtype)


def classes(rows: int, count: int, seed: int = 0) -> Tensor:
    """Random class numbers."""
    return torch.randint(count, (rows,), generator=Generator().manual_seed(2_000 + seed))


def thetas(count: int, dimension: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Random candidates."""
    return torch.randn(
        count, dimension, generator=Generator().manual_seed(3_000 + seed), dtype=torch.float64
    ).to(dtype)


def searched(module: nn.Module) -> list[nn.Parameter]:
    """What belongs to theta, in its order."""
    return [p for p in module.parameters() if p.requires_grad]


def read(module: nn.Module) -> Tensor:
    """The module's theta."""
    return torch.cat([p.detach().reshape(-1).clone() for p in searched(module)])


def write(theta: Tensor, module: nn.Module) -> None:
    """theta into the module."""
    start = 0
    with torch.no_grad():
        for p in searched(module):
            p.copy_(theta[start : start + p.numel()].view(p.shape))
            start += p.numel()


def losses(
    module: nn.Module, candidates: Tensor, x: Tensor, y: Tensor, loss: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """Losses of candidates `[P, D]` by the user's own module, one by one; leaves it as it was."""
    before = read(module)
    found = []
    for theta in candidates:
        write(theta, module)
        with torch.no_grad():
            found.append(loss(module(x), y))
    write(before, module)
    return torch.stack(found)


def outputs(module: nn.Module, thetas: Tensor, x: Tensor) -> Tensor:
    """Outputs `[P, N, ...]` of thetas `[P, D]`, by the user's own module, which is left as it was."""
    before, found = read(module), []
    for theta in thetas:
        write(theta, module)
        with torch.no_grad():
            found.append(module(x).clone())
    write(before, module)
    return torch.stack(found)


def gradient(
    module: nn.Module, theta: Tensor, x: Tensor, y: Tensor, loss: Callable[[Tensor, Tensor], Tensor]
) -> tuple[float, Tensor]:
    """Loss and gradient of the user's own module at theta."""
    module = copy.deepcopy(module)
    write(theta, module)
    value = loss(module(x), y)
    found = torch.autograd.grad(value, searched(module), allow_unused=True, materialize_grads=True)
    return value.item(), torch.cat([g.reshape(-1) for g in found])


def grid_sweep(
    module: nn.Module,
    loss_now: Callable[[], float],
    box: Callable[[str], tuple[float, float]],
    points: Callable[[str], int],
) -> None:
    """One sweep of the original study's search, in place, as its description reads."""
    for name, parameter in module.named_parameters():
        flat = parameter.data.view(-1)
        for i in range(len(flat)):
            best_value, best_loss = flat[i].item(), math.inf
            for value in torch.linspace(*box(name), points(name), dtype=torch.float64).tolist():
                flat[i] = value
                loss = loss_now()
                if loss < best_loss:  # false for NaN, and for a tie, so that the first one stays
                    best_value, best_loss = value, loss
            flat[i] = best_value
