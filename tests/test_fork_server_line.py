"""The line between the harness and the process that workers come from: nothing that becomes of it hangs a run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from test_isolation import ran

from nogd.bench.forking import ForkServer
from nogd.errors import ProcessError

pytestmark = pytest.mark.any_version


def test_one_that_never_answers_again_costs_no_finished_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ForkServer, "_wake", lambda _self: None)  # so that who was stopped stays so
    monkeypatch.setattr("nogd.bench.forking._ANSWERING_SECONDS", 5.0)
    found = ran(tmp_path, ["stops-parent", "good"], jobs=1, repetitions=1)
    assert {row["learner"]: row["status"] for row in found.rows} == {
        "stops-parent": "budget",
        "good": "budget",
    }
    assert found.left_over == []


def test_one_that_is_stopped_is_woken_and_entries_of_the_path_that_no_import_looks_at_do_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = [*sys.path, Path("/somewhere"), "/half \udcff a letter", "/quo'te\"d\n"]
    monkeypatch.setattr(sys, "path", odd)
    found = ran(tmp_path, ["stops-parent", "good"], jobs=1, repetitions=1)
    assert {row["learner"]: row["status"] for row in found.rows} == {
        "stops-parent": "budget",
        "good": "budget",
    }
    assert found.left_over == []


@pytest.mark.parametrize(
    ("python", "said"),
    [
        ("/bin/false", r"the process that starts workers has died \(exit code 1\), so no run can have"),
        ("/nowhere/python", r"Python, '/nowhere/python', cannot be started .*: No such file"),
        ("", r"Python, '', cannot be started"),
    ],
)
def test_where_none_can_be_started_the_run_ends_in_a_sentence_and_no_cell_is_blamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: str, said: str
) -> None:
    monkeypatch.setattr(sys, "executable", python)
    with pytest.raises(ProcessError, match=said):
        ran(tmp_path, ["good"], jobs=1, repetitions=1)
