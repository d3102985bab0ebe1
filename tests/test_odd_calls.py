"""Calls that make no sense are refused in one sentence, before anything is counted; odd but sensible ones work."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import plain
import pytest
import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

import nogd
from nogd.engine.black_box import BlackBox
from nogd.engine.objective import Objective
from nogd.engine.space import ParameterSpace
from nogd.engine.walks.walking import Walk
from nogd.errors import InvalidSetting

D = torch.float64
ENGINES = ["compiled", "stack", "chain", "vmap", "loop"]
THETAS = plain.thetas(4, 21)
THETA = THETAS[0]
VALUES = torch.linspace(-1, 1, 4, dtype=D)


@pytest.fixture(params=ENGINES)
def made(request: pytest.FixtureRequest) -> Objective:
    if request.param == "compiled":
        pytest.importorskip("numba")
    return nogd.objective(plain.network(3, 4, 1), *plain.data(9, 3), engine=request.param)


def one_by_one(thetas: Tensor, rows: Any = slice(None)) -> Tensor:
    x, y = plain.data(9, 3)
    found = plain.losses(plain.network(3, 4, 1), thetas, x[rows], y[rows], F.mse_loss)
    return found.nan_to_num(math.inf, math.inf, math.inf)


def score(rows: Any) -> Callable[[Objective], Tensor]:
    return lambda made: made.losses(nogd.Population(THETAS), rows)


def low_rank(made: Objective, **change: Any) -> Tensor:
    drawn = nogd.LowRank.draw(made.space, THETA, 2, 0.1, Generator().manual_seed(0))
    parts: dict[str, Any] = {"left": drawn.left, "right": drawn.right}
    for name, function in change.items():
        parts[name] = tuple(function(factor) if factor is not None else None for factor in parts[name])
    return made.losses(nogd.LowRank(THETA, **parts, scale=0.1))


def written_out(made: Objective) -> Tensor:
    """A vector in the place of each matrix."""
    wide = [torch.zeros(2, tensor.stop - tensor.start, dtype=D) for tensor in made.space]
    return made.losses(nogd.LowRank(THETA, tuple(wide), (None,) * len(wide), 0.1))


REFUSED: dict[str, tuple[Callable[[Objective], Any], str]] = {
    "a mask for rows": (score(torch.arange(9) > 4), r"of a mask: mask.nonzero\(\)"),
    "no rows": (score(torch.arange(0)), "numbers of at least one example"),
    "rows beyond": (score(torch.tensor([0, 9])), "reach from 0 to 9, but the 9 examples count from 0 to 8"),
    "negative rows": (score(torch.tensor([-1])), "reach from -1"),
    "a list of rows": (score([1, 2]), r"not \[1, 2\]"),
    "rows in fractions": (score(torch.tensor([1.0])), "numbers of at least one example"),
    "rows in two dimensions": (score(torch.tensor([[1]])), "numbers of at least one example"),
    "rows of a gradient": (lambda made: made.gradient(THETA, torch.arange(0)), "at least one example"),
    "rows of derivatives": (lambda made: made.directional(THETA, THETAS, torch.tensor([9])), "reach from 9"),
    "a sparse population": (lambda made: nogd.Population(THETAS.to_sparse()), "real numbers in a dense tensor"),
    "a complex population": (lambda made: nogd.Population(THETAS.to(torch.complex64)), "real numbers"),
    "a walk of another type": (lambda made: made.walk(THETA.float()), "must be a contiguous tensor of torch.float64"),
    "a walk of a column": (lambda made: made.walk(torch.ones(21, 2, dtype=D)[:, 0]), "with stride 2"),
    "a walk of an array": (lambda made: made.walk(THETA.numpy()), r"a tensor \[21\] .* not a ndarray"),
    "a gradient of a list": (lambda made: made.gradient(THETA.tolist()), r"a tensor \[21\] .* not a list"),
    "seeds that are none": (lambda made: nogd.Perturbed(THETA, (1.5,), 0.1), "seeds that are whole numbers"),
    "a single seed": (lambda made: nogd.Perturbed(THETA, 3, 0.1), "seeds that are whole numbers"),
    "a sigma in words": (lambda made: nogd.Perturbed(THETA, (3,), "small"), "a number sigma, not .* 'small'"),
    "rank 0": (lambda made: nogd.LowRank.draw(made.space, THETA, 2, 0.1, Generator(), rank=0), "at least 1, not 0"),
    "factors of fewer candidates": (lambda made: low_rank(made, right=lambda f: f[:1]), "tensor 0 has left"),
    "factors of another rank": (lambda made: low_rank(made, right=lambda f: f.repeat(1, 1, 2)), "tensor 0 has left"),
    "factors of another type": (lambda made: low_rank(made, left=Tensor.float), "each of theta's type"),
    "factors of another size": (lambda made: low_rank(made, left=lambda f: f[:, :1]), "make up .* theta has 21"),
    "matrices in one piece": (written_out, r"not those of this network's tensors, 0.weight \[4, 3\]"),
    "directions of some": (lambda made: nogd.Subspace(THETA, THETAS[:, 1:], 0.1), r"\[K, 21\] here, not \[4, 20\]"),
    "directions in a list": (lambda made: nogd.Subspace(THETA, [THETA], 0.1), r"\[K, 21\] here, not a list"),
    "directions in float32": (lambda made: nogd.Subspace(THETA, THETAS.float(), 0.1), "not torch.float32 on cpu"),
    "too many within": (lambda made: nogd.Subspace(THETA, THETAS, 0.1, within=slice(2, 22)), r"not slice\(2, 22"),
    "a radius of 0": (lambda made: nogd.Subspace(THETA, THETAS, 0), "finite number above 0, not 0"),
    "a radius in words": (lambda made: nogd.Subspace(THETA, THETAS, "near"), "number above 0, not 'near'"),
    "a seed of a half": (lambda made: nogd.Subspace(THETA, None, 0.1, seeds=(0.5,)), "seeds of a Subspace are whole"),
    "probes around many": (lambda made: nogd.Subspace(THETAS, None, 0.1), r"theta \[D\], but this one has shape"),
    "no factors": (lambda made: nogd.LowRank(THETA, (), (), 0.1), "0 left ones and 0 right ones"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_sense_is_refused_and_not_counted(made, name):
    call, sentence = REFUSED[name]
    with pytest.raises(InvalidSetting, match=sentence) as caught:
        call(made)
    assert "\n" not in str(caught.value)
    assert made.meter.evaluations == 0


ON_A_WALK: dict[str, tuple[Callable[[Walk], Any], str]] = {
    "an index in fractions": (lambda walk: walk.losses(3.0, VALUES), "coordinate 3.0 is not one of the 21"),
    "an index in words": (lambda walk: walk.lowest("first", VALUES), "coordinate first is not one of the 21"),
    "an index beyond": (lambda walk: walk.minimum(21, -1.0, 1.0), "coordinate 21 is not one of the 21"),
    "a list of values": (lambda walk: walk.losses(3, [1.0, 2.0]), r"values are a tensor \[G\], not \[1.0"),
    "values in two dimensions": (lambda walk: walk.losses(3, VALUES.view(2, 2)), "values are a tensor"),
    "a single value": (lambda walk: walk.losses(3, VALUES[0]), "values are a tensor"),
}  # fmt: skip


@pytest.mark.parametrize("name", ON_A_WALK)
def test_what_makes_no_sense_on_a_walk(made, name):
    call, sentence = ON_A_WALK[name]
    walk = made.walk(THETA.clone())
    with pytest.raises(InvalidSetting, match=sentence):
        call(walk)
    assert made.meter.evaluations == 1


def test_theta_of_the_inference_mode_is_refused_where_it_is_to_be_watched(made):
    with torch.inference_mode():
        theta = THETA.clone()
        with pytest.raises(InvalidSetting, match=r"torch.inference_mode\(\), where no tensor tells"):
            made.walk(theta)
        expected = one_by_one(THETAS)
        torch.testing.assert_close(made.losses(nogd.Population(THETAS.clone())), expected)
        loss, gradient = made.gradient(theta)
    assert loss == pytest.approx(expected[0].item())
    assert gradient.any()


@pytest.mark.parametrize("index", [3, np.int64(3), torch.tensor(3)])
def test_indices_that_are_whole_numbers(made, index):
    walk = made.walk(THETA.clone())
    torch.testing.assert_close(walk.losses(index, VALUES), one_by_one(nogd.Line(THETA, 3, VALUES).dense()))
    assert -1 <= walk.minimum(index, -1.0, 1.0)[0] <= 1
    walk.move(index, torch.tensor([0.5]))
    assert walk.theta[3] == 0.5


@pytest.mark.parametrize(
    "values",
    [
        torch.tensor([1, 2]),
        torch.linspace(-1, 1, 8, dtype=D)[::2],
        torch.tensor([1.0], dtype=D).expand(3),
        torch.tensor([1.0, 2, 3, 4, 5, math.nan, math.inf, -1], dtype=D),
        torch.tensor([math.nan, 1.0], dtype=D),
    ],
    ids=["whole", "strided", "expanded", "no numbers among many", "no number first"],
)
def test_odd_values(made, values):
    expected = one_by_one(nogd.Line(THETA, 3, values).dense())
    walk = made.walk(THETA.clone())
    torch.testing.assert_close(walk.losses(3, values), expected)
    assert walk.lowest(3, values)[0] == int(expected.argmin())


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e18])
def test_a_walk_that_stands_at_no_number(made, value):
    """The plain loop puts another value in its place, so that nothing of it is left."""
    theta = THETA.clone()
    theta[3] = value
    walk = made.walk(theta)
    torch.testing.assert_close(walk.losses(3, VALUES), one_by_one(nogd.Line(theta, 3, VALUES).dense()))
    found, loss = walk.minimum(3, -1.0, 1.0)
    assert loss == pytest.approx(
        one_by_one(nogd.Line(theta, 3, torch.tensor([found], dtype=D)).dense()).item()
    )
    assert loss <= walk.losses(3, torch.linspace(-1, 1, 101, dtype=D)).min() * (1 + 1e-9)


@pytest.mark.parametrize(
    "thetas",
    [
        THETAS.numpy(),
        THETAS.tolist(),
        THETAS.T.contiguous().T,
        THETA.expand(3, 21),
        THETAS.clone().requires_grad_(),
    ],
    ids=["array", "list", "strided", "expanded", "with gradient"],
)
def test_odd_populations(made, thetas):
    found = made.losses(nogd.Population(thetas))
    torch.testing.assert_close(found, one_by_one(torch.as_tensor(thetas, dtype=D)), rtol=1e-5, atol=1e-5)
    assert not found.requires_grad


def test_lists_describe_candidates_too(made):
    line = nogd.Line(THETA.numpy(), 3, [0.1, 0.2])
    assert line.dense()[:, 3].tolist() == [0.1, 0.2]
    torch.testing.assert_close(made.losses(line), one_by_one(line.dense()))
    noisy = nogd.Perturbed(THETA.numpy(), torch.tensor([1, 2]), torch.tensor(0.1))
    torch.testing.assert_close(made.losses(noisy), one_by_one(noisy.dense()))


def test_derivatives_carry_no_graph(made):
    theta, directions = THETA.clone().requires_grad_(), THETAS.clone().requires_grad_()
    assert not any(each.requires_grad for each in made.gradient(theta))
    loss, derivatives = made.directional(theta.float(), directions.float())
    assert not loss.requires_grad
    assert not derivatives.requires_grad


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("made_inside", [False, True])
@pytest.mark.filterwarnings("ignore::nogd.errors.NogdWarning")
def test_an_autocast_around_it_does_not_keep_the_first_candidates_weights(engine, made_inside):
    """It keeps what it made of a parameter, and does not notice that the parameter is overwritten."""
    if engine == "compiled":
        pytest.importorskip("numba")
    module, (x, y) = plain.network(3, 4, 1).float(), plain.data(9, 3, dtype=torch.float32)
    thetas = plain.thetas(9, 21, dtype=torch.float32)
    expected = plain.losses(module, thetas, x, y, F.mse_loss)
    close = {"rtol": 0.05, "atol": 0.05}
    made = nogd.objective(module, x, y, engine=None if made_inside else engine)
    with torch.autocast("cpu", torch.bfloat16):
        if made_inside:
            made = nogd.objective(module, x, y)
            assert "gives other outputs" in made.engine
        torch.testing.assert_close(made.losses(nogd.Population(thetas)), expected, **close)
        walk, values = made.walk(thetas[0].clone()), VALUES.float()
        dense = nogd.Line(thetas[0], 3, values).dense()
        torch.testing.assert_close(walk.losses(3, values), made.losses(nogd.Population(dense)), **close)
        assert len(walk.losses(3, values).unique()) > 1
        loss, gradient = made.gradient(thetas[4])
        torch.testing.assert_close(loss, expected[4], **close)
        derivatives = made.directional(thetas[4], thetas)[1]
    torch.testing.assert_close(derivatives, thetas @ gradient, rtol=0.1, atol=0.5)


def test_an_autocast_around_a_black_box():
    module, (x, y) = plain.network(3, 4, 1).float(), plain.data(9, 3, dtype=torch.float32)
    score = BlackBox(module, ParameterSpace(module), lambda each: float(F.mse_loss(each(x).float(), y)))
    thetas = plain.thetas(9, 21, dtype=torch.float32)
    expected = plain.losses(module, thetas, x, y, F.mse_loss)
    with torch.autocast("cpu", torch.bfloat16):
        found = Objective(score).losses(nogd.Population(thetas))
    torch.testing.assert_close(found, expected, rtol=0.05, atol=0.05)


def candidates_to_combine() -> list[Any]:
    space = nogd.objective(plain.network(3, 4, 1), *plain.data(9, 3)).space
    drawn = nogd.LowRank.draw(space, THETA, 2, 0.1, Generator().manual_seed(0))
    return [nogd.Perturbed(THETA, (1, 2), 0.1), drawn]


@pytest.mark.parametrize("candidates", candidates_to_combine(), ids=["perturbed", "low rank"])
def test_combining(candidates):
    wanted = THETA.clone()
    candidates.combine(torch.tensor([1.0, -2.0], dtype=D), out=wanted)
    for weights in ([1.0, -2.0], np.array([1.0, -2.0]), torch.tensor([1.0, -2.0])):
        out = THETA.clone().requires_grad_()  # as of an optimiser
        candidates.combine(weights, out=out)
        assert torch.equal(out, wanted)
    for weights, sentence in (([1.0], "2 candidates but 1 weights"), (2.0, "no list of weights")):
        with pytest.raises(InvalidSetting, match=sentence):
            candidates.combine(weights, out=wanted)
    for out in (torch.zeros(5, dtype=D), torch.zeros(21), torch.zeros(21, 1, dtype=D)):
        with pytest.raises(
            InvalidSetting, match=r"combined into a tensor like theta, \[21\] of torch.float64"
        ):
            candidates.combine([1.0, -2.0], out=out)
        assert not out.any()


def test_an_engine_can_be_asked_for_on_streamed_data():
    x, y = plain.data(9, 3)
    made = nogd.objective(plain.network(3, 4, 1), [(x[:5], y[:5]), (x[5:], y[5:])], engine="chain")
    assert made.engine.startswith("stream, chain: ")
    norm = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 1)).double()
    with pytest.raises(InvalidSetting, match="no stack of linear layers"):
        nogd.objective(norm, [(x, y)], engine="stack")


LEARNERS = [
    "grid-search,points=3",
    "exact-line",
    "exact-line,order=random",
    "random-search",
    "adam,rows=4",
    "hybrid",
]


@pytest.fixture
def elsewhere():
    """A default device other than the module's, as `torch.set_default_device("cuda")` makes it."""
    torch.set_default_device("meta")
    yield
    torch.set_default_device(None)


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_run_does_not_depend_on_torchs_default_device(learner, request):
    module, (x, y) = plain.network(3, 4, 1), plain.data(9, 3)
    runs = [nogd.fit(copy.deepcopy(module), x, y, learner=learner, budget=60)]
    request.getfixturevalue("elsewhere")
    runs.append(nogd.fit(copy.deepcopy(module), x, y, learner=learner, budget=60))
    assert runs[0].theta.tolist() == runs[1].theta.tolist()
    assert runs[0].curve["loss"].tolist() == runs[1].curve["loss"].tolist()


def test_candidates_do_not_depend_on_torchs_default_device(made, request):
    theta, out, rng = THETA.clone(), torch.zeros_like(THETA), Generator().manual_seed(0)
    described = [
        nogd.Population(THETAS),
        nogd.Line(theta, 3, VALUES),
        nogd.Perturbed(theta, (1, 2), 0.1, antithetic=True),
        nogd.LowRank.draw(made.space, theta, 3, 0.1, rng),
        nogd.Subspace(theta, torch.eye(21, dtype=D)[::5], 0.1, seeds=(3, 4)),
    ]
    expected = [one_by_one(each.dense()) for each in described]
    request.getfixturevalue("elsewhere")
    line = nogd.Line(theta, 3, VALUES)
    assert line.theta is theta
    for each, losses in zip([*described, line], [*expected, expected[1]], strict=True):
        found = made.losses(each)
        assert found.device.type == "cpu"
        torch.testing.assert_close(found, losses)
    nogd.Perturbed(theta, (1, 2), 0.1).combine([1.0, 0.0], out=out)
    assert out.any()
    torch.testing.assert_close(made.gradient(theta)[0], expected[0][0])
