"""On a GPU every kind of candidates and every engine gives what the user's module gives on the CPU, and scoring waits
for nothing. Skipped where there is none.
"""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import plain
import pytest
import torch
from torch import Generator, Tensor, nn

import nogd
from nogd.engine.candidates.noise import block_size, noise
from nogd.engine.candidates.scoring import described, score
from nogd.engine.candidates.sets import Candidates
from nogd.engine.objective import Objective
from nogd.plugins.manager import Plugins, PluginSettings

if not torch.cuda.is_available():
    pytest.skip("there is no GPU here", allow_module_level=True)

ROWS, SIDE, CLASSES, CUDA, D = 300, 4, 3, torch.device("cuda"), torch.float64
LEARNERS = sorted(entry.name for entry in Plugins(PluginSettings(thirdparty=False)).learners)


class Residual(nn.Module):
    """No chain: vmap must do."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(SIDE**2, SIDE**2), nn.Linear(SIDE**2, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(torch.relu(self.first(x)) + x)


class Branching(Residual):
    """vmap refuses it, as it asks for a number."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(-x if float(self.first.bias[0].detach()) > 0 else x)


MODULES = {
    "stack": lambda: plain.network(SIDE**2, 9, 5, CLASSES),
    "chain": lambda: nn.Sequential(
        *(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.LayerNorm(16), nn.Linear(16, CLASSES)),
    ),
    "vmap": Residual,
    "loop": Branching,
}
KINDS = ["population", "line", "perturbed", "low-rank"]


def data(engine: str, loss: str) -> tuple[Tensor, Tensor]:
    x, y = plain.data(ROWS, SIDE**2, CLASSES)
    if loss == "cross-entropy":
        y = plain.classes(ROWS, CLASSES)
    return x.view(ROWS, 1, SIDE, SIDE) if engine == "chain" else x, (y > 0).to(D) if "binary" in loss else y


def make(engine: str, loss: str = "cross-entropy") -> tuple[Objective, nn.Module]:
    module = plain.drawn(MODULES[engine]().double(), 3, scale=0.3)
    made = nogd.objective(module, *data(engine, loss), loss=loss, device="cuda")
    assert made.engine.startswith(f"{'vmap' if engine == 'loop' else engine}:")
    return made, module


def candidates(kind: str, made: Objective, count: int = 40) -> Candidates:
    theta = plain.thetas(1, made.D, 1)[0].to(CUDA)
    if kind == "population":
        return nogd.Population(plain.thetas(count, made.D, 4).to(CUDA))
    if kind == "line":
        return nogd.Line(theta, 2, torch.linspace(-1, 1, count, dtype=D, device=CUDA))
    if kind == "perturbed":
        return nogd.Perturbed(theta, tuple(range(count)), 0.1, antithetic=True)
    return nogd.LowRank.draw(made.space, theta, count, 0.1, Generator(CUDA).manual_seed(0), rank=2)


@contextmanager
def nothing_waits() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Synchronization debug mode")
        torch.cuda.set_sync_debug_mode("error")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", sorted(plain.LOSSES))
