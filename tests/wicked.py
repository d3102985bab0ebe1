"""A plugin with one good learner and many that do what no learner should."""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import stat
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field

from nogd import Dataset, Learner, Objective, Population, State, SupervisedTask, hookimpl
from nogd.bench.wire import packed

FOREVER = 3_600


@dataclass(kw_only=True)
class Walker(State):
    """A state with its own generator."""

    rng: torch.Generator


class Good(Learner):
    """Take a random step if it helps; base of the others, which do something wicked first."""

    name: ClassVar[str] = "good"
    sigma: float = Field(0.1, gt=0, description="length of a step")
    pause: float = Field(0.0, ge=0, description="seconds to sleep before a step")

    def init(self, objective: Objective, theta: torch.Tensor, rng: torch.Generator) -> Walker:
        return Walker(theta=theta, rng=rng)

    def step(self, objective: Objective, state: State) -> None:
        assert isinstance(state, Walker)
        if self.pause:
            time.sleep(self.pause)
        if state.iteration == 3:
            self.misbehave()
        moved = state.theta + self.sigma * torch.randn(len(state.theta), generator=state.rng)
        now, then = objective.losses(Population(torch.stack([state.theta, moved]))).tolist()
        if then < now:
            state.theta = moved
        state.iteration += 1

    def misbehave(self) -> None:
        """Do nothing; others do what they are named after."""


class Raises(Good):
    """Raise an exception."""

    name: ClassVar[str] = "raises"

    def misbehave(self) -> None:
        raise ValueError("bad luck")


class Exits(Good):
    """Leave the interpreter in the ordinary way."""

    name: ClassVar[str] = "exits"

    def misbehave(self) -> None:
        sys.exit("enough")


class Vanishes(Good):
    """End the process at once, with last words."""

    name: ClassVar[str] = "vanishes"

    def misbehave(self) -> None:
        print("farewell", flush=True)
        os._exit(7)


class Crashes(Good):
    """Read from address 0."""

    name: ClassVar[str] = "crashes"

    def misbehave(self) -> None:
        ctypes.string_at(0)


class Terminates(Good):
    """Send SIGTERM to its own process group."""

    name: ClassVar[str] = "terminates"

    def misbehave(self) -> None:
        os.killpg(0, signal.SIGTERM)


