"""One kill of every command, at a random moment: the small form of what kills.py does a hundred times."""

from __future__ import annotations

import pytest
from bench_help import HERE, python

pytestmark = pytest.mark.any_version


@pytest.mark.slow
def test_a_kill_of_any_command_loses_nothing_and_leaves_no_half_file_and_no_process() -> None:
    done = python(HERE / "kills.py", "--kills", 7, "--seed", 1, timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line.split(" killed")[0] for line in lines[:-1]] == [
        f"{place}/7 {name}"
        for place, name in enumerate(
            ("run", "run --fresh", "report", "export", "rerun", "targets freeze", "runs --delete"), start=1
        )
    ]
    assert lines[-1] == "7 kills, 0 did harm; what was gone on with equals what was never stopped"
