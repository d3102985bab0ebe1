"""Every kind of candidates through every engine gives what the user's own module gives for `dense()`, one by one."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import plain
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from random_networks import ACTIVATIONS, COMPILED_ACTIVATIONS, HALVES, freezings, images, stacks, vectors
from torch import Tensor, nn

import nogd
from nogd.engine.layers.chunks import CHUNK_ELEMENTS
from nogd.engine.layers.listing import NamedLayer
from nogd.engine.losses import BUILT_IN
from nogd.engine.making import make_network
from nogd.engine.modules.copies import private_copy
from nogd.engine.objective import Objective
from nogd.engine.space import ParameterSpace

pytestmark = pytest.mark.met_in("test_compiled.py")

D = torch.float64
ENGINES = ["compiled", "stack", "chain", "vmap", "loop"]
KINDS = ["population", "line", "walk", "perturbed", "mirrored", "low rank", "subspace", "seeded", "unit"]
LOSSES = {name: loss.plain for name, loss in BUILT_IN.items()} | plain.LOSSES  # test_losses has the rest
OF_NUMBERS, OF_BITS = plain.OF_NUMBERS, plain.OF_BITS


@dataclass
class Problem:
    """A module with its data; dtype is that of both."""

    module: nn.Module
    x: Tensor
    y: Tensor
    loss: str

    def objective(self, engine: Any) -> Objective:
        """Below the door of `nogd.objective`, which lets no data in that are not finite."""
        working = private_copy(self.module)
        space = ParameterSpace(working)
        return Objective(make_network(working, self.x, self.y, self.loss, space, engine))

    def one_by_one(self, thetas: Tensor, rows: Tensor | None) -> Tensor:
        x, y = (self.x, self.y) if rows is None else (self.x[rows], self.y[rows])
        if len(thetas) == 0:
            return thetas.new_empty(0)
        found = plain.losses(self.module, thetas, x, y, LOSSES[self.loss])
        return found.nan_to_num(math.inf, math.inf, math.inf)


@st.composite
def problems(draw: st.DrawFn, engine: str) -> Problem:
    """A problem that the engine is for."""
    features, rows = draw(st.integers(1, 64)), draw(st.sampled_from([1, 2, 7, 33, 70]))
    shape: tuple[int, ...] = (features,)
    if engine in ("compiled", "stack"):
        layers = draw(stacks(features, COMPILED_ACTIVATIONS if engine == "compiled" else ACTIVATIONS))
        module = plain.drawn(nn.Sequential(*layers).double().eval(), draw(st.integers(0, 99)), 0.5)
    else:
        side = draw(st.integers(6, 8))
        image = draw(st.integers(0, 3)) == 0
        shape = (draw(st.integers(1, 3)), side, side) if image else shape
        layers = draw(images(shape[0], side) if image else vectors(features))
        module = draw(freezings(nn.Sequential(*layers)))
    dtype = draw(st.sampled_from([D, D, torch.float32]))
    x = plain.data(rows, math.prod(shape), dtype=dtype)[0].view(rows, *shape)
    outputs = module(x.double()).shape[1]
    compiled = [name for name in OF_NUMBERS + OF_BITS if name in plain.LOSSES]
    known = compiled if engine == "compiled" else OF_NUMBERS + OF_BITS
    loss = draw(st.sampled_from(known + ["cross-entropy"] * (outputs > 1)))
    y = (
        plain.classes(rows, outputs)
        if loss == "cross-entropy"
        else plain.data(rows, 1, outputs, dtype=dtype)[1]
    )
    return Problem(module.to(dtype), x, (y > 0).to(dtype) if loss in OF_BITS else y, loss)


def candidates(kind: str, made: Objective, theta: Tensor, count: int, draw: int) -> Any:
    """draw: a number that everything left open follows from."""
    if kind in ("line", "walk"):
        return nogd.Line(theta, draw % made.D, torch.linspace(-2, 3, count, dtype=made.dtype))
    if kind in ("perturbed", "mirrored"):
        return nogd.Perturbed(theta, tuple(range(draw, draw + count)), 0.3, antithetic=kind == "mirrored")
    if kind == "low rank":
        rng = torch.Generator().manual_seed(draw)
        return nogd.LowRank.draw(made.space, theta, count, 0.3, rng, rank=1 + draw % 6)
    if kind == "subspace":
        return nogd.Subspace(theta, sparse(made, count, draw), 0.3)
    if kind == "seeded":
        some = sparse(made, count // 2, draw)[:, draw % made.D :]
        seeds = tuple(range(draw, draw + count - len(some)))
        return nogd.Subspace(theta, some, 0.3, seeds, slice(draw % made.D, None))
    if kind == "unit":
        return of_a_unit(made, theta, count, draw)
    return nogd.Population(theta + 0.3 * plain.thetas(count, made.D, draw, dtype=made.dtype))


def of_a_unit(made: Objective, theta: Tensor, count: int, draw: int) -> Any:
    """Weights for any unit of any layer, also where no layers can be listed."""
    places = {t.name: slice(t.start, t.stop) for t in made.space}
    layers = [
        NamedLayer(name, part, places[f"{name}.weight"], places.get(f"{name}.bias"))
        for name, part in made.module.named_modules()
        if isinstance(part, nn.Linear | nn.Conv2d) and f"{name}.weight" in places
    ]
    if not layers:  # the bias alone is searched
        return nogd.Population(theta + 0.3 * plain.thetas(count, made.D, draw, dtype=made.dtype))
    layer = layers[draw % len(layers)]
    units, place = len(layer.module.weight), layer.weight
    size = (place.stop - place.start) // units + (layer.bias is not None)
    return nogd.Unit(theta, layer, draw % units, plain.thetas(count, size, draw, dtype=made.dtype))


def sparse(made: Objective, count: int, draw: int) -> Tensor:
    """Directions of which some touch one tensor alone, some all behind one, one nothing, and the rest everything."""
    directions = plain.thetas(count, made.D, draw, dtype=made.dtype)
    tensors = made.space.tensors
    for k, direction in enumerate(directions):
        tensor = tensors[(draw + k) % len(tensors)]
        direction[: tensor.start if k % 3 else 0] = 0
        direction[tensor.stop if k % 3 == 1 else made.D :] = 0
    directions[7:8] = 0
    return directions


@contextlib.contextmanager
def chunks(small: bool) -> Iterator[None]:
    """Sizes as they are, or so small that everything is cut into pieces, and shared by two threads."""
    with pytest.MonkeyPatch.context() as patch:
        if small:
            patch.setattr(
                torch, "get_num_threads", lambda: 2
            )  # for nogd's own; torch's would wait for each other
            patch.setitem(CHUNK_ELEMENTS, "cpu", 300)
            for name, value in {
                "layers.chain.FEWEST_ROWS": 4,
                "layers.chain.FEWEST_IMAGES": 4,
                "candidates.perturbed._PIECE": 50,
                "candidates.scoring._DENSE_ELEMENTS": 300,
                "candidates.scoring.SMALL": 0,
                "candidates.probing._LARGE": 0,
                "candidates.probing._MANY_ROWS": 40,
                "compiled.scorer.WORTH_A_THREAD": 1.0,
                "compiled.layout.CACHE": 1,
            }.items():
                patch.setattr(f"nogd.engine.{name}", value)
        yield


def check(problem: Problem, made: Objective, kind: str, asked: Any, rows: Tensor | None) -> None:
    """Score the candidates, and compare losses, theta and the meter with what they must be."""
    before, count = asked.dense().clone(), len(asked)
    forwards, evaluations = made.meter.forwards, made.meter.evaluations
    if kind == "walk":
        walk = made.walk(asked.theta)
        forwards, evaluations, rows = made.meter.forwards, made.meter.evaluations, None
        found = walk.losses(asked.index, asked.values)
    else:
        found = made.losses(asked, rows)
    wanted = problem.one_by_one(before, rows)
    exact = made.dtype == D
    close = {"rtol": 1e-8, "atol": 1e-9} if exact else {"rtol": 2e-3, "atol": 1e-3}
    assert (found.shape, found.dtype) == ((count,), made.dtype)
    torch.testing.assert_close(found, wanted, **close)
    assert torch.equal(asked.dense(), before) or before.isnan().any()
    share = 1.0 if rows is None else len(rows) / len(problem.x)
    assert made.meter.forwards - forwards == pytest.approx(count * share, rel=1e-12)
    assert made.meter.evaluations - evaluations == count


@pytest.mark.filterwarnings("ignore::nogd.errors.NogdWarning")  # of vmap, where torch warns of a slow rule
@pytest.mark.parametrize("engine", ENGINES)
@settings(deadline=None, derandomize=True, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.data(),
    count=st.sampled_from([0, 1, 2, 13]),
    small=HALVES,
    some=HALVES,
    number=st.integers(0, 10**6),
)
def test_random_networks(engine, data, count, small, some, number):
    if engine == "compiled":
        pytest.importorskip("numba")
    problem = data.draw(problems(engine))
    rows = torch.arange(0, len(problem.x), 2) if some else None
    with chunks(small):
        made = problem.objective(engine)
        assert made.engine.partition(":")[0] == engine
        theta = plain.read(problem.module)
        for kind in KINDS:
            check(problem, made, kind, candidates(kind, made, theta, count, number), rows)
        assert torch.equal(theta, plain.read(problem.module))


WILD = [math.nan, math.inf, -math.inf, 1e200, -1e200, 1e12]


@pytest.mark.filterwarnings("ignore::nogd.errors.NogdWarning")
@pytest.mark.parametrize("engine", ENGINES)
@settings(deadline=None, derandomize=True, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    data=st.data(),
    wild=st.sampled_from(WILD),
    where=st.sampled_from(["theta", "inputs", "targets"]),
    there=HALVES,
    count=st.sampled_from([5, 9]),  # compiled loops take few values another way than many
    number=st.integers(0, 10**6),
)
def test_numbers_that_are_none(engine, data, wild, where, there, count, number):
    """there: a line is along the very coordinate that is no number."""
    if engine == "compiled":
        pytest.importorskip("numba")
    problem = data.draw(problems(engine).filter(lambda problem: problem.x.ndim == 2))
    if any(isinstance(part, nn.LayerNorm) for part in problem.module.modules()):
        assume(abs(wild) != 1e200)  # torch makes NaN or 0 of it, by its place among the vector registers
    strange = torch.tensor(wild, dtype=D)  # float32 makes an infinity of the largest
    if where == "inputs":
        problem.x.view(-1)[number % problem.x.numel()] = strange
    elif where == "targets" and problem.loss in OF_NUMBERS:
        problem.y.view(-1)[number % problem.y.numel()] = strange
    made = problem.objective(engine)
    theta = plain.read(problem.module)
    if where == "theta":
        theta[(number if there else number // 2) % made.D] = strange
    for kind in KINDS:
        if (
            kind != "low rank" or problem.loss != "zero-one"
        ):  # which calls NaN a mistake, and infinity perhaps right
            check(problem, made, kind, candidates(kind, made, theta, count, number), None)
