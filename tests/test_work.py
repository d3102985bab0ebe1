"""`nogd work`: jobs come as lines, what happens goes back as lines, and what is wrong with one costs that one."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_help import PATIENCE, WICKED, environment

from nogd.bench.events import Finished
from nogd.bench.experiment import make_experiment
from nogd.bench.inline import InlineExecutor
from nogd.bench.json_line import line_of, value_of
from nogd.bench.perform import Job, Listener, perform
from nogd.bench.plan import plan
from nogd.bench.recipe import FORM
from nogd.bench.remote import RemoteCell
from nogd.bench.work import work
from nogd.plugins.manager import PluginSettings, configured

pytestmark = pytest.mark.any_version

DEAF = Listener(lambda _point: None, lambda _state: None)


def jobs(*learners: str, **changes: Any) -> list[Job]:
    made = make_experiment(None, learners=list(learners), tasks=["iris"], repetitions=1, budget=30)
    return [replace(Job(each.cell, each.learner, each.task, timeout=60.0), **changes) for each in plan(made)]


def line(job: Job, **changes: Any) -> bytes:
    return line_of(value_of(RemoteCell(job).line) | changes).encode()


def answers(tmp_path: Path, *lines: bytes) -> list[dict[str, Any]]:
    """What `nogd work` says to these lines, one cell after the other in this process."""
    file, out = tmp_path / "jobs.jsonl", io.BytesIO()
    file.write_bytes(b"".join(lines))
    with file.open("rb") as opened:
        work(opened.fileno(), out, InlineExecutor(), tmp_path)
    return [value_of(each) for each in out.getvalue().splitlines()]


def test_cells_are_run_as_here_and_told_of_line_by_line(tmp_path):
    first, second = jobs("adam", "random-search", checkpoint_seconds=0.0)
    told = answers(tmp_path, line(first), line(second))
    assert (told[0]["id"], told[0]["event"]) == (None, "ready")
    assert told[0]["value"]["nogd"]
    for job in (first, second):
        own = [each for each in told if each["id"] == job.cell.id]
        assert (own[0]["event"], own[-1]["event"]) == ("started", "record")
        assert {"point", "checkpoint"} <= {each["event"] for each in own}
        remote, expected = RemoteCell(job), perform(job, DEAF)
        events = [remote.hear(line_of(each).encode()) for each in own]
        assert isinstance(events[-1], Finished)
        np.testing.assert_array_equal(events[-1].record.theta, expected.theta)
        assert events[-1].record.status == expected.status


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"learner": "acme/strider"}, "No learner is named 'acme/strider'"),
        ({"learner": None}, "None"),
        ({"recipe": FORM + 1}, "install the same nogd in both places"),
        ({"plugins": None}, "TypeError"),
        ({"plugins": {"extra": [], "blocked": [], "thirdparty": True}, "cell": {}}, "KeyError"),
        ({"timeout": 1, "id": "0123456789abcdef"}, "not '0123456789abcdef' as it says"),
    ],
)
def test_what_is_wrong_with_a_recipe_costs_its_cell(tmp_path, wrong, said):
    (job,) = jobs("adam")
    _, failed, *others = answers(tmp_path, line(job, **wrong), line(job))
    assert (failed["id"], failed["event"]) == (wrong.get("id", job.cell.id), "failed")
    assert said in failed["value"]["reason"]
    assert others[-1]["event"] == "record"


@pytest.mark.parametrize(
    "nonsense", [b"\n", b"\xff\n", b"no json\n", b"[1]\n", b'"text"\n', b"[" * 50_000 + b"\n"]
)
def test_a_line_that_is_no_job_is_told_of_and_the_next_one_read(tmp_path, nonsense):
    (job,) = jobs("adam")
    _, failed, *others = answers(tmp_path, nonsense, line(job)[:-1])  # the last line has no end
    assert (failed["id"], failed["event"]) == (None, "failed")
    assert others[-1]["event"] == "record"


def test_a_line_without_an_end_is_not_kept(tmp_path, monkeypatch):
    (job,) = jobs("adam")
    monkeypatch.setattr("nogd.bench.work.LONGEST", 2**16)
    monkeypatch.setattr("nogd.bench.work._PIECE", 2**14)
    told = answers(tmp_path, b"x" * 200_000 + b"\n", line(job))
    assert [each["event"] for each in told[1:4]] == ["failed"] * 3
    assert told[-1]["event"] == "record"


def test_a_cell_takes_no_more_memory_than_its_share_of_this_machine(tmp_path, monkeypatch):
    given = []
    monkeypatch.setattr("nogd.bench.work.memory_of_a_cell", lambda workers: 2.0 / workers)
    monkeypatch.setattr(
        "nogd.bench.inline.perform", lambda job, listener: given.append(job.memory) or perform(job, listener)
    )
    answers(tmp_path, *(line(job) for memory in (None, 1.5, 64.0) for job in jobs("adam", memory=memory)))
    assert given == [2.0, 1.5, 2.0]


def test_other_plugins_for_other_jobs(tmp_path):
    with configured(PluginSettings((str(WICKED),))):
        (good,) = jobs("good")
        lines = line(good)
    (adam,) = jobs("adam")
    with configured(PluginSettings()):
        told = answers(tmp_path, lines, line(adam), lines)
    assert [each["id"] for each in told if each["event"] == "record"] == [
        good.cell.id, adam.cell.id, good.cell.id
    ]  # fmt: skip


# -- the command


def started(*words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "nogd", "work", *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    )


LOUD = """
import os, time
from typing import ClassVar
from nogd import Learner, State, hookimpl

print("hello from a plugin", flush=True)
os.system("echo hello from a shell")


class Dozes(Learner):
    '''Sleep (Van Winkle 1819).'''
    name: ClassVar[str] = "dozes"

    def init(self, objective, theta, rng):
        return State(theta=theta)

    def step(self, objective, state):
        time.sleep(1_000)


@hookimpl
def nogd_learners():
    return [Dozes]
"""


def test_stdout_is_for_events_alone_and_a_reader_that_goes_away_ends_it(tmp_path):
    loud = tmp_path / "loud.py"
    loud.write_text(LOUD)
    with configured(PluginSettings((str(loud),))):
        (job,) = jobs("dozes")
        sent = line(job)
    with started("--jobs", "0") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(sent)
        process.stdin.flush()
        events = [json.loads(process.stdout.readline())["event"] for _ in range(3)]
        assert events == ["ready", "started", "point"]
        process.stdout.close()  # nothing more is due
        assert process.wait(PATIENCE) == 130
        said = process.stderr.read()
    assert b"hello from a plugin" in said
    assert b"hello from a shell" in said


def test_it_ends_when_its_input_does_and_leaves_nothing(tmp_path):
    with started("--jobs", "1") as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(PATIENCE) == 0
