"""A run that is stopped between two steps and taken up from bytes ends exactly as one that never stopped."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import plain
import pytest
import scipy.optimize
import torch
from torch import Generator, Tensor, nn

import nogd
from nogd.engine.accounts.meter import Limit
from nogd.engine.state import from_bytes, to_bytes
from nogd.errors import InvalidSetting
from nogd.training.loop import Outcome, snapshot, train
from nogd.training.names import build
from nogd.training.recorder import Recorder, budget_grid

pytestmark = pytest.mark.any_version


class NelderMead(nogd.Loop):
    """Downhill simplex by scipy, without gradients."""

    name: ClassVar[str] = "test-nelder-mead"
    FIRST_STEP: ClassVar[int] = 8

    def drive(self, ask, theta, seed):
        return scipy.optimize.minimize(ask, theta, method="Nelder-Mead", options={"maxfev": 10_000}).message


class Bfgs(nogd.Loop):
    """L-BFGS-B by scipy, with gradients."""

    name: ClassVar[str] = "test-l-bfgs-b"
    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})
    FIRST_STEP: ClassVar[int] = 4

    def drive(self, ask, theta, seed):
        return scipy.optimize.minimize(ask, theta, jac=True, method="L-BFGS-B").message


class Annealing(nogd.Loop):
    """A library with randomness, which `seed` reaches."""

    name: ClassVar[str] = "test-annealing"
    FIRST_STEP: ClassVar[int] = 8

    def drive(self, ask, theta, seed):
        bounds = [(-5, 5)] * len(theta)
        return str(scipy.optimize.dual_annealing(ask, bounds, rng=seed, maxfun=10_000, x0=theta).message)


class Evolution(nogd.Loop):
    """A library that asks for a population at once, within the search box."""

    name: ClassVar[str] = "test-evolution"
    FIRST_STEP: ClassVar[int] = 8

    def drive(self, ask, theta, seed):
        bounds = list(zip(ask.space.low.tolist(), ask.space.high.tolist(), strict=True))
        rng = np.random.default_rng(seed)
        several = {"vectorized": True, "updating": "deferred", "polish": False}
        return str(
            scipy.optimize.differential_evolution(
                lambda columns: ask.all(columns.T), bounds, rng=rng, popsize=1, maxiter=10_000, **several
            ).message
        )


class Forgetful(nogd.Loop):
    """A library with randomness that the seed does not reach."""

    name: ClassVar[str] = "test-forgetful"
    FIRST_STEP: ClassVar[int] = 4

    def drive(self, ask, theta, seed):
        while True:
            ask(theta + np.random.default_rng().standard_normal(len(theta)))


LEARNERS = {
    name: build(name)
    for name in (
        "grid-search,points=3",
        "adam,lr=0.05",
        "adam,rows=4,plateau=true,lr=0.3",
        "sgd,momentum=0.9,rows=5",
        "random-search,population=7",
        "hybrid,first=grid-search",
        "grid-search,points=3,share=0.3+adam,rows=3",
        "grid-search,points=3+grid-search,points=4",
        "random-search,population=5+sgd+grid-search,points=2",
        "random-search,population=5+adam,rows=3",  # both draw from one generator
        "restarts(grid-search,points=2)",
    )
} | {
    "nelder-mead": NelderMead(),
    "l-bfgs-b": Bfgs(),
    "annealing": Annealing(),
    "evolution": Evolution(),
    "random search, then nelder-mead": nogd.Sequence(parts=(build("random-search"), NelderMead())),
    "nelder-mead, then l-bfgs-b in a sequence": nogd.Sequence(
        parts=(nogd.Sequence(parts=(NelderMead(), Bfgs())), build("adam"))
    ),
}
FORWARDS = 160


@dataclass
class Session:
    """One process's part of a run."""

    learner: nogd.Learner
    saved: bytes | None = None
    target: float | None = None
    keep: bool = False
    snapshots: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        module = plain.network(3, 3, 1, activation=nn.Tanh)
        self.objective = nogd.objective(module, *plain.data(13, 3))
        self.recorder = Recorder(self.objective.measure, grid=budget_grid(FORWARDS, 1e-9), by_iteration=True)
        self.outcome: Outcome = train(
            self.learner,
            self.objective,
            plain.read(module),
            Generator().manual_seed(5),
            limit=Limit(forwards=FORWARDS),
            recorder=self.recorder,
            target=self.target,
            saved=None if self.saved is None else from_bytes(self.saved),
            between_steps=self._keep if self.keep else None,
        )

    def _keep(self, state: nogd.State) -> None:
        self.snapshots.append(to_bytes(snapshot(self.objective, self.recorder, state)))

    def result(self) -> dict[str, Any]:
        """All that must be equal: everything but seconds."""
        meter = self.objective.save()["meter"]
        points = [{k: v for k, v in point.items() if k != "seconds"} for point in self.recorder.points]
        trace = self.objective.trace.table()
        return {
            "theta": self.outcome.theta.tolist(),
            "end": (self.outcome.status, self.outcome.reason, self.outcome.loss),
            "meter": {k: v for k, v in meter.items() if k not in ("seconds", "cpu_seconds", "inside")},
            "points": points,
            "trace": trace[:, [0, 1, 2, 4]].tolist(),
        }


