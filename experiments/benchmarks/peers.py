"""Candidate networks scored in a second, nogd against what else there is: `python peers.py`, some minutes.

Runs in an environment of its own, see peers/requirements.txt.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from statistics import median

import cma
import nevergrad as ng
import numpy as np
import torch
from common import Row, in_turns, row, write
from evotorch import SolutionBatch
from evotorch.neuroevolution import SupervisedNE
from evox.problems.neuroevolution.supervised_learning import SupervisedLearningProblem
from evox.utils import ParamsAndVector
from sklearn.datasets import load_diabetes, load_digits
from torch import Tensor, nn
from torch.utils.data import TensorDataset

import nogd

# Population sizes, and how many calls the least is taken of.
SIZES = {100: 8, 1_000: 2}
LEAD = 0.02  # seconds of calls before one is timed, so that everybody is met at work and not behind another

Scores = Callable[[], Tensor]


@dataclass(frozen=True)
class Work:
    """A network, its data and its loss. over_vmap, over_peers: how many times faster nogd is meant to be."""

    name: str
    module: nn.Module
    inputs: Tensor
    targets: Tensor
    loss_name: str
    criterion: nn.Module
    over_vmap: float
    over_peers: float

    def thetas(self, count: int) -> Tensor:
        """Parameters of `count` networks, `[count, D]`, the same for everybody."""
        generator = torch.Generator().manual_seed(count)
        size = sum(p.numel() for p in self.module.parameters())
        return 0.3 * torch.randn(count, size, generator=generator)


def main() -> None:
    """Two networks; everybody on all cores, nogd and vmap on one too."""
    logging.getLogger("evotorch").setLevel(logging.WARNING)
    warnings.filterwarnings(
        "ignore", "Criterion output is a scalar"
    )  # evox, of the criterion that its own guide uses
    rows: list[Row] = []
    for work in (_diabetes(), _digits()):
        torch.set_num_threads(2)
        rows += _compared(work, "2 threads", {**_TORCH, **_PEERS})
        torch.set_num_threads(1)
        rows += _compared(work, "1 thread", _TORCH)
    write("peers", rows)


def _diabetes() -> Work:
    inputs, targets = load_diabetes(return_X_y=True)
    targets = (targets - targets.mean()) / targets.std()
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(10, 5), nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 1))
    x, y = torch.as_tensor(inputs).float(), torch.as_tensor(targets).float()[:, None]
    return Work("10-5-4-1 x 442", module, x, y, "mse", nn.MSELoss(), 6, 8)


def _digits() -> Work:
    inputs, targets = load_digits(return_X_y=True)
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    x, y = torch.as_tensor(inputs / 16).float(), torch.as_tensor(targets).long()
    return Work("64-32-10 x 1,797", module, x, y, "cross-entropy", nn.CrossEntropyLoss(), 2.5, 3)


# -- what everybody is asked to do: a function that scores the same P networks on all rows whenever it is called


def _nogd(work: Work, thetas: Tensor) -> Scores:
    objective = nogd.objective(work.module, work.inputs, work.targets, loss=work.loss_name)
    return lambda: objective.losses(nogd.Population(thetas))


def _loop(work: Work, thetas: Tensor) -> Scores:
    one = _by_module(work)
    return lambda: torch.stack([one(theta) for theta in thetas])


def _by_module(work: Work) -> Callable[[Tensor], Tensor]:
    """Score one network as anybody would: write its parameters into the module, call it, take the loss."""
    module = copy.deepcopy(work.module)
    parameters = list(module.parameters())

    @torch.no_grad()
    def one(theta: Tensor) -> Tensor:
        nn.utils.vector_to_parameters(theta, parameters)
        loss: Tensor = work.criterion(module(work.inputs), work.targets)
        return loss

    return one


def _vmap(work: Work, thetas: Tensor) -> Scores:
    shapes = {name: p.shape for name, p in work.module.named_parameters()}
    sizes = [shape.numel() for shape in shapes.values()]

    def one(theta: Tensor) -> Tensor:
        parts = zip(shapes.items(), theta.split(sizes), strict=True)
        named = {name: part.view(shape) for (name, shape), part in parts}
        loss: Tensor = work.criterion(
            torch.func.functional_call(work.module, named, (work.inputs,)), work.targets
        )
        return loss

    return torch.no_grad()(lambda: torch.func.vmap(one)(thetas))


def _evotorch(work: Work, thetas: Tensor) -> Scores:
    """SupervisedNE as its guide has it; one mini-batch of all rows."""
    problem = SupervisedNE(
        dataset=TensorDataset(work.inputs, work.targets),
        network=copy.deepcopy(work.module),
        minibatch_size=len(work.inputs),
        loss_func=work.criterion,
    )

    def scores() -> Tensor:
        batch = SolutionBatch(problem, popsize=len(thetas), empty=True)
        batch.set_values(thetas)
        problem.evaluate(batch)
        losses: Tensor = batch.evals[:, 0]
        return losses

    return scores


def _evox(work: Work, thetas: Tensor) -> Scores:
    """SupervisedLearningProblem as its guide has it: rows loaded beforehand, vectors split by ParamsAndVector."""
    problem = SupervisedLearningProblem(
        model=work.module,
        data_loader=((work.inputs, work.targets),),
        criterion=work.criterion,
        pop_size=len(thetas),
    )
    adapter = ParamsAndVector(dummy_model=work.module)
    return torch.no_grad()(lambda: problem.evaluate(adapter.batched_to_params(thetas)))


def _nevergrad(work: Work, thetas: Tensor) -> Scores:
    """Its cheapest one, which asks for a network, is told its loss, and so on."""
    one, size = _by_module(work), thetas.shape[1]
    optimizer = ng.optimizers.OnePlusOne(parametrization=ng.p.Array(shape=(size,)), budget=10**9)

    def scores() -> Tensor:
        for _ in range(len(thetas)):
            candidate = optimizer.ask()
            optimizer.tell(candidate, float(one(torch.as_tensor(candidate.value).float())))
        return torch.empty(0)

    return scores


def _pycma(work: Work, thetas: Tensor) -> Scores:
    """One generation of as many as there are thetas; diagonal, as the covariance of 2,410 parameters takes seconds."""
    one, size = _by_module(work), thetas.shape[1]
    options = {"popsize": len(thetas), "CMA_diagonal": True, "verbose": -9, "seed": 1}
    strategy = cma.CMAEvolutionStrategy(np.zeros(size), 0.3, options)

    def scores() -> Tensor:
        asked = strategy.ask()
        strategy.tell(asked, [float(one(torch.as_tensor(x).float())) for x in asked])
        return torch.empty(0)

    return scores


Who = dict[str, Callable[[Work, Tensor], Scores]]
_NOGD, _VMAP = "nogd", f"torch.func.vmap {metadata.version('torch')}"
_TORCH: Who = {_NOGD: _nogd, _VMAP: _vmap}
_ONE_BY_ONE: Who = {
    f"nevergrad {metadata.version('nevergrad')} (1+1)": _nevergrad,
    f"pycma {metadata.version('cma')} (diagonal)": _pycma,
}
_PEERS: Who = {
    "plain loop": _loop,
    f"evotorch {metadata.version('evotorch')}": _evotorch,
    f"evox {metadata.version('evox')}": _evox,
    **_ONE_BY_ONE,
}


# -- measuring


def _compared(work: Work, threads: str, who: Who) -> list[Row]:
    """Everybody's candidates a second for each population size, and nogd against each, both at their better size."""
    speeds = {size: _speeds(work, size, who) for size in SIZES}
    rows = [
        row(f"{work.name}, {threads}, P {size}: {name}", figures[name], "candidates/s")
        for name in who
        for size, figures in speeds.items()
        if name in figures
    ]
    best = {name: max((s[name] for s in speeds.values() if name in s), key=median) for name in who}
    peers = [name for name in who if name not in (_NOGD, _VMAP)]
    fastest = max(peers, key=lambda name: median(best[name])) if peers else None
    for name in who:
        if name != _NOGD:
            goal = {_VMAP: f">= {work.over_vmap}", fastest: f">= {work.over_peers}"}.get(name, "")
            ratio = [ours / theirs for ours, theirs in zip(best[_NOGD], best[name], strict=True)]
            rows.append(row(f"{work.name}, {threads}: nogd, times as fast", ratio, "x", goal, name))
    return rows


def _speeds(work: Work, size: int, who: Who) -> dict[str, list[float]]:
    thetas = work.thetas(size)
    # Those that score network after network are as fast with 100 as with 1,000, only slower to measure.
    jobs = {name: make(work, thetas) for name, make in who.items() if size == 100 or name not in _ONE_BY_ONE}
    _check(jobs, _loop(work, thetas)())
    seconds = in_turns(*jobs.values(), calls=SIZES[size], lead=LEAD)
    return {name: [size / s for s in figures] for name, figures in zip(jobs, seconds, strict=True)}


def _check(jobs: dict[str, Scores], wanted: Tensor) -> None:
    """Same losses for the same weights, of all that score given weights; also their first, slow call."""
    for name, job in jobs.items():
        losses = job()
        if len(losses) and not torch.allclose(losses, wanted, rtol=1e-4):
            raise AssertionError(f"{name} gives other losses than the plain loop")


if __name__ == "__main__":
    main()
