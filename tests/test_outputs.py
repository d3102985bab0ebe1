"""Outputs of candidates: the module's own, counted and noted as losses are, of data, streams and black boxes."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import plain
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from random_networks import ACTIVATIONS, images, stacks
from torch import Generator, Tensor, nn

import nogd
from nogd.engine.accounts.meter import BudgetSpent, Limit, TargetReached
from nogd.engine.objective import Objective
from nogd.errors import InvalidSetting, NogdWarning

ROWS = 9


def objective(**more: Any) -> Objective:
    return nogd.objective(plain.network(3, 4, 2), *plain.data(ROWS, 3, 2), **more)


@settings(max_examples=12, deadline=None)
@given(st.data(), st.booleans(), st.sampled_from([None, [2, 0, 2, 5]]), st.integers(0, 3))
def test_outputs_are_the_modules_own(data, image, rows, count):
    shape = (2, 4, 4) if image else (5,)
    drawn = images(2, 4) if image else stacks(5, ACTIVATIONS)
    module = plain.drawn(nn.Sequential(*data.draw(drawn)).double(), 0).eval()
    x = torch.randn(ROWS, *shape, generator=Generator().manual_seed(1), dtype=torch.float64)
    y = module(x).detach() + 1
    made = nogd.objective(module, x, y)
    thetas = plain.thetas(count, made.D)
    chosen = None if rows is None else torch.tensor(rows)
    found = made.outputs(nogd.Population(thetas), chosen)
    if count:
        # The objective's copy, as its running statistics were gathered.
        expected = plain.outputs(copy.deepcopy(made.module), thetas, x if chosen is None else x[chosen])
        torch.testing.assert_close(found, expected)
        return
    assert found.shape == (0, ROWS if chosen is None else 4, *y.shape[1:])


@pytest.mark.parametrize("engine", ["compiled", "stack", "chain", "vmap", "loop"])
@pytest.mark.parametrize("rows", [None, torch.tensor([1, 5, 5])])
def test_outputs_count_and_are_noted_as_losses_are(engine, rows):
    if engine == "compiled":
        pytest.importorskip("numba")
    asked, scored = objective(engine=engine), objective(engine=engine)
    candidates = nogd.Population(plain.thetas(4, asked.D))
    assert asked.outputs(candidates, rows).shape == (4, ROWS if rows is None else 3, 2)
    scored.losses(candidates, rows)
    without = {name: value for name, value in asked.meter.reading().items() if name != "seconds"}
    assert without == {name: value for name, value in scored.meter.reading().items() if name != "seconds"}
    torch.testing.assert_close(asked.trace.table()[:, [0, 1, 2, 4]], scored.trace.table()[:, [0, 1, 2, 4]])


DESCRIBED: dict[str, Callable[[Objective], Any]] = {
    "line": lambda made: nogd.Line(plain.thetas(1, made.D)[0], 3, torch.linspace(-1, 1, 5)),
    "perturbed": lambda made: nogd.Perturbed(plain.thetas(1, made.D)[0], torch.arange(4), 0.1),
    "low rank": lambda made: nogd.LowRank.draw(
        made.space, plain.thetas(1, made.D)[0], 3, 0.1, Generator().manual_seed(1)
    ),
    "subspace": lambda made: nogd.Subspace(
        plain.thetas(1, made.D)[0], torch.eye(made.D, dtype=torch.float64)[::6], 0.1, seeds=(1, 2)
    ),
}


@pytest.mark.parametrize("engine", ["stack", "vmap", "loop", "stream"])
@pytest.mark.parametrize("kind", DESCRIBED)
def test_candidates_may_be_described(kind, engine):
    module, x, y = plain.network(3, 4, 2), *plain.data(ROWS, 3, 2)
    streamed = torch.utils.data.StackDataset(x, y), None
    made = nogd.objective(module, *streamed) if engine == "stream" else objective(engine=engine)
    candidates = DESCRIBED[kind](made)
    found = made.outputs(candidates)
    torch.testing.assert_close(found, plain.outputs(module, candidates.dense(), x))
    torch.testing.assert_close(made.curvature(found).loss, made.losses(candidates))


def test_the_run_ends_at_the_outputs_that_meet_the_target():
    made = objective()
    thetas = plain.thetas(4, made.D)
    target = float(made.losses(nogd.Population(thetas))[1])
    assert target < float(made.losses(nogd.Population(thetas[:1])))
    made = objective()
    made.begin(thetas[0], Limit(), None, target)
    with pytest.raises(TargetReached) as reached:
        made.outputs(nogd.Population(thetas))
    assert torch.equal(reached.value.theta, thetas[1])
    assert (made.meter.forwards, made.meter.evaluations) == (2, 2)


def test_outputs_that_do_not_fit_are_not_computed():
    made = objective()
    made.begin(plain.thetas(1, made.D)[0], Limit(forwards=3), None, None)
    with pytest.raises(BudgetSpent):
        made.outputs(nogd.Population(plain.thetas(4, made.D)))
    assert made.meter.forwards == 0


def test_outputs_are_the_learners_to_write_into():
    made = objective()
    candidates = nogd.Population(plain.thetas(2, made.D))
    before = made.losses(candidates)
    made.outputs(candidates).zero_()
    assert torch.equal(made.losses(candidates), before)


def test_candidates_of_one_call_share_their_masks_in_train_mode():
    module = nn.Sequential(nn.Linear(3, 40), nn.Dropout(0.5), nn.Linear(40, 2)).double()
    made = nogd.objective(plain.drawn(module, 0), *plain.data(ROWS, 3, 2), mode="train")
    theta = plain.thetas(1, made.D)
    first, again = made.outputs(nogd.Population(theta.repeat(2, 1))), made.outputs(nogd.Population(theta))
    assert torch.equal(first[0], first[1])
    assert not torch.equal(first[0], again[0])


# -- streams


@pytest.mark.parametrize("rows", [None, torch.tensor([8, 0, 5])])
@pytest.mark.parametrize("loss", ["mse", "cross-entropy"])
def test_streamed_data_give_those_of_all_batches(loss, rows):
    x, y = plain.data(ROWS, 3, 2)
    y = plain.classes(ROWS, 2) if loss == "cross-entropy" else y
    module = plain.network(3, 4, 2)
    source = torch.utils.data.StackDataset(x, y)
    streamed, held = nogd.objective(module, source, loss=loss), nogd.objective(module, x, y, loss=loss)
    candidates = nogd.Population(plain.thetas(3, held.D))
    found, expected = streamed.outputs(candidates, rows), held.outputs(candidates, rows)
    torch.testing.assert_close(found, expected)
    ours, theirs = streamed.curvature(found, rows), held.curvature(expected, rows)
    torch.testing.assert_close(ours.gradient, theirs.gradient)
    torch.testing.assert_close(ours.loss, streamed.losses(candidates, rows))
    assert streamed.meter.forwards == held.meter.forwards + (3 if rows is None else 1)
    assert streamed.features == {"outputs", "curvature", "directional", "gradient"}


# -- black boxes


@dataclass
class Device:
    """Somebody else's program: rounds its weights, so that nobody could follow a gradient through it."""

    x: Tensor
    asked: list[list[float]] = field(default_factory=list)

    def __call__(self, module: nn.Module) -> Tensor:
        self.asked.append(plain.read(module).tolist())
        (weight,) = module.parameters()
        return self.x @ (4 * weight).round().T / 4


