"""Steps of nogd's `cr-fm-nes` beside its authors' package, from the same noise: `python cr_fm_nes_steps.py`.

Needs `pip install crfmnes==1.0.0`. Prints, for several numbers of parameters, the largest difference in 60 steps
between means, step sizes, diagonals and directions. Up to 5 parameters the rate of the path, which is negative there in
the package, is set to 0 in it, as it is here.
"""

from __future__ import annotations

import sys
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from crfmnes import CRFMNES

from nogd_evolution.cr_fm_nes import CrFmNes

sys.path.append(str(Path(__file__).resolve().parents[2] / "plugins" / "nogd-evolution" / "tests"))
from driving import begin, uniform
from valleys import ellipsoid, rotated

STEPS, SIGMA, SMALL = 60, 2.0, 5


def compare(D: int) -> float:
    """The largest difference on a rotated ellipsoid of D parameters."""
    landscape, start = rotated(ellipsoid, D), uniform(D, 4.0, 0)
    learner = CrFmNes(sigma=SIGMA)
    _, state = begin(learner, landscape, *start)
    population = learner.size(D)
    theirs = CRFMNES(
        D,
        lambda point: float(landscape(torch.from_numpy(point[:, 0]))),
        np.array(start)[:, None],
        SIGMA,
        population,
        v=state.direction.numpy()[:, None].copy(),
    )
    if D <= SMALL:
        theirs.c1 = lambda _feasible: 0.0
    worst, twin = 0.0, torch.Generator()
    for _ in range(STEPS):
        twin.set_state(state.rng.get_state())
        half = torch.empty(population // 2, D, dtype=torch.float64).normal_(generator=twin).numpy().T
        with patch("numpy.random.randn", lambda *_shape, half=half: half.copy()):
            theirs.one_iteration()
        candidates = learner.ask(state)
        learner.tell(state, candidates, landscape(candidates.thetas))
        pairs = (
            (theirs.m[:, 0], state.theta.numpy()),
            (theirs.sigma / SIGMA, state.step),
            (theirs.D[:, 0], state.diagonal.numpy()),
            (theirs.v[:, 0], state.direction.numpy()),
        )
        worst = max(worst, *(float(np.abs(left - right).max()) for left, right in pairs))
    return worst


if __name__ == "__main__":
    for D in (2, 3, 8, 40):
        print(f"D = {D}: {compare(D):.1e}")
