"""gauss-newton beside scipy's and DFO-LS's least squares: `python experiments/outputs/least_squares.py`.

Problems of More, Garbow and Hillstrom (1981, doi 10.1145/355934.355936) and two of nogd's own tasks, 15 starts each. An
evaluation is one call of the residuals. It needs DFO-LS (GPL-3), which nogd does not.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.optimize import least_squares
from torch import Tensor

import nogd
from nogd import SupervisedTask
from nogd.tasks.regression import Diabetes, Original

HERE = Path(__file__).parent
STARTS, SPREAD = 15, 0.5
# Of the fall from the start to the best that anybody found, the share that has to be left at most (More and Wild 2009).
LEFT = (1e-3, 1e-6)
SETTINGS = "gauss-newton,radius=1e-5,probes={probes}"
Residuals = Callable[[Tensor], Tensor]
Curve = list[float]

_BARD = [0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.1, 4.39]
_KOWALIK = [0.1957, 0.1947, 0.1735, 0.16, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246]
_KOWALIK_AT = [4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625]


def _numbers(values: object) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float64)


def _upto(count: int) -> Tensor:
    return torch.arange(1, count + 1, dtype=torch.float64)


def _rosenbrock(x: Tensor) -> Tensor:
    return torch.stack([10 * (x[1] - x[0] ** 2), 1 - x[0]])


def _freudenstein(x: Tensor) -> Tensor:
    return torch.stack(
        [-13 + x[0] + ((5 - x[1]) * x[1] - 2) * x[1], -29 + x[0] + ((x[1] + 1) * x[1] - 14) * x[1]]
    )


def _beale(x: Tensor) -> Tensor:
    return _numbers([1.5, 2.25, 2.625]) - x[0] * (1 - x[1] ** _upto(3))


def _jennrich(x: Tensor) -> Tensor:
    i = _upto(10)
    return 2 + 2 * i - ((i * x[0]).exp() + (i * x[1]).exp())


def _helix(x: Tensor) -> Tensor:
    turn = torch.atan2(x[1], x[0]) / (2 * math.pi)
    return torch.stack([10 * (x[2] - 10 * turn), 10 * (x[:2].norm() - 1), x[2]])


def _bard(x: Tensor) -> Tensor:
    u = _upto(15)
    v = 16 - u
    return _numbers(_BARD) - (x[0] + u / (v * x[1] + torch.minimum(u, v) * x[2]))


def _box(x: Tensor) -> Tensor:
    t = 0.1 * _upto(10)
    return (-t * x[0]).exp() - (-t * x[1]).exp() - x[2] * ((-t).exp() - (-10 * t).exp())


def _powell(x: Tensor) -> Tensor:
    return torch.stack(
        [x[0] + 10 * x[1], 5**0.5 * (x[2] - x[3]), (x[1] - 2 * x[2]) ** 2, 10**0.5 * (x[0] - x[3]) ** 2]
    )


def _wood(x: Tensor) -> Tensor:
    return torch.stack(
        [
            10 * (x[1] - x[0] ** 2),
            1 - x[0],
            90**0.5 * (x[3] - x[2] ** 2),
            1 - x[2],
            10**0.5 * (x[1] + x[3] - 2),
            10**-0.5 * (x[1] - x[3]),
        ]
    )


def _kowalik(x: Tensor) -> Tensor:
    u = _numbers(_KOWALIK_AT)
    return _numbers(_KOWALIK) - x[0] * (u**2 + u * x[1]) / (u**2 + u * x[2] + x[3])


def _brown_dennis(x: Tensor) -> Tensor:
    t = _upto(20) / 5
    return (x[0] + t * x[1] - t.exp()) ** 2 + (x[2] + x[3] * t.sin() - t.cos()) ** 2


def _biggs(x: Tensor) -> Tensor:
    t = 0.1 * _upto(13)
    y = (-t).exp() - 5 * (-10 * t).exp() + 3 * (-4 * t).exp()
    return x[2] * (-t * x[0]).exp() - x[3] * (-t * x[1]).exp() + x[5] * (-t * x[4]).exp() - y


@dataclass(frozen=True)
class Problem:
    """Residuals, a start, and evaluations that anybody may spend."""

    name: str
    residuals: Residuals
    start: Tensor
    most: int


def _of(name: str, residuals: Residuals, *start: float) -> Problem:
    return Problem(name, residuals, _numbers(start), 200 * (len(start) + 1))


def problems() -> list[Problem]:
    """All of them, the small ones first."""
    return [
        _of("rosenbrock", _rosenbrock, -1.2, 1),
        _of("freudenstein-roth", _freudenstein, 0.5, -2),
        _of("beale", _beale, 1, 1),
        _of("jennrich-sampson", _jennrich, 0.3, 0.4),
        _of("helical-valley", _helix, -1, 0, 0),
        _of("bard", _bard, 1, 1, 1),
        _of("box-3d", _box, 0, 10, 20),
        _of("powell-singular", _powell, 3, -1, 0, 1),
        _of("wood", _wood, -3, -1, -3, -1),
        _of("kowalik-osborne", _kowalik, 0.25, 0.39, 0.415, 0.39),
        _of("brown-dennis", _brown_dennis, 25, 5, -5, -1),
        _of("biggs-exp6", _biggs, 1, 2, 1, 1, 1, 1),
        _task(Original, 30),
        _task(Diabetes, 30),
    ]


def _task(task: type[SupervisedTask], steps: int) -> Problem:
    problem = task().problem(0)
    made = nogd.objective(
        problem.module.double(), problem.train.inputs.double(), problem.train.targets.double(), loss="mse"
    )

    def residuals(theta: Tensor) -> Tensor:
        return (made.outputs(nogd.Population(theta[None]))[0] - made.targets).flatten()

    return Problem(task.name, residuals, made.space.read(problem.module), steps * (made.D + 1))


def main() -> None:
    """Write least_squares.csv: for each problem and solver the median of evaluations, and how many starts got there."""
    warnings.simplefilter("ignore")
    names = sys.argv[1:]
    rows = [row for problem in problems() if not names or problem.name in names for row in _compare(problem)]
    table = pd.DataFrame(rows)
    print(table.to_string(index=False))
    if not names:
        table.to_csv(HERE / "least_squares.csv", index=False)


def _compare(problem: Problem) -> list[dict[str, object]]:
    rng = torch.Generator().manual_seed(0)
    size = problem.start.abs().clamp_min(0.1)
    starts = [
        problem.start + SPREAD * size * (2 * torch.rand(len(size), generator=rng, dtype=torch.float64) - 1)
        for _ in range(STARTS)
    ]
    curves = {name: [solve(problem, start) for start in starts] for name, solve in SOLVERS.items()}
    rows = []
    for left in LEFT:
        counts: dict[str, list[float]] = {name: [] for name in SOLVERS}
        for start in range(STARTS):
            best = min(curve.best for each in curves.values() for curve in [_Curve(each[start])])
            for name, each in curves.items():
                curve = _Curve(each[start])
                counts[name].append(curve.until(best + left * (each[start][0] - best)))
        rows += [
            {
                "problem": problem.name,
                "parameters": len(problem.start),
                "left": left,
                "solver": name,
                "evaluations": float(np.median(found)),
                "reached": int(np.isfinite(found).sum()),
                "starts": STARTS,
            }
            for name, found in counts.items()
        ]
    return rows


@dataclass(frozen=True)
class _Curve:
    values: Curve

    @property
    def best(self) -> float:
        return float(np.nanmin(self.values))

    def until(self, goal: float) -> float:
        """Evaluations until the sum of squares is at most that; infinite if it never is."""
        return next((k for k, value in enumerate(self.values, 1) if value <= goal), math.inf)


def _counted(problem: Problem, curve: Curve) -> Residuals:
    def call(theta: Tensor) -> Tensor:
        if len(curve) >= problem.most:
            raise _EnoughError
        found = problem.residuals(theta)
        value = float(found.square().sum())
        curve.append(value if math.isfinite(value) else math.inf)
        return found

    return call


class _EnoughError(Exception):
    """All evaluations are spent."""


def _ours(problem: Problem, start: Tensor) -> Curve:
    curve: Curve = []
    call = _counted(problem, curve)

    def outputs(theta: Tensor, _: Tensor) -> Tensor:
        return call(theta)[:, None]

    count = len(problem.residuals(start))
    zeros = torch.zeros(count, 1, dtype=torch.float64)
    setting = SETTINGS.format(probes=len(start))
    nogd.fit(outputs, zeros, zeros, theta=start, learner=setting, loss="mse", budget=problem.most, seed=0)
    return curve


def _scipys(problem: Problem, start: Tensor) -> Curve:
    curve: Curve = []
    call = _counted(problem, curve)
    few = len(problem.residuals(start)) < len(start)
    try:
        least_squares(
            lambda point: call(torch.as_tensor(point)).numpy(),
            start.numpy(),
            jac="2-point",
            method="trf" if few else "lm",
            xtol=1e-15,
            ftol=1e-15,
            gtol=1e-15,
        )
    except (_EnoughError, ValueError):  # scipy refuses residuals that are not finite
        return curve
    return curve


def _dfols(problem: Problem, start: Tensor) -> Curve:
    import dfols

    curve: Curve = []
    call = _counted(problem, curve)
    try:
        dfols.solve(
            lambda point: call(torch.as_tensor(point)).numpy(),
            start.numpy(),
            maxfun=problem.most,
            rhoend=1e-10,
        )
    except (_EnoughError, np.linalg.LinAlgError, AssertionError, ValueError):
        return curve
    return curve


SOLVERS = {"gauss-newton": _ours, "scipy, 2-point": _scipys, "DFO-LS": _dfols}

if __name__ == "__main__":
    main()