class Leaning(nogd.Learner):
    """Move against the error at the outputs, seen through the inputs that it was told of (Widrow and Hoff 1960)."""

    name: ClassVar[str] = "leaning"
    needs: ClassVar[frozenset[str]] = frozenset({"outputs", "curvature"})

    def init(self, objective: Objective, theta: Tensor, rng: Generator) -> nogd.State:
        return nogd.State(theta=theta)

    def step(self, objective: Objective, state: nogd.State) -> None:
        outputs = objective.outputs(nogd.Population(state.theta[None]))
        error = objective.curvature(outputs[0]).gradient
        x = plain.data(ROWS, 3)[0]
        state.theta = state.theta - 0.5 * (error.T @ x).reshape(-1)
        state.iteration += 1


def boxed(learner: Any, budget: Any, targets: Any = None, **more: Any) -> tuple[nogd.Run, Device]:
    x, _ = plain.data(ROWS, 3)
    device, module = Device(x), nn.Linear(3, 2, bias=False, dtype=torch.float64)
    nn.init.zeros_(module.weight)
    if targets is None:
        targets = x @ torch.tensor([[1.0, 0.5], [-0.25, 2.0], [0.5, -1.5]], dtype=torch.float64)
    return nogd.minimize(module, device, targets=targets, learner=learner, budget=budget, **more), device


class Shapes(Leaning):
    """Notes the shape of an example's outputs before any are asked for, and behind."""

    name: ClassVar[str] = "shapes"
    seen: ClassVar[list[object]] = []

    def step(self, objective: Objective, state: nogd.State) -> None:
        try:
            self.seen.append(objective.output_shape)
        except InvalidSetting as refusal:
            self.seen.append(str(refusal))
        super().step(objective, state)


def test_the_shape_of_an_examples_outputs_is_known_but_of_a_black_box_until_it_was_called():
    made = objective()
    assert (made.output_shape, made.meter.forwards) == ((2,), 0)
    Shapes.seen.clear()
    boxed(Shapes(), 2)
    assert "ask objective.outputs first" in str(Shapes.seen[0])
    assert Shapes.seen[1] == (2,)


