"""One objective, used by several threads at once and by forked processes, scores and counts as if it were alone."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import plain
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import nogd
from nogd.engine.accounts.ledger import Ledger
from nogd.engine.accounts.meter import BudgetSpent
from nogd.engine.black_box import BlackBox
from nogd.engine.fork_safe_lock import ForkSafeLock
from nogd.engine.objective import Objective
from nogd.engine.space import ParameterSpace

ENGINES = ["compiled", "stack", "chain", "vmap", "loop"]
ROWS, THREADS, CALLS = 40, 4, 6


@pytest.fixture(autouse=True)
def switching() -> Iterator[None]:
    """Threads that give way to each other as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def module() -> nn.Module:
    return plain.network(3, 5, 4, 1, activation=nn.Tanh)


def in_memory(engine: Any) -> Objective:
    if engine == "compiled":
        pytest.importorskip("numba")
    return nogd.objective(module(), *plain.data(ROWS, 3), engine=engine)


def streamed() -> Objective:
    x, y = plain.data(ROWS, 3)
    return nogd.objective(module(), list(zip(x.split(15), y.split(15), strict=True)))


def black_box() -> Objective:
    net, (x, y) = module(), plain.data(ROWS, 3)
    score = BlackBox(net, ParameterSpace(net), lambda each: float(F.mse_loss(each(x), y)))
    return Objective(score)


MADE: dict[str, Callable[[], Objective]] = {
    **{engine: lambda engine=engine: in_memory(engine) for engine in ENGINES},
    "stream": streamed,
    "black box": black_box,
}


def results(made: Objective, thread: int) -> list[Tensor]:
    """Of all kinds of calls, each thread's about other candidates."""
    candidates = plain.thetas(3, made.D, seed=thread)
    values = torch.linspace(-1, 1, 3, dtype=torch.float64)
    walk, found = made.walk(candidates[0].clone()), []
    for call in range(CALLS):
        found.append(made.losses(nogd.Population(candidates)))
        found.append(made.losses(nogd.Perturbed(candidates[0], (thread, call), 0.1, antithetic=True)))
        found.append(walk.losses(call, values))
        walk.move(call, 0.1 * thread)
        if "gradient" in made.features:
            found.append(made.gradient(candidates[call % 3])[1])
            found.append(made.directional(candidates[0], candidates)[1])
    return found


@pytest.mark.parametrize("name", MADE)
def test_threads_do_not_mix_their_candidates(name):
    alone, together = MADE[name](), MADE[name]()
    expected = [results(alone, thread) for thread in range(THREADS)]
    together.losses(nogd.Population(plain.thetas(8, together.D)))  # whatever is decided at the first call
    if "gradient" in together.features:
        together.directional(plain.thetas(1, together.D)[0], plain.thetas(1, together.D))
    before = together.meter.reading()
    found: dict[int, list[Tensor]] = {}
    threads = [
        threading.Thread(target=lambda thread=thread: found.update({thread: results(together, thread)}))
        for thread in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(THREADS))
    for thread, losses in found.items():
        torch.testing.assert_close(losses, expected[thread], rtol=1e-9, atol=1e-12)
    for ledger in ("forwards", "evaluations", "gradients", "examples"):
        spent = together.meter.reading()[ledger] - before[ledger]
        assert spent == pytest.approx(alone.meter.reading()[ledger], rel=1e-12)


@pytest.mark.parametrize("name", MADE)
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_scores_the_same(name):
    if torch.cuda.is_initialized():
        pytest.skip("this process has used a GPU, which does not survive a fork")
    made = MADE[name]()
    expected = results(made, 0)
    child = os.fork()
    if child == 0:
        try:
            torch.testing.assert_close(results(made, 0), expected, rtol=1e-9, atol=1e-12)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_lock_that_a_lost_thread_holds_is_free_in_a_fork():
    turns, held, stop = ForkSafeLock(), threading.Event(), threading.Event()

    def hold() -> None:
        with turns:
            held.set()
            stop.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    child = os.fork()
    if child == 0:
        with turns, turns:
            os._exit(0)
    stop.set()
    holder.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_threads_together_spend_the_budget_and_no_more(monkeypatch):
    made = in_memory("stack")
    made.begin(plain.thetas(1, made.D)[0], nogd.Budget(forwards=100).limit(), None, None)
    ended: list[BudgetSpent] = []
    own = Ledger.forwards_after

    def slowly(*arguments: Any) -> float:
        """Others have their turn between what is looked at and what is counted."""
        found = own(*arguments)
        time.sleep(1e-4)
        return found

    monkeypatch.setattr(Ledger, "forwards_after", slowly)

    def spend() -> None:
        try:
            while True:
                made.losses(nogd.Population(plain.thetas(1, made.D)))
        except BudgetSpent as end:
            ended.append(end)

    threads = [threading.Thread(target=spend) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ended) == THREADS
    assert made.meter.forwards == made.meter.evaluations == 100
