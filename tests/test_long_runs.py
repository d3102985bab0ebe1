"""nogd.fit for long work: validation data, a callback, progress, and a checkpoint that a killed run goes on from."""

from __future__ import annotations

import io
import math
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import plain
import pytest
import torch
import torch.nn.functional as F
from bench_help import environment
from torch import Generator, Tensor, nn

import nogd
from nogd.errors import DataError, InvalidSetting, NogdWarning, StoreError
from nogd.training import checkpoints, progress

X, Y = plain.data(20, 3)
V, W = plain.data(9, 3, seed=4)


def network() -> nn.Sequential:
    return plain.network(3, 4, 1, activation=nn.Tanh)


def fit(learner: Any = "adam", module: nn.Module | None = None, **more: Any) -> nogd.Run:
    return nogd.fit(module or network(), X, Y, learner=learner, **{"budget": 100, **more})


def deeds(run: nogd.Run) -> dict[str, Any]:
    """All of a run that must be equal: everything but seconds."""
    return {
        "end": (run.status, run.reason, repr(run.loss), repr(run.best_loss), repr(run.validation_loss)),
        "theta": run.theta.tolist(),
        "meter": {k: v for k, v in run.meter.reading().items() if k != "seconds"},
        "points": [repr({k: v for k, v in point.items() if k != "seconds"}) for point in run.points],
    }


# -- validation data


def loss_on(module: nn.Module, x: Tensor, y: Tensor) -> float:
    with torch.no_grad():
        return F.mse_loss(module(x), y).item()


def test_every_row_has_the_validation_loss_and_nothing_else_changes():
    module = network()
    run = fit(module=module, validation=(V, W))
    assert run.points[0]["validation_loss"] == pytest.approx(loss_on(network(), V, W))
    assert run.validation_loss == run.points[-1]["validation_loss"] == pytest.approx(loss_on(module, V, W))
    assert len(run.curve["validation_loss"].unique()) == len(run.points) == 45
    without = fit()
    assert math.isnan(without.validation_loss)
    assert "validation_loss" not in without.curve
    assert deeds(without)["theta"] == deeds(run)["theta"]
    assert deeds(without)["meter"] == deeds(run)["meter"]


@pytest.mark.any_version
@pytest.mark.parametrize("size", [4, 20])
def test_validation_data_may_be_streamed_whatever_the_training_data_are(size):
    whole = fit(validation=(V, W))
    batches = [(V[:4], W[:4]), (V[4:], W[4:])]
    module = network()
    training = [(X[k : k + size], Y[k : k + size]) for k in range(0, 20, size)]
    streamed = nogd.fit(module, training, learner="adam", budget=100, validation=batches)
    losses = [point["validation_loss"] for point in streamed.points]
    assert losses == pytest.approx([point["validation_loss"] for point in whole.points], rel=1e-6)


def test_validation_takes_lists_arrays_and_class_numbers():
    module = plain.network(3, 4)
    run = nogd.fit(
        module, X, plain.classes(20, 4), loss="cross-entropy", learner="adam", budget=20,
        validation=(V.tolist(), plain.classes(9, 4, seed=1).numpy()),
    )  # fmt: skip
    with torch.no_grad():
        assert run.validation_loss == pytest.approx(
            float(F.cross_entropy(module(V), plain.classes(9, 4, seed=1)))
        )


@pytest.mark.parametrize("batches", [False, True])
def test_in_train_mode_validation_is_as_the_user_will_have_it(batches):
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1)).double()
    data = [(X[:10], Y[:10]), (X[10:], Y[10:])] if batches else (X, Y)
    args = (data,) if batches else data
    run = nogd.fit(module, *args, learner="adam", budget=30, mode="train", validation=(V, W))
    module.eval()
    assert run.validation_loss == pytest.approx(loss_on(module, V, W))
    assert len({point["validation_loss"] for point in run.points}) == len(run.points)


@dataclass
class Slow:
    """Validation data that come slowly, and how often."""

    passes: int = 0

    def __iter__(self):
        self.passes += 1
        time.sleep(0.02)
        return iter([(V, W)])