@pytest.mark.parametrize("engine", MODULES)
@pytest.mark.filterwarnings("ignore:candidates are scored one by one")
def test_losses_are_those_of_the_module_on_the_cpu(engine, loss, kind):
    made, module = make(engine, loss)
    some = candidates(kind, made)
    found = made.losses(some)
    assert found.device.type == "cuda"
    wanted = plain.losses(module, some.dense().cpu(), *data(engine, loss), plain.LOSSES[loss])
    torch.testing.assert_close(found.cpu(), wanted, rtol=1e-9, atol=1e-12)
    rows = torch.arange(0, ROWS, 3)
    few = made.losses(some, rows=rows.to(CUDA))
    x, y = data(engine, loss)
    wanted = plain.losses(module, some.dense().cpu(), x[rows], y[rows], plain.LOSSES[loss])
    torch.testing.assert_close(few.cpu(), wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", ["stack", "chain", "vmap"])
def test_scoring_waits_for_nothing(engine, kind):
    made, _ = make(engine)
    some = described(candidates(kind, made), made.space)
    score(made._scorer, some, None)  # compares the first losses with the module's own, which does wait
    with nothing_waits():
        score(made._scorer, some, None)


def test_a_walk_scores_like_the_module_and_waits_only_to_tell_the_lowest():
    made, module = make("stack")
    walk = made.walk(plain.read(module).to(CUDA))
    values = torch.linspace(-2, 2, 9, dtype=D, device=CUDA)
    for index in (3, 150, 152, 160, 200, made.D - 1):
        wanted = plain.losses(
            module, nogd.Line(walk.theta, index, values).dense().cpu(), *data("stack", "cross-entropy"),
            plain.LOSSES["cross-entropy"],
        )  # fmt: skip
        with nothing_waits():
            found = walk._tracks.losses(index, values)
        torch.testing.assert_close(found.cpu(), wanted, rtol=1e-9, atol=1e-12)
        place, lowest = walk.lowest(index, values)
        assert (place, lowest) == (int(found.argmin()), float(found.min()))
        with nothing_waits():
            walk.move(index, 0.7)


@pytest.mark.parametrize("engine", ["stack", "chain", "vmap"])
def test_gradients_are_those_of_the_cpu(engine):
    made, module = make(engine)
    there = nogd.objective(module, *data(engine, "cross-entropy"), loss="cross-entropy")
    theta, directions = plain.read(module), plain.thetas(5, made.D, 2)
    for here, on_cpu in zip(made.gradient(theta.to(CUDA)), there.gradient(theta), strict=True):
        torch.testing.assert_close(here.cpu(), on_cpu, rtol=1e-9, atol=1e-12)
    found = made.directional(theta.to(CUDA), directions.to(CUDA))
    for here, on_cpu in zip(found, there.directional(theta, directions), strict=True):
        torch.testing.assert_close(here.cpu(), on_cpu, rtol=1e-9, atol=1e-12)


def test_noise_is_the_same_in_whatever_pieces_and_combine_adds_it_up():
    size = block_size(CUDA)
    like, theta = torch.empty(0, device=CUDA), torch.zeros(2 * size + 7, device=CUDA)
    whole = noise(5, 0, len(theta), like)
    for start, stop in ((0, 3), (200, 300), (size - 5, size + 5), (size, len(theta))):
        assert torch.equal(noise(5, start, stop, like), whole[start:stop])
    assert float(whole.mean()) == pytest.approx(0, abs=0.01)
    assert float(whole.std()) == pytest.approx(1, abs=0.01)
    some, out = nogd.Perturbed(theta, (5, 6), 0.1), torch.zeros_like(theta)
    some.combine(torch.tensor([1.0, -2.0]), out)
    torch.testing.assert_close(out, whole - 2 * noise(6, 0, len(theta), like))
    assert not theta.any()


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_learner_gives_the_same_run_for_the_same_seed(learner):
    x, y = plain.data(60, 4, 1, dtype=torch.float32)

    def run() -> nogd.Run:
        network = plain.network(4, 3, 1).float()
        return nogd.fit(network, x, y, learner=learner, budget=60, seed=3, device="cuda")

    first, again = run(), run()
    assert first.theta.device.type == "cuda"
    assert torch.equal(first.theta, again.theta)
    assert first.curve["loss"].tolist() == again.curve["loss"].tolist()


def test_the_harness_runs_there(tmp_path):
    what = ["-l", "adam", "-l", "grid-search", "-l", "random-search", "-t", "iris"]
    where = ["--device", "cuda", "--out", str(tmp_path / "run")]
    done = subprocess.run(
        [sys.executable, "-m", "nogd", "run", *what, *where, "--repetitions", "1", "--forwards", "60"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
