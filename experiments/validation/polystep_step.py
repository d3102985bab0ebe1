"""One step of nogd's `polystep` beside its author's package, from the same probes: `python polystep_step.py`.

Needs `pip install polystep==1.1.0`. The package chooses the probes of a step, in the whole space and in a subspace of
low rank with all biases; from their losses both make a step. Prints how far the package moved and the largest
difference between the two new thetas.
"""

from __future__ import annotations

import torch
from polystep import HybridSubspace, ParamLayout, PolyStepOptimizer
from torch import Tensor, nn

import nogd
from nogd_evolution.polystep import PolyStep, PolyStepState

SIGMA, REACH, TEMPERATURE = 0.6, 0.5, 0.3


def compare(coordinates: int | None) -> tuple[int, float, float]:
    """Candidates, length of the package's step, and largest difference; coordinates of a subspace, None for all."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)).double()
    objective = nogd.objective(module, torch.randn(30, 6).double(), torch.randn(30, 3).double())
    start = objective.space.read(module)
    probes, losses = [], []

    def score(parameters: dict[str, Tensor]) -> Tensor:
        thetas = torch.cat([parameters[tensor.name].flatten(1) for tensor in objective.space], 1)
        probes.append(thetas.clone())
        losses.append(objective.losses(nogd.Population(thetas)))
        return losses[-1]

    space = {"particle_dim": 4}
    if coordinates is not None:
        layout = ParamLayout.from_module(module)
        space = {"subspace": HybridSubspace.from_layout(layout, rank=1, max_subspace_dim=coordinates, seed=1)}
    package = PolyStepOptimizer(
        module,
        solver="softmax",
        scale_cost="mean",
        epsilon=TEMPERATURE,  # which the package multiplies its radii by; probes are at half of theirs
        step_radius=SIGMA / TEMPERATURE,
        probe_radius=2 * REACH * SIGMA / TEMPERATURE,
        seed=3,
        **space,
    )
    package.step(score)
    theirs = objective.space.read(module)

    width = 4 if coordinates is None else 8
    size = len(start) if coordinates is None else coordinates
    learner = PolyStep(sigma=SIGMA, reach=REACH, temperature=TEMPERATURE, particle=width)
    blocks = [(0, size, -(-size // width) * width)]
    state = PolyStepState(theta=start.clone(), rng=torch.Generator(), sigma=SIGMA, blocks=blocks)
    radius = SIGMA * REACH
    asked = nogd.Subspace(start, (torch.cat(probes) - start) / radius, radius)
    learner.tell(state, asked, torch.cat(losses))
    return len(asked), float((theirs - start).norm()), float((state.theta - theirs).abs().max())


if __name__ == "__main__":
    for coordinates in (None, 24):
        count, moved, difference = compare(coordinates)
        print(
            f"{coordinates or 'all'} coordinates: {count} probes, moved {moved:.3f}, difference {difference:.1e}"
        )