def some(snapshots: list[bytes], most: int = 9) -> list[bytes]:
    every = max(1, len(snapshots) // most)
    return [*snapshots[::every], snapshots[-1]]


@pytest.mark.parametrize("name", LEARNERS)
def test_a_resumed_run_equals_an_unbroken_one(name):
    whole = Session(LEARNERS[name], keep=True)
    assert len(whole.snapshots) > 3
    for saved in some(whole.snapshots, 24 if "+grid" in name else 7):
        assert Session(LEARNERS[name], saved).result() == whole.result()


@pytest.mark.parametrize(
    "name", ["grid-search,points=3", "adam,lr=0.05", "random-search,population=7", "nelder-mead"]
)
def test_a_target_is_met_at_the_same_evaluation(name):
    trace = Session(LEARNERS[name]).objective.trace.table()
    target = float(trace[-2, -1])
    whole = Session(LEARNERS[name], target=target, keep=True)
    assert whole.outcome.status == "target"
    assert whole.objective.meter.evaluations == trace[-2, 0]
    for saved in some(whole.snapshots, 4):
        assert Session(LEARNERS[name], saved, target=target).result() == whole.result()


def test_a_run_is_resumed_again_and_again():
    learner = LEARNERS["random-search,population=5+sgd+grid-search,points=2"]
    whole = Session(learner, keep=True)
    saved = whole.snapshots[0]
    for _ in range(5):
        session = Session(learner, saved, keep=True)
        saved = session.snapshots[len(session.snapshots) // 3 + 1 if len(session.snapshots) > 3 else -1]
    assert session.result() == whole.result()


def test_the_comparison_can_fail():
    learner = LEARNERS["adam,lr=0.05"]
    saved = from_bytes(Session(learner, keep=True).snapshots[3])
    saved["state"].mean += 1e-9
    assert Session(learner, to_bytes(saved)).result() != Session(learner).result()


def test_a_library_that_does_not_repeat_itself_is_caught():
    with pytest.raises(RuntimeError, match=r"test-forgetful asked for another point.*seed"):
        Session(Forgetful())


def test_a_loop_is_the_library_itself():
    module = plain.network(3, 3, 1, activation=nn.Tanh)
    x, y = plain.data(13, 3)

    def loss(theta):
        value, gradient = plain.gradient(module, torch.tensor(theta), x, y, nn.functional.mse_loss)
        return value, gradient.numpy()

    alone = scipy.optimize.minimize(loss, plain.read(module).numpy(), jac=True, method="L-BFGS-B")
    run = nogd.fit(module, x, y, learner=Bfgs(), budget=100_000)
    assert (run.status, run.reason) == ("ok", alone.message)
    assert run.meter.gradients == pytest.approx(alone.nfev, abs=3)
    assert run.loss == pytest.approx(alone.fun, rel=1e-4)


class Leap(nogd.Loop):
    """Asks for the start, and then for a point far away."""

    name: ClassVar[str] = "test-leap"
    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})

    def drive(self, ask, theta, seed):
        return f"{ask(theta)[0] < 1e300} {ask(theta + 100)[0] < 1e300}"


def test_a_loss_of_minus_infinity_is_no_solution():
    def loss(outputs, targets):
        return torch.where(outputs.mean() < 50, outputs.square().mean(), -torch.inf)

    module = plain.network(3, 1)
    run = nogd.fit(module, torch.ones(4, 3), torch.zeros(4, 1), loss=loss, learner=Leap(), budget=100)
    assert (run.status, run.reason) == (
        "ok",
        "True False",
    )  # the library is told that the second is the worst of all
    assert torch.equal(run.theta, plain.read(plain.network(3, 1)))


def test_saved_bytes_run_no_code():
    saved = Session(LEARNERS["adam,rows=4,plateau=true,lr=0.3"], keep=True).snapshots[2]
    assert isinstance(torch.load(io.BytesIO(saved), weights_only=True), dict)


@dataclass(kw_only=True)
class AnyState(nogd.State):
    """Holds whatever a test puts into it."""

    value: Any


def anything(value: Any) -> AnyState:
    return AnyState(theta=torch.zeros(2), value=value)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        2.5,
        "text",
        b"bytes",
        float("inf"),
        [1, (2, "x")],
        {"a": {1: [None]}},
        {(1, 2): 3.0},
        (),
        [],
    ],
)
def test_plain_values_come_back(value):
    back = from_bytes(to_bytes(anything(value)))
    assert type(back) is AnyState
    assert (back.value, type(back.value)) == (value, type(value))


