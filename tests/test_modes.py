"""A network is trained and measured as the function that its user will use, whatever mode it came in."""

from __future__ import annotations

import copy
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import numpy as np
import plain
import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor, nn

import nogd
from nogd.bench.columns import CURVE_COLUMNS
from nogd.bench.experiment import make_experiment
from nogd.bench.perform import Job, Listener, perform
from nogd.bench.plan import plan
from nogd.bench.record import Record
from nogd.engine.accounts.meter import Limit
from nogd.engine.space import ParameterSpace
from nogd.engine.state import from_bytes, to_bytes
from nogd.errors import DataError, InvalidSetting, NogdWarning
from nogd.learners import nogd_learners
from nogd.seeds import derive
from nogd.testing import NotApplicable
from nogd.testing.catalogue import checks_for
from nogd.training.learner import refusal
from nogd.training.loop import Outcome, snapshot, train
from nogd.training.names import build
from nogd.training.recorder import Recorder

pytestmark = pytest.mark.torch_alone

D = torch.float64
MODES = ["eval", "train"]
LEARNERS = [lazy.name for lazy in nogd_learners()]
SAID = "ignore:the module holds:nogd.errors.NogdWarning"
SLOW = "ignore:candidates are scored one by one:nogd.errors.NogdWarning"


class Functional(nn.Module):
    """Drops out by a function, in training only."""

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, 0.4, self.training)


