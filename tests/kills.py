"""Kill nogd's commands at random moments, and look at what they leave.

After each kill nothing that was finished before it may be lost or changed, every file must be whole, the old or the
new, and no process may be left; in the end the same commands finish what the killed ones began, with the same results.

    python tests/kills.py --kills 100 --seed 0

A few kills are a test (test_kills.py); many are for a person with some minutes. Each command is forked from this
process, which has imported everything: so the kills hit its work, and not Python's start.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
from bench_help import MARK, PATIENCE, deeds, marked

from nogd.bench.store import Store
from nogd.cli import main

TASK = "kill-line"
CELLS = ("-l", "adam", "-l", "random-search", "-t", "iris", "--repetitions", 3, "--forwards", 40)
# What starts workers sees that nobody is left when it has imported all that they need, which takes a while under load.
GONE_SECONDS = PATIENCE


@dataclass(frozen=True)
class Folder:
    """A store with its files, a task to freeze and the store of its runs, as they are when no command is at work."""

    path: Path
    expected: Mapping[str, tuple[Any, ...]]
    """What every run must be, by id."""
    seconds: Mapping[str, float]
    """What each command takes."""


@dataclass(frozen=True)
class Attack:
    """A command to be killed. before: what gives it something to do; may_go: the runs that it deletes."""

    name: str
    words: Sequence[object]
    before: Callable[[], None] = lambda: None
    may_go: frozenset[str] = frozenset()


# The commands


def attacks(folder: Folder, rng: random.Random) -> list[Attack]:
    """One of each command, with what it does drawn anew."""
    path, ids = folder.path, sorted(folder.expected)
    gone, again = rng.sample(ids, 3), rng.choice(ids)
    deleted = frozenset(id_ for id_ in ids if id_.startswith(gone[0]))
    forms = {"report": ("html", "md", "csv"), "export": ("csv", "parquet")}
    return [
        Attack("run", run_words(path), lambda: delete(path, gone)),
        Attack("run --fresh", (*run_words(path), "--fresh")),
        Attack("report", ("report", path, "--format", rng.choice(forms["report"]))),
        Attack("export", ("export", "--out", path, "--format", rng.choice(forms["export"]))),
        Attack("rerun", ("rerun", again, "--out", path)),
        Attack("targets freeze", freeze_words(folder.path), lambda: delete_some(path / "frozen-runs", rng)),
        Attack(
            "runs --delete", ("runs", "--delete", "--yes", "--id", gone[0], "--out", path), may_go=deleted
        ),
    ]


def run_words(path: Path) -> tuple[object, ...]:
    return ("run", *CELLS, "--jobs", 2, "--out", path)


def freeze_words(path: Path) -> tuple[object, ...]:
    task = ("targets", "freeze", "--plugin", path / "kill_line.py", "-t", TASK, "--again")
    return (*task, "--repetitions", 5, "--jobs", 0, "--out", path / "frozen-runs")


def delete(path: Path, ids: Sequence[str]) -> None:
    with closing(Store(path, create=True)) as store:
        store.delete(ids)


def delete_some(path: Path, rng: random.Random) -> None:
    found = stored(path)  # few where freezing was killed early each time
    delete(path, rng.sample(found, min(2, len(found))))


def fork(words: Sequence[object], mark: str) -> int:
    """The number of a process that does a command and says nothing."""
    if pid := os.fork():
        return pid
    try:
        os.environ[MARK] = mark
        for descriptor in (1, 2):
            os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
        main(list(map(str, words)), prog_name="nogd", standalone_mode=True)
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 0)
    finally:
        os._exit(70)


def finish(words: Sequence[object]) -> float:
    """Do a command to its end; the seconds that it took."""
    started = time.monotonic()
    _, status = os.waitpid(fork(words, ""), 0)
    assert os.waitstatus_to_exitcode(status) == 0, f"nogd {words[0]} ended with {status}"
    return time.monotonic() - started


# What is looked at


def stored(path: Path) -> list[str]:
    """The ids of all runs, by a reader of another make than nogd's."""
    with closing(sqlite3.connect(path / "runs.sqlite", timeout=30)) as connection:
        return [id_ for (id_,) in connection.execute("select id from runs order by id")]


def orphans(mark: str) -> list[psutil.Process]:
    """What a killed command left running, and did not end in time; it is ended here."""
    _, alive = psutil.wait_procs(marked(MARK, mark), timeout=GONE_SECONDS)
    for process in alive:
        with suppress(psutil.Error):
            process.kill()
    return alive