def test_tensors_generators_and_states_come_back():
    rng = Generator().manual_seed(3)
    torch.rand(5, generator=rng)
    inner = anything(torch.arange(3))
    back = from_bytes(
        to_bytes(anything({"rng": rng, "inner": [inner], "half": torch.ones(2, dtype=torch.float16)}))
    )
    assert torch.equal(torch.rand(4, generator=back.value["rng"]), torch.rand(4, generator=rng))
    assert torch.equal(back.value["inner"][0].value, torch.arange(3))
    assert back.value["half"].dtype == torch.float16


def test_a_generator_that_two_states_hold_is_one_again():
    rng, other = Generator().manual_seed(3), Generator().manual_seed(3)
    back = from_bytes(to_bytes(anything([rng, {"rng": rng}, anything(rng), other])))
    first, second, third, fourth = back.value[0], back.value[1]["rng"], back.value[2].value, back.value[3]
    assert first is second is third
    assert first is not fourth


def test_a_view_is_saved_without_what_it_looks_at():
    whole = torch.zeros(100_000)
    assert len(to_bytes(anything(whole[:3]))) < 10_000
    assert torch.equal(from_bytes(to_bytes(anything(whole[:3]))).value, torch.zeros(3))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (np.float64(1.0), "numpy.float64"),
        (np.int64(1), "numpy.int64"),
        (np.zeros(2), "numpy.ndarray"),
        (torch.float32, "torch.dtype"),
        ({1, 2}, "builtins.set"),
        (1j, "builtins.complex"),
        (nn.Linear(1, 1), "torch.nn.modules.linear.Linear"),
        (len, "builtins.builtin_function_or_method"),
        (random.Random(0), "random.Random"),
    ],
    ids=lambda each: (
        each if isinstance(each, str) else type(each).__name__
    ),  # no address: processes compare names
)
def test_what_a_state_must_not_hold_is_refused_with_its_place(value, kind):
    with pytest.raises(
        InvalidSetting, match=r"state\.value\['deep'\]\[1\] holds a " + kind.replace(".", r"\.")
    ):
        to_bytes(anything({"deep": [0, value]}))


def test_a_state_of_a_plugin_that_is_not_loaded():
    saved = to_bytes(anything(1)).replace(b"AnyState", b"NoState_")
    with pytest.raises(InvalidSetting, match="NoState_, which no loaded plugin defines"):
        from_bytes(saved)


def surroundings() -> list[object]:
    numpy_state = np.random.get_state()  # noqa: NPY002 - the global one is what is meant
    return [
        torch.get_rng_state().tolist(),
        (numpy_state[0], numpy_state[1].tolist(), numpy_state[2:]),
        random.getstate(),
        torch.is_grad_enabled(),
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.are_deterministic_algorithms_enabled(),
    ]


@pytest.mark.parametrize("name", LEARNERS)
def test_a_run_leaves_the_process_as_it_was(name):
    before = surroundings()
    Session(LEARNERS[name])
    assert surroundings() == before


@pytest.mark.parametrize("name", LEARNERS)
def test_a_run_depends_on_nothing_of_the_process(name):
    expected = Session(LEARNERS[name]).result()
    before = torch.get_default_dtype()
    torch.manual_seed(99)
    np.random.seed(99)  # noqa: NPY002 - the global one is what is meant
    try:
        torch.set_default_dtype(torch.float32 if before == torch.float64 else torch.float64)
        with torch.no_grad():
            assert Session(LEARNERS[name]).result() == expected
    finally:
        torch.set_default_dtype(before)


def test_states_are_no_tensors_of_autograd():
    module = plain.network(3, 3, 1)
    run = nogd.fit(module, *plain.data(13, 3), learner="adam", budget=10)
    assert not run.theta.requires_grad
    assert all(p.requires_grad and p.is_leaf and p.grad is None for p in module.parameters())


def bits(run: nogd.Run) -> list[Tensor]:
    return [run.theta, torch.tensor(run.curve.drop(columns="seconds").to_numpy(dtype="float64"))]


@pytest.mark.parametrize("name", ["adam,rows=3", "random-search", "grid-search"])
def test_the_same_seed_gives_the_same_run_and_another_one_does_not(name):
    def once(seed: int) -> list[Tensor]:
        return bits(
            nogd.fit(plain.network(3, 4, 1, scale=5), *plain.data(13, 3), learner=name, budget=80, seed=seed)
        )

    first, again, other = once(1), once(1), once(2)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    if name != "grid-search":  # which draws nothing
        assert not torch.equal(first[0], other[0])