class Counting(nn.Module):
    """Adds how often it was called before."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros((), dtype=D))

    def forward(self, x: Tensor) -> Tensor:
        outputs = x + self.calls
        self.calls += 1
        return outputs


class Remembering(nn.Module):
    """Adds what it saw in the call before, as a recurrent cell does that keeps its state."""

    def __init__(self) -> None:
        super().__init__()
        self.before: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        outputs = x if self.before is None else x + self.before
        self.before = x.detach()
        return outputs


def normed(width: int) -> nn.Module:
    return nn.utils.parametrizations.spectral_norm(nn.Linear(width, width))


def of_instances(width: int) -> nn.Module:
    norm = nn.InstanceNorm1d(width, affine=True, track_running_stats=True)
    return nn.Sequential(nn.Linear(width, 3 * width), nn.Unflatten(1, (width, 3)), norm, nn.Flatten(),
                         nn.Linear(3 * width, width))  # fmt: skip


LAYERS: dict[str, Any] = {
    "batch norm": nn.BatchNorm1d,
    "instance norm": of_instances,
    "dropout": lambda _: nn.Dropout(0.5),
    "alpha dropout": lambda _: nn.FeatureAlphaDropout(0.3),
    "functional dropout": lambda _: Functional(),
    "random slope": lambda _: nn.RReLU(),
    "spectral norm": normed,
    "counting": lambda _: Counting(),
    "remembering": lambda _: Remembering(),
}


def network(kinds: list[str], width: int = 3, seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # spectral norm draws what it begins with
        layers = [nn.Linear(4, width)]
        for kind in kinds:
            layers += [LAYERS[kind](width), nn.Linear(width, width)]
    module = nn.Sequential(*layers, nn.Linear(width, 1)).double()
    with torch.no_grad():
        rng = Generator().manual_seed(seed)
        for p in module.parameters():
            p.copy_(torch.randn(p.shape, generator=rng, dtype=D) * 0.5)
    return module


def modes(module: nn.Module) -> list[bool]:
    return [part.training for part in module.modules()]


def own_loss(module: nn.Module, x: Tensor, y: Tensor) -> float:
    """Of the module as its user will use it, which is left alone."""
    with torch.no_grad():
        return float(F.mse_loss(copy.deepcopy(module).eval()(x), y))


# -- what is reported is what the module gives


@pytest.mark.filterwarnings(SAID, SLOW)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("learner", LEARNERS)
@settings(
    derandomize=True, max_examples=4, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
@given(
    kinds=st.lists(st.sampled_from(list(LAYERS)), min_size=1, max_size=3),
    seed=st.integers(0, 99),
    asleep=st.integers(0, 9),
)
def test_what_fit_reports_is_the_loss_of_the_module_in_eval_mode(
    learner: str, mode: Any, kinds: list[str], seed: int, asleep: int
) -> None:
    module = network(kinds, seed=seed)
    parts = list(module.modules())
    parts[asleep % len(parts)].training = False  # a mode of its own
    before = modes(module)
    x, y = plain.data(12, 4)
    why = refusal(build(learner), nogd.objective(module, x, y, mode=mode))
    if why is not None:
        assert learner in (
            "random-features",
            "readout",
            "swim",
            "unit-search",
        )  # in train mode there is no layer to solve
        assert mode == "train" or learner == "swim"
        return
    run = nogd.fit(module, x, y, learner=learner, mode=mode, budget=45, seed=seed)
    assert run.loss == pytest.approx(own_loss(module, x, y), rel=1e-9)
    assert modes(module) == before


def test_the_property_can_fail() -> None:
    module = network(["batch norm", "dropout"])
    x, y = plain.data(12, 4)
    with torch.no_grad():
        assert float(F.mse_loss(module(x), y)) != pytest.approx(own_loss(module, x, y), rel=1e-3)


def test_dropout_does_not_disturb_what_is_already_right() -> None:
    module = nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 1)).double().eval()
    with torch.no_grad():
        module[1].weight.fill_(1)
        module[1].bias.zero_()
    x = plain.data(30, 4)[0]
    made = nogd.objective(module.train(False), x, x.sum(1, keepdim=True))
    assert made.losses(nogd.Population(made.space.read(module)[None])).item() < 1e-25


@pytest.mark.filterwarnings(SAID)
def test_batch_norm_gets_the_statistics_of_the_starting_point_and_the_module_gets_them_with_the_solution() -> (
    None
):
    module = network(["batch norm"])
    x, y = plain.data(40, 4)
    with torch.no_grad():
        activations = module[0](x)
    run = nogd.fit(module, x, y, learner="adam,lr=0.05", budget=300)
    torch.testing.assert_close(module[1].running_mean, activations.mean(0))
    torch.testing.assert_close(module[1].running_var, activations.var(0))
    assert int(module[1].num_batches_tracked) == 1
    assert run.loss < 0.7 * run.points[0]["loss"]
    kept = module[1].running_mean.clone()
    nogd.fit(module, x[:20], y[:20], learner="adam", budget=20)  # they hold something now
    assert torch.equal(module[1].running_mean, kept)


@pytest.mark.filterwarnings(SAID)
@pytest.mark.parametrize("mode", MODES)
def test_statistics_of_streamed_data_count_each_batch_alike(mode: Any) -> None:
    module = network(["batch norm", "dropout", "instance norm"])
    x, y = plain.data(13 if mode == "eval" else 12, 4)
    batches = [
        (x[k : k + 6], y[k : k + 6]) for k in range(0, len(x), 6)
    ]  # of a single row there is no variance
    run = nogd.fit(module, batches, learner="adam", mode=mode, budget=20)
    solution = copy.deepcopy(module).eval()
    start = network(["batch norm", "dropout", "instance norm"])
    first = (solution if mode == "train" else start)[0]
    with torch.no_grad():
        parts = [first(x[:6]), first(x[6:12])]
    torch.testing.assert_close(module[1].running_mean, torch.stack([part.mean(0) for part in parts]).mean(0))
    torch.testing.assert_close(module[1].running_var, torch.stack([part.var(0) for part in parts]).mean(0))
    assert run.loss == pytest.approx(own_loss(module, x, y), rel=1e-9)


def test_a_batch_that_cannot_be_trained_on_is_refused_at_once() -> None:
    x, y = plain.data(13, 4)
    batches = [(x[k : k + 6], y[k : k + 6]) for k in range(0, len(x), 6)]
    with pytest.raises(DataError, match="Expected more than 1 value per channel when training"):
        nogd.objective(network(["batch norm"]), batches, mode="train")


@pytest.mark.filterwarnings(SAID)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["dropout", "functional dropout", "random slope"])
def test_one_seed_gives_one_run_and_draws_from_nobodys_generator(mode: Any, kind: str) -> None:
    x, y = plain.data(20, 4)
    losses = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        module = network([kind])
        state = torch.get_rng_state()
        losses.append(nogd.fit(module, x, y, learner="adam", mode=mode, budget=60, seed=3).loss)
        assert torch.equal(torch.get_rng_state(), state)
    assert losses[0] == losses[1]
    if mode == "train":
        other = nogd.fit(network([kind]), x, y, learner="adam", mode=mode, budget=60, seed=4).loss
        assert other != losses[0]


@pytest.mark.parametrize("engine", ["vmap", "loop"])
@pytest.mark.parametrize("kind", ["counting", "remembering"])
def test_no_candidate_finds_what_another_left(kind: str, engine: Any) -> None:
    module = network([kind])
    x, y = plain.data(9, 4)
    made = nogd.objective(module, x, y, engine=engine)
    thetas = plain.thetas(20, made.D)
    expected = plain.losses(copy.deepcopy(module), thetas[:1], x, y, F.mse_loss)
    together = made.losses(nogd.Population(thetas))
    apart = torch.cat([made.losses(nogd.Population(theta[None])) for theta in reversed(thetas)]).flip(0)
    torch.testing.assert_close(together, apart)
    torch.testing.assert_close(together[:1], expected)
    made.gradient(thetas[0])
    torch.testing.assert_close(made.losses(nogd.Population(thetas)), together)
    if kind == "counting":
        assert int(module[1].calls) == 0


def test_a_buffer_that_is_not_dense_may_stand_by() -> None:
    class Graph(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(4, 1)
            self.register_buffer("neighbours", torch.eye(8).to_sparse())

        def forward(self, x: Tensor) -> Tensor:
            return self.neighbours @ self.linear(x)

    x, y = plain.data(8, 4, dtype=torch.float32)
    module = Graph()
    run = nogd.fit(module, x, y, learner="adam", budget=20)
    assert run.loss == pytest.approx(own_loss(module, x, y))


# -- train mode


KINDS = ["dropout", "functional dropout", "batch norm", "spectral norm"]


def in_training(kind: str, engine: Any = None) -> tuple[nogd.Objective, nn.Module, Tensor, Tensor]:
    module = network([kind])
    x, y = plain.data(20, 4)
    return nogd.objective(module, x, y, mode="train", engine=engine), module, x, y


@pytest.mark.parametrize("kind", ["dropout", "functional dropout"])
def test_candidates_of_a_call_share_masks_and_other_calls_have_others(kind: str) -> None:
    made, module, *_ = in_training(kind, "loop")
    same = nogd.Population(made.space.read(module).repeat(300, 1))
    first, second = made.losses(same), made.losses(same)
    assert len(set(first.tolist())) == len(set(second.tolist())) == 1
    assert first[0] != second[0]
    by_vmap = in_training(kind, "vmap")[0]
    torch.testing.assert_close(by_vmap.losses(same), first)
    torch.testing.assert_close(by_vmap.losses(same), second)
    assert by_vmap.engine.startswith("vmap")


@pytest.mark.parametrize("described", ["line", "perturbed", "low rank", "subspace", "streamed", "walk"])
def test_however_candidates_are_described_a_call_has_one_set_of_masks(described: str) -> None:
    made, module, x, y = in_training("dropout", "loop")
    theta = made.space.read(module)
    candidates: Any = {
        "perturbed": nogd.Perturbed(theta, (3, 4), 0.1, antithetic=True),
        "low rank": nogd.LowRank.draw(made.space, theta, 4, 0.1, Generator().manual_seed(0)),
        "subspace": nogd.Subspace(theta, torch.eye(made.D, dtype=D)[:3], 0.1, seeds=(3,)),
    }.get(described, nogd.Line(theta, 2, torch.linspace(-1, 1, 4, dtype=D)))
    plainly = in_training("dropout", "loop")[0]
    plainly.losses(nogd.Population(theta[None]))
    expected = plainly.losses(nogd.Population(candidates.dense()))
    if described == "walk":
        found = made.walk(theta).losses(2, candidates.values)
    elif described == "streamed":
        made = nogd.objective(module, [(x, y)], mode="train", engine="loop")
        made.losses(nogd.Population(theta[None]))
        found = made.losses(candidates)
    else:
        made.losses(nogd.Population(theta[None]))
        found = made.losses(candidates)
    torch.testing.assert_close(found, expected)


def test_threads_have_masks_of_their_own_calls() -> None:
    made, module, *_ = in_training("dropout", "loop")
    same = nogd.Population(made.space.read(module).repeat(20, 1))
    with ThreadPoolExecutor(4) as pool:
        found = [losses.tolist() for losses in pool.map(lambda _: made.losses(same), range(12))]
    assert all(len(set(losses)) == 1 for losses in found)
    assert len({losses[0] for losses in found}) == 12


def test_a_copy_has_masks_and_buffers_of_its_own() -> None:
    made, module, *_ = in_training("batch norm")
    both = [made, copy.deepcopy(made), pickle.loads(pickle.dumps(made))]
    candidates = nogd.Population(made.space.read(module)[None])
    assert len({each.losses(candidates).item() for each in both}) == 1
    assert len({each.measure(candidates.thetas[0])["loss"] for each in both}) == 1


def test_a_batch_norm_in_training_sees_its_batch() -> None:
    made, module, x, y = in_training("batch norm")
    theta = made.space.read(module)
    rows = torch.tensor([3, 4, 5, 11])
    with torch.no_grad():
        expected = [F.mse_loss(module(x), y), F.mse_loss(module(x[rows]), y[rows])]
    for _ in range(2):
        found = [made.losses(nogd.Population(theta[None]), chosen)[0] for chosen in (None, rows)]
        torch.testing.assert_close(found, expected)


@pytest.mark.filterwarnings(SLOW)
@pytest.mark.parametrize("kind", KINDS)
def test_a_gradient_is_that_of_the_masks_of_its_call(kind: str) -> None:
    made, module, *_ = in_training(kind)
    theta, step = made.space.read(module), 1e-6
    loss, gradient = made.gradient(theta)
    directions = plain.thetas(3, made.D)
    again = in_training(kind)[0]
    found = again.directional(theta, directions)
    torch.testing.assert_close(found[0], loss)
    torch.testing.assert_close(found[1], directions @ gradient)
    # Spectral norm has no gradient through its power iteration.
    for direction in directions if kind != "spectral norm" else ():
        around = torch.stack([theta + step * direction, theta - step * direction])
        above, below = (in_training(kind)[0].losses(nogd.Population(each[None]))[0] for each in around)
        assert ((above - below) / (2 * step)).item() == pytest.approx(
            (direction @ gradient).item(), rel=1e-4, abs=1e-7
        )


@pytest.mark.parametrize("kind", KINDS)
def test_measuring_changes_nothing(kind: str) -> None:
    made, module, x, y = in_training(kind)
    undisturbed = in_training(kind)[0]
    thetas = plain.thetas(3, made.D)
    for theta in thetas:
        candidates = nogd.Population(theta[None])
        measured = made.measure(theta)["loss"]
        assert torch.equal(made.losses(candidates), undisturbed.losses(candidates))
        made.write(theta, module)
        assert measured == pytest.approx(own_loss(module, x, y), rel=1e-9)


@pytest.mark.parametrize("learner", ["adam,lr=0.05,rows=7", "grid-search", "random-search,population=4"])
@pytest.mark.parametrize("kind", KINDS[:3])
def test_a_resumed_run_ends_the_same(learner: str, kind: str) -> None:
    saved: list[bytes] = []

    def run(from_: bytes | None = None) -> Outcome:
        made, module, *_ = in_training(kind, "loop")
        recorder = Recorder(made.measure, by_iteration=True)

        def between(state: nogd.State) -> None:
            if from_ is None and len(saved) < 4:
                saved.append(to_bytes(snapshot(made, recorder, state)))

        rng = Generator().manual_seed(5)
        outcome = train(
            build(learner, {}), made, made.space.read(module), rng, limit=Limit(forwards=100.0), recorder=recorder,
            saved=None if from_ is None else from_bytes(from_), between_steps=between,
        )  # fmt: skip
        outcome_of.append([point["loss"] for point in recorder.points])
        return outcome

    outcome_of: list[list[float]] = []
    whole = run()
    resumed = run(saved[-1])
    assert torch.equal(whole.theta, resumed.theta)
    assert outcome_of[0] == outcome_of[1]


def test_only_measured_losses_count_as_best_or_end_a_run() -> None:
    x, y = plain.data(20, 4)
    free = nogd.fit(network(["dropout"]), x, y, learner="random-search,population=8", mode="train", budget=80)
    measured = [point["loss"] for point in free.points]
    assert free.best_loss == min(measured)
    made, module, *_ = in_training("dropout")
    scored = min(
        made.losses(nogd.Population(made.space.sample(1, Generator().manual_seed(k)))).item()
        for k in range(9)
    )
    assert made.trace.table().shape == (0, 5)
    assert scored < 1e9
    target = min(measured)
    ended = nogd.fit(
        network(["dropout"]),
        x,
        y,
        learner="random-search,population=8",
        mode="train",
        budget=80,
        target=target,
    )
    assert (ended.status, ended.loss) == ("target", target)
    assert own_loss(module, x, y) == pytest.approx(measured[0])
    at_once = nogd.fit(module, x, y, learner="adam", mode="train", target=1e9)
    assert (at_once.status, at_once.meter.forwards) == ("target", 0)


def test_modules_without_such_layers_are_scored_as_fast_as_ever() -> None:
    module, (x, y) = plain.network(4, 3, 1), plain.data(9, 4)
    thetas = nogd.Population(plain.thetas(5, 19))
    in_eval, in_train = (nogd.objective(module, x, y, mode=mode) for mode in MODES)  # type: ignore[arg-type]
    assert in_train.engine == in_eval.engine
    assert torch.equal(in_train.losses(thetas), in_eval.losses(thetas))


# -- what is said


@pytest.mark.parametrize(
    ("layers", "said"),
    [
        ([nn.Dropout(0.5)], "the module holds Dropout and is trained in eval mode"),
        ([nn.Dropout(0.5), nn.BatchNorm1d(4), nn.RReLU()], "holds BatchNorm1d, Dropout and RReLU and is"),
        ([Functional()], "the module holds Functional and is"),
        ([nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4))], "the module holds SpectralNorm and is"),
    ],
)
def test_one_sentence_says_what_eval_mode_switches_off(layers: list[nn.Module], said: str) -> None:
    module = nn.Sequential(*layers, nn.Linear(4, 1)).double()
    with pytest.warns(NogdWarning, match=said) as caught:
        nogd.objective(module, *plain.data(9, 4))
    assert len(caught) == 1
    assert "\n" not in str(caught[0].message)
    nogd.objective(module, *plain.data(9, 4), mode="train")
    nogd.objective(module.eval(), *plain.data(9, 4))  # warnings are errors here


@pytest.mark.parametrize(
    "layer",
    [nn.Dropout(0), nn.BatchNorm1d(4, track_running_stats=False), nn.LSTM(4, 4, 2), nn.ReLU()],
    ids=str,
)
def test_nothing_is_said_of_layers_that_are_the_same_in_both_modes(layer: nn.Module) -> None:
    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.last = layer, nn.Linear(4, 1)

        def forward(self, x: Tensor) -> Tensor:
            found = self.layer(x)
            return self.last(found[0] if isinstance(found, tuple) else found)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nogd.objective(Wrapped().double(), *plain.data(9, 4))


class AlwaysRandom(nn.Module):
    """Draws in eval mode too."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(F.dropout(x))


