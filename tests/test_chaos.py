"""A dozen faults on a harness at work: the small form of what experiments/chaos does for an hour."""

from __future__ import annotations

import sys

import pytest
from bench_help import HERE, python

pytestmark = [
    pytest.mark.any_version,
    pytest.mark.skipif(sys.platform != "linux", reason="its faults are calls of Linux"),
]


@pytest.mark.slow
def test_a_dozen_faults_lose_nothing_and_leave_no_process() -> None:
    chaos = HERE.parent / "experiments" / "chaos" / "chaos.py"
    done = python(chaos, "--faults", 12, timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line.partition(":")[0] for line in lines if line.endswith(": no harm")] == [
        f"life {number}" for number in range(1, 6)
    ]
    assert "0 did harm" in lines[-1]
    assert lines[-1].endswith("what was gone on with equals what was never stopped")
