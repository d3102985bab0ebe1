"""What nogd may use of a machine is the allowance, not the host; what children take counts as their parent's."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from bench_help import PATIENCE, python

from nogd.bench import allowance
from nogd.bench.executors import executor_for
from nogd.bench.system import has_children, takes_more

SLURM = ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE", "SLURM_MEM_PER_NODE", "SLURM_MEM_PER_CPU")
GIB = 1024**3


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A host of 64 cores and 256 GiB; its control groups are files in the folder."""
    for name in SLURM:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(allowance, "_GROUPS", tmp_path)
    monkeypatch.setattr(allowance, "_MINE", tmp_path / "mine")
    monkeypatch.setattr(allowance, "_may_run_on", lambda: 64)
    memory = type("Memory", (), {"total": 256 * GIB})
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    (tmp_path / "mine").write_text("")
    return tmp_path


def written(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{text}\n")


def allowed() -> tuple[int, float]:
    return allowance.cores(), allowance.memory() / GIB


def test_without_limits_all_of_the_machine_may_be_used(host: Path) -> None:
    assert allowed() == (64, 256)
    (host / "mine").unlink()
    assert allowed() == (64, 256)


@pytest.mark.parametrize(
    ("mine", "files", "expected"),
    [
        ("0::/job/step", {"job/step/cpu.max": "350000 100000", "job/step/memory.max": str(8 * GIB)}, (4, 8)),
        ("0::/job/step", {"job/cpu.max": "200000 100000", "job/memory.max": str(4 * GIB)}, (2, 4)),
        ("0::/job", {"job/cpu.max": "max 100000", "job/memory.max": "max"}, (64, 256)),
        # Within a container that sees its own group only, by whatever name the host has for it.
        ("0::/docker/4c2", {"cpu.max": "50000 100000", "memory.max": str(2 * GIB)}, (1, 2)),
        (
            "4:memory:/slurm/job_7\n3:cpu,cpuacct:/slurm/job_7\n2:cpuset:/",
            {
                "memory/slurm/job_7/memory.limit_in_bytes": str(16 * GIB),
                "memory/slurm/memory.limit_in_bytes": "9223372036854771712",
                "cpu,cpuacct/slurm/job_7/cpu.cfs_quota_us": "600000",
                "cpu,cpuacct/slurm/job_7/cpu.cfs_period_us": "100000",
                "cpu,cpuacct/cpu.cfs_quota_us": "-1",
            },
            (6, 16),
        ),
    ],
)
def test_control_groups_of_both_versions_limit_it(
    host: Path, mine: str, files: dict[str, str], expected: tuple[int, int]
) -> None:
    written(host, {"mine": mine, **files})
    assert allowed() == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"SLURM_CPUS_PER_TASK": "8", "SLURM_CPUS_ON_NODE": "16", "SLURM_MEM_PER_NODE": "32768"}, (8, 32)),
        ({"SLURM_CPUS_ON_NODE": "16", "SLURM_MEM_PER_CPU": "2048"}, (16, 32)),
        ({"SLURM_CPUS_ON_NODE": "128", "SLURM_MEM_PER_NODE": "0"}, (64, 256)),
        ({"SLURM_CPUS_PER_TASK": "many"}, (64, 256)),
    ],
)
def test_slurm_limits_it(
    host: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], expected: tuple[int, int]
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert allowed() == expected


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no such call here")
def test_taskset_limits_it() -> None:
    program = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    program += "from nogd.bench.allowance import cores; print(cores())"
    assert python("-c", program).stdout == "1\n"


def test_a_run_has_as_many_workers_and_each_as_much_memory_as_it_may(host: Path) -> None:
    written(host, {"mine": "0::/", "cpu.max": "200000 100000", "memory.max": str(10 * GIB)})
    assert [executor_for(None, jobs, 1).workers for jobs in (None, 5)] == [2, 5]
    assert allowance.memory_of_a_cell(2) == pytest.approx(4)


# Children

MEGABYTES = 200


def child(program: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", f"{program}\nprint(flush=True); input()"]
    made = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert made.stdout is not None
    assert made.stdout.readline() == "\n"
    return made


def end(process: subprocess.Popen[str]) -> None:
    process.communicate("\n", timeout=PATIENCE)


def test_what_children_of_children_take_counts() -> None:
    taking = f"kept = b'x' * {MEGABYTES * 10**6}"
    waiting = f"{taking}; print(flush=True); input()"
    nested = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {waiting!r}])"
    with child("import time") as alone:
        assert not takes_more(alone.pid, MEGABYTES * 10**6)
        end(alone)
    with child(nested) as parent:
        late = time.monotonic() + PATIENCE
        while not takes_more(parent.pid, MEGABYTES * 10**6) and time.monotonic() < late:
            time.sleep(0.02)
        assert takes_more(parent.pid, MEGABYTES * 10**6)
        for kin in psutil.Process(parent.pid).children(recursive=True):
            kin.kill()
        end(parent)


@pytest.mark.skipif(sys.platform != "linux", reason="what is shared is known on Linux only")
def test_what_a_forked_child_shares_with_its_parent_counts_once() -> None:
    forking = f"kept = b'x' * {MEGABYTES * 10**6}\nimport os, signal, time\n"
    forking += "children = [os.fork() for _ in range(1)]\nif not children[0]: time.sleep(3600)"
    with child(forking) as parent:
        assert takes_more(parent.pid, MEGABYTES * 10**6)
        assert not takes_more(parent.pid, 1.9 * MEGABYTES * 10**6)
        for kin in psutil.Process(parent.pid).children():
            kin.kill()
        end(parent)


def test_a_child_that_another_thread_has_started_is_seen() -> None:
    assert not has_children()
    made: list[subprocess.Popen[str]] = []
    seen, done = threading.Event(), threading.Event()

    def start() -> None:
        made.append(child("import time"))
        seen.set()
        done.wait(PATIENCE)

    thread = threading.Thread(target=start)
    thread.start()
    seen.wait(PATIENCE)
    try:
        assert has_children()
    finally:
        end(made[0])
        done.set()
        thread.join()