def test_who_draws_in_eval_mode_too_gets_the_same_numbers_in_each_call() -> None:
    module = AlwaysRandom().double()
    with pytest.warns(NogdWarning, match="draws random numbers in eval mode too") as caught:
        made = nogd.objective(module, *plain.data(9, 4))
    assert len(caught) == 1
    same = nogd.Population(plain.thetas(1, made.D).repeat(20, 1))
    found = torch.cat([made.losses(same), made.losses(same)])
    assert (found - found[0]).abs().max() < 1e-12


def test_a_mode_that_there_is_none_of_is_refused() -> None:
    module = plain.network(4, 3, 1)
    with pytest.raises(InvalidSetting, match=r"mode must be \"eval\".*not 'training'"):
        nogd.fit(module, *plain.data(9, 4), learner="adam", mode="training")  # type: ignore[arg-type]


def test_minimize_leaves_the_mode_alone() -> None:
    module = network(["dropout"])
    module[0].eval()
    before, seen = modes(module), []

    def score(given: nn.Module) -> float:
        seen.append(modes(given))
        return 1.0

    nogd.minimize(module, score, learner="random-search", budget=5)
    assert seen
    assert all(each == before for each in seen)


# -- tasks


class Noisy(nogd.SupervisedTask):
    """A network whose layers differ between the modes, on data that a line explains."""

    name: ClassVar[str] = "noisy"
    why: ClassVar[str] = "of layers that differ between the modes"
    loss: ClassVar[str] = "mse"
    metric: ClassVar[str] = "r2"
    split: ClassVar[Any] = (0.6, 0.2, 0.2)

    class dataset(nogd.Dataset):  # noqa: N801  # a class attribute that is a class
        """Sums."""

        name: ClassVar[str] = "sums"

        def load(self) -> tuple[Tensor, Tensor]:
            x = torch.randn(100, 4, generator=Generator().manual_seed(0))
            return x, x.sum(1, keepdim=True)

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5), nn.Linear(6, 1))