def damage(path: Path) -> list[str]:
    """The files in a folder that are not whole."""
    return [str(file) for file in path.rglob("*") if file.is_file() and not is_whole(file)]


def is_whole(file: Path) -> bool:
    """Whether a file is what its name says, to its end; what is being written has a name that nobody reads."""
    check = WHOLE.get(file.suffix, lambda _: True)
    try:
        return check(file)
    except (ValueError, OSError):
        return False


def _ends_with(end: str) -> Callable[[Path], bool]:
    return lambda file: file.read_text(encoding="utf-8").rstrip().endswith(end)


WHOLE: Mapping[str, Callable[[Path], bool]] = {
    ".html": _ends_with("</html>"),
    ".md": _ends_with("</sub>"),
    ".csv": lambda file: file.read_text().endswith("\n") and len(pd.read_csv(file)) > 0,
    ".parquet": lambda file: len(pd.read_parquet(file)) > 0,
    ".json": lambda file: TASK in json.loads(file.read_text()),
}


def complaints(folder: Folder, kept: set[str], attack: Attack, mark: str) -> list[str]:
    """What is wrong after a kill. kept: the runs that were there just before it."""
    found = deeds(folder.path)
    said = [f"process {process.pid} is left" for process in orphans(mark)]
    said += [f"{name} is not whole" for name in damage(folder.path)]
    said += [f"run {id_} is lost" for id_ in kept - set(found) - attack.may_go]
    said += [f"run {id_} is not what it was" for id_ in found if found[id_] != folder.expected[id_]]
    for path in (folder.path, folder.path / "frozen-runs"):
        with closing(sqlite3.connect(path / "runs.sqlite")) as connection:
            [told] = connection.execute("pragma integrity_check").fetchone()
            said += [] if told == "ok" else [f"{path}: {told}"]
    return said


# One kill after the other


def prepared(path: Path) -> Folder:
    """Every command done once, to its end, so that there is something to lose."""
    (path / "kill_line.py").write_text(PLUGIN)
    run = finish(run_words(path))
    seconds = {"run": run, "run --fresh": run, "rerun": run, "runs --delete": 0.1}
    folder = Folder(path, deeds(path), seconds)
    for attack in attacks(folder, random.Random(0)):
        if attack.name not in seconds:
            seconds[attack.name] = finish(attack.words)
    for kind in ("html", "md", "csv"):
        finish(("report", path, "--format", kind))
    return folder


def strike(folder: Folder, attack: Attack, rng: random.Random) -> tuple[float, list[str]]:
    """Begin a command, kill it, and look: the moment in seconds, and what is wrong."""
    attack.before()
    mark, moment = uuid.uuid4().hex, rng.uniform(0, folder.seconds[attack.name])
    pid = fork(attack.words, mark)
    time.sleep(moment)
    kept = set(stored(folder.path))
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return moment, complaints(folder, kept, attack, mark)


def campaign(path: Path, kills: int, seed: int) -> int:
    """So many kills, command by command; how many of them did harm."""
    rng, harmful = random.Random(seed), 0
    folder = prepared(path)
    for number in range(kills):
        drawn = attacks(folder, rng)
        attack = drawn[number % len(drawn)]
        moment, wrong = strike(folder, attack, rng)
        harmful += bool(wrong)
        print(
            f"{number + 1}/{kills} {attack.name} killed after {moment:.2f} s: {wrong or 'no harm'}",
            flush=True,
        )
    finish(run_words(path))
    finish(freeze_words(path))
    assert deeds(path) == folder.expected, (
        "the runs that were gone on with are not those that were never stopped"
    )
    print(f"{kills} kills, {harmful} did harm; what was gone on with equals what was never stopped")
    return harmful


PLUGIN = f'''
from typing import ClassVar
import torch
from torch import nn
from nogd import Dataset, SupervisedTask, hookimpl

class Line(Dataset):
    """Points on a line."""
    name: ClassVar[str] = "{TASK}"
    def load(self):
        inputs = torch.linspace(-1, 1, 40)[:, None]
        return inputs, 3 * inputs + 1

class LineTask(SupervisedTask):
    """A line."""
    name: ClassVar[str] = "{TASK}"
    dataset: ClassVar[type[Dataset]] = Line
    loss: ClassVar[str] = "mse"
    metric: ClassVar[str] = "r2"
    budget: ClassVar[float] = 300
    def network(self):
        return nn.Linear(1, 1)

@hookimpl
def nogd_tasks():
    return [LineTask]
'''


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        sys.exit(campaign(Path(made), chosen.kills, chosen.seed) > 0)