def test_slow_validation_is_none_of_the_runs_seconds():
    data = Slow()
    started = time.perf_counter()
    run = fit(validation=data)
    assert data.passes >= len(run.points)
    assert run.points[-1]["seconds"] <= time.perf_counter() - started - 0.02 * len(run.points)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((V[:, :2], W), r"validation: the module cannot process inputs of shape \[9, 2\]"),
        ((V, W[:4]), "validation: there are 9 rows of inputs but 4 targets"),
        ((V, W[:, [0, 0]]), r"validation: the network gives outputs of shape \[9, 1\]"),
        ((V * math.nan, W), "validation: the inputs hold nan"),
        ([], "validation: the data are empty"),
        (V, "validation: give a pair"),
        (3, "validation: give a pair"),
        ([(V, W, W)], "validation: without targets the data must come as pairs"),
    ],
    ids=str,
)
def test_validation_data_that_do_not_suit_are_told_of_before_anything_runs(given, said):
    module = network()
    with pytest.raises(DataError, match=said):
        fit(module=module, validation=given)
    assert torch.equal(plain.read(module), plain.read(network()))


# -- the callback


def test_the_callback_gets_each_row_once_and_cannot_change_the_curve():
    seen = []

    def note(point):
        seen.append(dict(point))
        point.clear()
        return "something"

    run = fit(callback=note, validation=(V, W))
    assert seen == run.points
    assert deeds(run) == deeds(fit(validation=(V, W)))


def _raises(point):
    if point["iteration"] == 7:
        raise StopIteration


@pytest.mark.parametrize(
    "callback", [lambda point: point["iteration"] == 7, _raises], ids=["True", "StopIteration"]
)
def test_the_callback_ends_the_run(callback):
    module = network()
    run = fit(module=module, callback=callback)
    assert (run.status, run.reason) == ("stopped", "the callback ended it")
    assert run.points[-1]["iteration"] == 7
    assert run.theta.tolist() == fit(budget={"iterations": 7}).theta.tolist()
    assert torch.equal(plain.read(module), run.theta)


def test_the_callback_may_end_it_at_the_start_and_at_the_end():
    run = fit(callback=lambda point: True)
    assert (run.status, len(run.points), run.meter.evaluations) == ("stopped", 1, 0)
    last = fit("grid-search,points=2", budget=3_000).points[-1]["iteration"]
    run = fit("grid-search,points=2", budget=3_000, callback=lambda point: point["iteration"] == last)
    assert run.status == "ok"


@pytest.mark.parametrize("answer", [None, False, 0, 1, "True", []], ids=repr)
def test_no_other_answer_ends_it(answer):
    assert fit(callback=lambda point: answer, budget=10).status == "budget"


def test_an_error_of_the_callback_is_raised_and_what_was_found_is_kept():
    module = network()

    def fail(point):
        if point["iteration"] == 5:
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        fit(module=module, callback=fail)
    assert plain.read(module).tolist() == fit(budget={"iterations": 5}).theta.tolist()


def test_a_callback_that_cannot_be_called():
    with pytest.raises(
        InvalidSetting, match="callback is called with each row of the curve, which 3 cannot be"
    ):
        fit(callback=3)


def score(module: nn.Module) -> float:
    return loss_on(module, X, Y)


def test_minimize_has_a_callback_too():
    run = nogd.minimize(
        network(), score, learner="random-search", callback=lambda point: point["iteration"] == 2
    )
    assert (run.status, run.meter.evaluations) == ("stopped", 1 + 2 * 32)


# -- progress