def test_a_black_box_may_return_outputs():
    run, device = boxed(Leaning(), 200)
    assert run.loss < 0.05 < F.mse_loss(torch.zeros(ROWS, 2), plain.data(ROWS, 2)[0])
    assert len(device.asked) == run.meter.forwards == run.meter.evaluations == 200


@pytest.mark.parametrize(
    "learner", ["random-search,population=7", "grid-search,points=3", "random-search+grid-search"]
)
def test_it_is_called_exactly_as_often_as_it_is_paid_for(learner):
    run, device = boxed(learner, 50)
    assert len(device.asked) == run.meter.forwards == run.meter.evaluations
    assert run.meter.examples == ROWS * len(device.asked)


def test_no_candidate_behind_the_one_that_meets_the_target_is_asked_for():
    run, device = boxed(Leaning(), 200, target=0.5)
    assert run.status == "target"
    assert device.asked[-1] == run.theta.tolist()
    assert len(device.asked) == run.meter.forwards < 200


def test_targets_may_be_classes():
    run, _ = boxed(Leaning(), 100, plain.classes(ROWS, 2), loss="cross-entropy")
    assert run.loss < 0.69


def test_a_box_of_scores_has_no_outputs():
    with pytest.raises(
        InvalidSetting, match="leaning needs the outputs of the network, and there are none here"
    ):
        nogd.minimize(nn.Linear(2, 1), lambda module: 0.0, learner=Leaning())


WRONG: dict[str, tuple[Callable[[nn.Module], Any], str]] = {
    "a number": (lambda module: 1.0, "it gave a float"),
    "too few": (lambda module: torch.zeros(3, 2), r"it gave torch.float32 of shape \[3, 2\]"),
    "whole numbers": (lambda module: torch.zeros(ROWS, 2, dtype=torch.long), r"it gave torch.int64 of shape"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_are_no_outputs_is_told(what):
    call, said = WRONG[what]
    with pytest.raises(InvalidSetting, match=f"gives the outputs of all {ROWS} examples as one .*{said}"):
        nogd.minimize(nn.Linear(3, 2), call, targets=torch.zeros(ROWS, 2), learner=Leaning())


class Sampling(Leaning):
    """Ask for some examples of what gives all of them (Widrow and Hoff 1960)."""

    name: ClassVar[str] = "sampling"

    def step(self, objective: Objective, state: nogd.State) -> None:
        objective.outputs(nogd.Population(state.theta[None]), torch.tensor([0, 1]))


def test_a_box_takes_no_mini_batches():
    with pytest.raises(InvalidSetting, match="gives the outputs of all examples at once"):
        boxed(Sampling(), 20)


# -- where there are none


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(3, 1, dtype=torch.float64)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.one(x), x


def test_a_network_that_gives_several_tensors_has_no_outputs_to_stack():
    x, y = plain.data(ROWS, 3)
    made = nogd.objective(Pair(), x, y, loss=lambda outputs, targets: (outputs[0] - targets).square().mean())
    assert made.features == {"gradient", "directional"}
    with pytest.raises(InvalidSetting, match="gives no one tensor of real outputs"):
        made.outputs(nogd.Population(plain.thetas(1, made.D)))


# -- modules that are called


class Residual(nn.Module):
    """No chain. asked: how often it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(3, 3), nn.Linear(3, 2)
        self.asked: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.asked.append(1)
        return self.last(torch.relu(self.first(x)) + x)


@pytest.mark.parametrize("rows", [None, torch.tensor([1, 5, 5])])
def test_a_module_is_called_for_many_candidates_at_once_where_vmap_takes_it(rows):
    module, (x, y) = plain.drawn(Residual().double(), 0), plain.data(ROWS, 3, 2)
    made = nogd.objective(module, x, y)
    assert made.engine.startswith("vmap")
    thetas = plain.thetas(20, made.D)
    for _ in range(2):  # the first time it is compared with the module by itself
        made.module.asked.clear()
        found = made.outputs(nogd.Population(thetas), rows)
    assert sum(made.module.asked) == 1
    torch.testing.assert_close(found, plain.outputs(module, thetas, x if rows is None else x[rows]))
    torch.testing.assert_close(made.curvature(found, rows).loss, made.losses(nogd.Population(thetas), rows))


class Elsewhere(nn.Module):
    """Keeps its weights where vmap does not find them, too."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.also = [self.layer.weight]

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.also[0], self.layer.bias).cos() + x[:, :2]


def test_where_vmap_gives_others_the_module_is_called_by_itself():
    module, (x, y) = plain.drawn(Elsewhere().double(), 0), plain.data(ROWS, 3, 2)
    made = nogd.objective(module, x, y)
    thetas = plain.thetas(20, made.D)
    with pytest.warns(NogdWarning, match="gives other values there than by itself"):
        found = made.outputs(nogd.Population(thetas))
    torch.testing.assert_close(found, plain.outputs(module, thetas, x))