class Hangs(Good):
    """Sleep for good, deaf to polite signals."""

    name: ClassVar[str] = "hangs"

    def misbehave(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
            signal.signal(number, signal.SIG_IGN)
        time.sleep(FOREVER)


class HangsInC(Good):
    """Hold the interpreter's lock for good."""

    name: ClassVar[str] = "hangs-in-c"

    def misbehave(self) -> None:
        re.match(r"(a|a)*b", "a" * 60)


class Freezes(Good):
    """Stop the process as Ctrl-Z does."""

    name: ClassVar[str] = "freezes"

    def misbehave(self) -> None:
        os.kill(os.getpid(), signal.SIGSTOP)


class Gluttonous(Good):
    """Take memory, a little at a time, and touch it."""

    name: ClassVar[str] = "gluttonous"

    def misbehave(self) -> None:
        kept = []
        while True:
            kept.append(np.ones(2**23))
            time.sleep(0.01)


class Delegates(Good):
    """Have a child process take the memory."""

    name: ClassVar[str] = "delegates"

    def misbehave(self) -> None:
        program = f"import time; kept = bytes(range(1, 250)) * 4_000_000; time.sleep({FOREVER})"
        subprocess.run([sys.executable, "-c", program], check=False)


class Greedy(Good):
    """Ask for more memory at once than there is."""

    name: ClassVar[str] = "greedy"

    def misbehave(self) -> None:
        np.ones(2**47)


class Parent(Good):
    """Leave a child process behind."""

    name: ClassVar[str] = "parent"

    def misbehave(self) -> None:
        subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({FOREVER})"])


def daemon(last: Callable[[], None] = lambda: None) -> None:
    """Fork twice and leave session and group, as daemons do; every descriptor stays open."""
    if os.fork():
        os.wait()
        return
    os.setsid()
    if os.fork():
        last()
        os._exit(0)
    time.sleep(FOREVER)


class Haunted(Good):
    """Leave a daemon behind, and go on."""

    name: ClassVar[str] = "haunted"

    def misbehave(self) -> None:
        daemon()


class Ghost(Good):
    """Leave a daemon that holds all descriptors open, and die."""

    name: ClassVar[str] = "ghost"

    def misbehave(self) -> None:
        daemon()
        os._exit(3)


class Twin(Good):
    """Fork, and let both go on as if they were the worker."""

    name: ClassVar[str] = "twin"

    def misbehave(self) -> None:
        os.fork()


class Orphan(Good):
    """Kill the process that workers come from."""

    name: ClassVar[str] = "orphan"

    def misbehave(self) -> None:
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(FOREVER)


class NotANumber(Good):
    """Recommend nothing but NaN."""

    name: ClassVar[str] = "not-a-number"

    def step(self, objective: Objective, state: State) -> None:
        objective.losses(Population(torch.full((2, len(state.theta)), torch.nan)))
        state.theta = torch.full_like(state.theta, torch.nan)
        state.iteration += 1


class Chatty(Good):
    """Print 20 MB to each stream, from Python and past it, and close what it can."""

    name: ClassVar[str] = "chatty"

    def misbehave(self) -> None:
        line = "x" * 999 + "\n"
        for _ in range(10_000):
            sys.stdout.write(line)
            sys.stderr.write(line)
        for _ in range(10_000):
            os.write(1, line.encode())
            os.write(2, line.encode())
        sys.stdout.close()


class Warns(Good):
    """Warn, in every step the same."""

    name: ClassVar[str] = "warns"

    def step(self, objective: Objective, state: State) -> None:
        warnings.warn("careful", stacklevel=1)
        super().step(objective, state)


class Meddles(Good):
    """Change what belongs to the whole process."""

    name: ClassVar[str] = "meddles"

    def misbehave(self) -> None:
        torch.set_default_dtype(torch.float64)
        torch.set_num_threads(3)
        torch.set_grad_enabled(False)
        torch.manual_seed(7)
        np.random.seed(7)  # noqa: NPY002  # the global generator is what is meddled with
        os.chdir("/")


class Careless(Good):
    """Draw from the global generators, which nothing promises to seed."""

    name: ClassVar[str] = "careless"

    def step(self, objective: Objective, state: State) -> None:
        super().step(objective, state)
        state.theta = state.theta + torch.randn(1) + np.random.rand()  # noqa: NPY002


class Unsaved(Good):
    """Keep in its state what no checkpoint can hold."""

    name: ClassVar[str] = "unsaved"

    def step(self, objective: Objective, state: State) -> None:
        state.phase = np.int64(0)  # type: ignore[assignment]  # the very mistake that is meant
        super().step(objective, state)


class Undecided(Good):
    """Say by a tensor whether it has finished."""

    name: ClassVar[str] = "undecided"

    def step(self, objective: Objective, state: State) -> None:
        super().step(objective, state)
        if state.iteration == 3:
            state.finished = objective.losses(Population(state.theta[None])).min() < 0  # type: ignore[assignment]


class HalfALetter(Good):
    """Raise an exception whose text cannot be written anywhere."""

    name: ClassVar[str] = "half-a-letter"

    def misbehave(self) -> None:
        raise ValueError("half a letter: \ud800, and \x1b[2J to clear the screen")


class LongWinded(Good):
    """Raise an exception of ten million letters."""

    name: ClassVar[str] = "long-winded"

    def misbehave(self) -> None:
        raise ValueError("begin " + 10_000_000 * "x" + " end")


class Interrupts(Good):
    """Raise what Ctrl-C raises."""

    name: ClassVar[str] = "interrupts"

    def misbehave(self) -> None:
        raise KeyboardInterrupt("as if")


class Closes(Good):
    """Raise what ends generators."""

    name: ClassVar[str] = "closes"

    def misbehave(self) -> None:
        raise GeneratorExit


class SpeechlessError(Exception):
    """Cannot be printed."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


class Speechless(Good):
    """Raise an exception that cannot be printed."""

    name: ClassVar[str] = "speechless"

    def misbehave(self) -> None:
        raise SpeechlessError


class Scribbles(Good):
    """Write to every descriptor that a program would think of, and close it."""

    name: ClassVar[str] = "scribbles"

    def misbehave(self) -> None:
        for descriptor in range(3, 256):
            with contextlib.suppress(OSError):
                os.write(descriptor, b"what may this be?")
                os.close(descriptor)


def lines() -> list[int]:
    """The descriptors that are sockets: a worker has one."""
    return [fd for fd in range(3, 4096) if _is_socket(fd)]


def _is_socket(descriptor: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    except OSError:
        return False


class Garbles(Good):
    """Write something on its line to nogd."""

    name: ClassVar[str] = "garbles"

    def misbehave(self) -> None:
        for line in lines():
            os.write(line, b"what may this be, that is as long as a header and a little longer?")


class Stalls(Good):
    """Stop in the middle of a message."""

    name: ClassVar[str] = "stalls"

    def misbehave(self) -> None:
        whole = b"".join(packed([1, "warning", "careful"]))
        for line in lines():
            os.write(line, whole[:-1])
        time.sleep(FOREVER)


class StopsParent(Good):
    """Stop the process that workers come from."""

    name: ClassVar[str] = "stops-parent"

    def misbehave(self) -> None:
        os.kill(os.getppid(), signal.SIGSTOP)


class Holes(Dataset):
    """Data with a hole."""

    name: ClassVar[str] = "holes"

    def load(self) -> tuple[torch.Tensor, torch.Tensor]:
        inputs = torch.arange(40.0).view(20, 2)
        inputs[3, 1] = torch.nan
        return inputs, inputs.sum(1, keepdim=True)


class HolesTask(SupervisedTask):
    """Learn from data with a hole."""

    name: ClassVar[str] = "holes"
    why: ClassVar[str] = "its data are not finite"
    dataset: ClassVar[type[Dataset]] = Holes
    loss: ClassVar[str] = "mse"
    metric: ClassVar[str] = "r2"
    default: ClassVar[bool] = False

    def network(self) -> torch.nn.Module:
        return torch.nn.Linear(2, 1)


WICKED = (
    Raises, Exits, Vanishes, Crashes, Terminates, Hangs, HangsInC, Freezes, Gluttonous, Delegates, Greedy, Parent,
    Haunted, Ghost, Orphan, Twin, NotANumber, Chatty, Warns, Meddles, Careless, Unsaved, Undecided, HalfALetter,
    LongWinded, Interrupts, Closes, Speechless, Scribbles, Garbles, Stalls, StopsParent,
)  # fmt: skip


@hookimpl
def nogd_learners() -> list[type[Learner]]:
    """All of them."""
    return [Good, *WICKED]


@hookimpl
def nogd_tasks() -> list[type[SupervisedTask]]:
    """The task that cannot be learnt."""
    return [HolesTask]