class Terminal(io.StringIO):
    """What a person would see."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def slowly(monkeypatch):
    """No run is too short to be shown."""
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(progress, "BETWEEN_SECONDS", 0.0)
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)


def shown(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, **more: Any) -> str:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        fit(**more)
    return stream.getvalue()


def test_on_a_terminal_there_is_a_bar(slowly, monkeypatch):
    text = shown(Terminal(), monkeypatch)
    assert "100%" in text or "98%" in text or "99%" in text
    assert "forwards, loss 0.4" in text


def test_a_short_run_shows_nothing_unless_it_is_asked_to(monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 1e9)
    assert shown(Terminal(), monkeypatch) == ""
    assert "forwards, loss" in shown(Terminal(), monkeypatch, progress=True)


def test_elsewhere_there_are_lines_if_asked_for(slowly, monkeypatch):
    assert shown(io.StringIO(), monkeypatch) == ""
    lines = shown(io.StringIO(), monkeypatch, progress=True).splitlines()
    assert len(lines) > 20
    assert lines[0].startswith("0 %, 0 forwards, loss 2.011")
    assert lines[-1].startswith("99 %, 99 forwards, loss 0.4")


def test_progress_can_be_switched_off(slowly, monkeypatch):
    assert shown(Terminal(), monkeypatch, progress=False) == ""


@pytest.mark.parametrize(
    "budget",
    [{"iterations": 50}, {"evaluations": 50}, {"forwards": 110, "iterations": 1_000}, {"seconds": 0.3}],
    ids=str,
)
def test_the_narrowest_limit_is_shown(budget, slowly, monkeypatch):
    lines = shown(io.StringIO(), monkeypatch, progress=True, budget=budget).splitlines()
    shares = [int(line.partition(" %")[0]) for line in lines]
    assert shares == sorted(shares)
    assert shares[0] <= 10
    assert shares[-1] >= 90


def test_progress_changes_nothing(slowly, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", Terminal())
        run = fit("random-search", progress=True)
    assert deeds(run) == deeds(fit("random-search"))


# -- checkpoints


class Killed(BaseException):
    """As if the process were gone."""


@pytest.fixture
def often(monkeypatch):
    """A checkpoint before each step."""
    monkeypatch.setattr(checkpoints, "SECONDS", 0.0)


def killed(iteration: int):
    def callback(point):
        if point["iteration"] == iteration:
            raise Killed

    return callback


def batches() -> list[tuple[Tensor, Tensor]]:
    return [(X[:10], Y[:10]), (X[10:], Y[10:])]


CALLS = {
    "adam": lambda **more: fit("adam,plateau=true", validation=(V, W), **more),
    "batches": lambda **more: fit("adam", batch_size=6, **more),
    "sequence": lambda **more: fit("random-search,population=5+adam,rows=3", **more),
    "grid": lambda **more: fit("grid-search,points=3,early-stopping=false", budget=400, **more),
    "stream": lambda **more: nogd.fit(network(), batches(), learner="adam", budget=100, validation=batches(), **more),
    "train mode": lambda **more: nogd.fit(
        plain.drawn(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.3), nn.Linear(4, 1)).double(), 1),
        X, Y, learner="adam", budget=60, mode="train", validation=(V, W), **more,
    ),
    "score": lambda **more: nogd.minimize(network(), score, learner="random-search,population=9", budget=100, **more),
}  # fmt: skip


@pytest.mark.any_version
@pytest.mark.parametrize("name", CALLS)
def test_a_killed_run_ends_as_one_that_was_never_stopped(name, often, tmp_path):
    call, path = CALLS[name], tmp_path / "run.checkpoint"
    unbroken = call()
    for iteration in (2, 4):
        with pytest.raises(Killed):
            call(checkpoint=path, callback=killed(iteration))
    seen = []
    run = call(checkpoint=path, callback=seen.append)
    assert deeds(run) == deeds(unbroken)
    assert seen == run.points
    assert run.points[-1]["seconds"] > 0


def test_a_score_is_called_for_what_is_left_alone(often, tmp_path):
    calls = []

    def counted(module):
        calls.append(1)
        return score(module)

    def call(**more):
        return nogd.minimize(
            network(), counted, learner="random-search", budget=100, checkpoint=tmp_path / "c", **more
        )

    with pytest.raises(Killed):
        call(callback=killed(2))
    before = len(calls)
    run = call()
    # What came behind the last checkpoint is done again.
    assert len(calls) - before == run.meter.evaluations - (1 + 32)
    assert call().loss == run.loss
    assert len(calls) - before == run.meter.evaluations - (1 + 32)


def test_what_has_ended_is_given_back_at_once(tmp_path):
    first, seen = fit(checkpoint=tmp_path / "c", validation=(V, W)), []
    module = network()
    again = fit(module=module, checkpoint=tmp_path / "c", validation=(V, W), callback=seen.append)
    assert deeds(again) == deeds(first)
    assert again.meter.seconds >= first.points[-1]["seconds"]
    assert seen == first.points
    assert torch.equal(plain.read(module), first.theta)


def test_a_run_that_the_callback_ended_has_ended(tmp_path):
    run = fit(checkpoint=tmp_path / "c", callback=lambda point: point["iteration"] == 7)
    assert deeds(fit(checkpoint=tmp_path / "c")) == deeds(run)


def test_a_module_that_an_interrupted_or_ended_call_left_may_be_given_again(often, tmp_path):
    module = network()
    with pytest.raises(Killed):
        fit(module=module, checkpoint=tmp_path / "c", callback=killed(5))
    assert not torch.equal(plain.read(module), plain.read(network()))
    with pytest.raises(Killed):
        fit(module=module, checkpoint=tmp_path / "c", callback=killed(9))
    for _ in range(2):
        run = fit(module=module, checkpoint=tmp_path / "c")
        assert deeds(run) == deeds(fit())
    with torch.no_grad():
        module[0].weight += 1e-9
    with pytest.raises(InvalidSetting, match="another call: the module's parameters are others; give"):
        fit(module=module, checkpoint=tmp_path / "c")


OTHERS = {
    "learner was adam, now adam,lr=0.5": {"learner": "adam,lr=0.5"},
    "budget was 100 forwards, now 100 forwards, 7 iterations": {"budget": {"forwards": 100, "iterations": 7}},
    "seed was 0, now 1": {"seed": 1},
    "target was None, now 0.1": {"target": 0.1},
    "loss was mse, now mae": {"loss": "mae"},
    "batch_size was None, now 5": {"batch_size": 5},
    "mode was eval, now train": {"mode": "train"},
    "the bounds are others": {"bounds": (-1, 1)},
    "the validation data are others": {"validation": (V, W)},
    "the module's parameters are others": {"module": plain.network(3, 4, 1, activation=nn.Tanh, seed=1)},
    "the module's layers, fixed parameters or buffers are others": {"module": plain.network(3, 4, 1)},
    "dtype was torch.float64, now torch.float32": {"dtype": torch.float32},
}


@pytest.mark.any_version
@pytest.mark.parametrize("said", OTHERS)
def test_the_checkpoint_of_another_call_is_refused_with_what_differs(said, tmp_path):
    fit(checkpoint=tmp_path / "c")
    before = (tmp_path / "c").read_bytes()
    with pytest.raises(InvalidSetting) as refused:
        fit(**{"learner": "adam", "checkpoint": tmp_path / "c", **OTHERS[said]})
    assert f"c is the checkpoint of another call: {said}" in str(refused.value)
    assert "give another path, or delete it to start again." in str(refused.value)
    assert (tmp_path / "c").read_bytes() == before


def test_other_data_and_several_differences_are_said_in_one_sentence(tmp_path):
    nogd.fit(network(), X, Y, learner="adam", budget=50, checkpoint=tmp_path / "c")
    with pytest.raises(InvalidSetting, match=r"call: learner was adam, now sgd; the data are others; give"):
        nogd.fit(network(), X, Y + 1e-9, learner="sgd", budget=50, checkpoint=tmp_path / "c")
    with pytest.raises(
        InvalidSetting, match=r"score was None, now test_long_runs\.score; loss was mse, now None"
    ):
        nogd.minimize(network(), score, learner="random-search", budget=50, checkpoint=tmp_path / "c")


def predict(module: nn.Module) -> Tensor:
    return module(X)


def test_a_black_box_of_outputs_goes_on_and_knows_its_targets(often, tmp_path):
    def call(targets: Tensor = Y, **more: Any) -> nogd.Run:
        return nogd.minimize(
            network(), predict, targets=targets, learner="random-search,population=9", budget=60, **more
        )

    with pytest.raises(Killed):
        call(checkpoint=tmp_path / "c", callback=killed(3))
    assert deeds(call(checkpoint=tmp_path / "c")) == deeds(call())
    with pytest.raises(InvalidSetting, match="another call: the data are others; give"):
        call(Y + 1, checkpoint=tmp_path / "c")


def test_a_frozen_parameter_belongs_to_the_call(tmp_path):
    def frozen(value: float) -> nn.Sequential:
        module = network()
        module[0].bias.requires_grad_(False)
        module[0].bias[0] = value
        return module

    run = fit(module=frozen(1.0), checkpoint=tmp_path / "c")
    assert deeds(fit(module=frozen(1.0), checkpoint=tmp_path / "c")) == deeds(run)
    with pytest.raises(InvalidSetting, match="the module's layers, fixed parameters or buffers are others"):
        fit(module=frozen(2.0), checkpoint=tmp_path / "c")


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        (".", InvalidSetting, "is a folder"),
        ("none/run", InvalidSetting, "there is no folder .*none; make it first"),
        ("text", StoreError, "text cannot be read as a checkpoint"),
    ],
)
def test_a_path_that_is_none_is_told_of_before_anything_runs(name, error, said, tmp_path):
    (tmp_path / "text").write_text("mine")
    with pytest.raises(error, match=said):
        fit(checkpoint=tmp_path / name, callback=killed(0))
    assert (tmp_path / "text").read_text() == "mine"


def test_a_path_that_is_no_path():
    with pytest.raises(InvalidSetting, match="checkpoint is the path of a file, not 3"):
        fit(checkpoint=3)


def test_a_run_that_cannot_be_saved_goes_on_after_a_warning(often, tmp_path):
    folder = tmp_path / "gone"
    folder.mkdir()

    def remove(point):
        if point["iteration"] == 3:
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()

    with pytest.warns(NogdWarning, match="no checkpoint of this run: .* cannot be written"):
        run = fit(checkpoint=folder / "c", callback=remove)
    assert deeds(run) == deeds(fit())


@dataclass(kw_only=True)
class OddState(nogd.State):
    odd: Any


class Odd(nogd.Learner):
    """Holds what no file can."""

    name: ClassVar[str] = "test-odd"

    def init(self, objective: nogd.Objective, theta: Tensor, rng: Generator) -> OddState:
        return OddState(theta=theta, odd={1, 2})

    def step(self, objective: nogd.Objective, state: nogd.State) -> None:
        objective.losses(nogd.Population(state.theta[None]))
        state.iteration += 1


def test_a_state_that_cannot_be_saved_is_told_of_once(often, tmp_path):
    with pytest.warns(NogdWarning, match=r"state\.odd|holds a builtins\.set") as told:
        run = fit(Odd(), budget=9, checkpoint=tmp_path / "c")
    assert len(told) == 1
    assert run.status == "budget"
    assert deeds(fit(Odd(), budget=9, checkpoint=tmp_path / "c")) == deeds(
        run
    )  # what it ended with was saved


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
import test_long_runs
from nogd.training import checkpoints

def point(row):
    print(int(row["iteration"]), flush=True)
    input()

checkpoints.SECONDS = 0.0
test_long_runs.CALLS["sequence"](callback=point, checkpoint=sys.argv[2])
"""


@pytest.mark.any_version
def test_killed_by_the_system_and_called_again(tmp_path):
    words = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent), str(tmp_path / "c")]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, env=environment()) as process:
        while int(process.stdout.readline()) < 12:
            process.stdin.write("\n")
            process.stdin.flush()
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    begun = []
    run = CALLS["sequence"](
        checkpoint=tmp_path / "c", callback=lambda point: begun.append(time.perf_counter())
    )
    assert deeds(run) == deeds(CALLS["sequence"]())
    assert 12 < len(run.points) == len(begun)