class NoisyInTraining(Noisy):
    """The same, scored in training."""

    name: ClassVar[str] = "noisy-in-training"
    mode: ClassVar[Any] = "train"


def recorded(task: type[nogd.SupervisedTask], learner: str) -> Record:
    made = make_experiment({"learners": learner, "tasks": [task], "repetitions": 1, "budget": 200})
    [item] = plan(made)
    job = Job(item.cell, item.learner, item.task, timeout=60)
    return perform(job, Listener(lambda _: None, lambda _: None))


@pytest.mark.parametrize("task", [Noisy, NoisyInTraining])
def test_a_task_is_measured_in_eval_mode_with_the_statistics_of_its_training_data(
    task: type[nogd.SupervisedTask],
) -> None:
    record = recorded(task, "adam,lr=0.05")
    assert record.status == "budget"
    problem = task().problem(derive("initial", task.name, 0))
    module, theta = problem.module, torch.from_numpy(record.theta)
    space = ParameterSpace(module)
    if task.mode == "train":
        space.write(theta, module)
    module[1].momentum = None
    module[:2](problem.train.inputs)  # gathers them, over everything at once
    space.write(theta, module)
    module.eval()
    for name, split in (("", problem.train), ("validation_", problem.validation), ("test_", problem.test)):
        with torch.no_grad():
            outputs = module(split.inputs)
            by_itself = torch.cat([module(row[None]) for row in split.inputs])
        torch.testing.assert_close(outputs, by_itself)  # no row depends on the others
        assert record.row[f"{name}loss"] == pytest.approx(float(F.mse_loss(outputs, split.targets)), rel=1e-4)
        assert record.row[f"{name}metric"] == pytest.approx(problem.metric(outputs, split.targets), rel=1e-4)
    assert record.row["test_metric"] > (0.9 if task.mode == "eval" else 0.5)
    if task.mode == "train":
        assert record.row["best_loss"] == pytest.approx(
            np.nanmin(record.curve[:, CURVE_COLUMNS.index("loss")])
        )


@pytest.mark.parametrize("task", [Noisy, NoisyInTraining])
def test_a_run_in_either_mode_repeats(task: type[nogd.SupervisedTask]) -> None:
    first, second = (recorded(task, "random-search") for _ in range(2))
    assert first.theta.tobytes() == second.theta.tobytes()
    assert first.row["test_loss"] == second.row["test_loss"]


@pytest.mark.parametrize("task", [Noisy, NoisyInTraining])
def test_the_kit_sees_that_such_a_task_has_a_gradient(task: type[nogd.SupervisedTask]) -> None:
    left_out = set()
    for check in checks_for(task):
        try:
            check(task)
        except NotApplicable:
            left_out.add(check.name)
    assert left_out == {
        "lists-say-the-tags-of-the-class",
        "transform-learns-nothing",
        "same-episodes-give-same-returns",
        "all-candidates-see-the-same-episodes",
        "noise-is-declared",
    }
