"""Frozen targets: how they are made, kept and read, and what each run paid until it reached them."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
from bench_help import command, rows
from hypothesis import given
from hypothesis import strategies as st

import nogd
from nogd.bench.columns import CURVE_COLUMNS, TRACE_COLUMNS
from nogd.bench.store import Store
from nogd.bench.targets import SHARES, TAUS, descent, first_reached, freeze_targets, level
from nogd.plugins.manager import plugins
from nogd.problem.reference import write_entries
from nogd.report.results import load_results

TASK = """
    from typing import ClassVar

    import torch
    from torch import nn

    from nogd import Dataset, SupervisedTask, hookimpl


    class Line(Dataset):
        \"\"\"Points on a line.\"\"\"

        name: ClassVar[str] = "my-line"

        def load(self):
            inputs = torch.linspace(-1, 1, 40)[:, None]
            return inputs, 3 * inputs + 1


    class LineTask(SupervisedTask):
        \"\"\"A line.\"\"\"

        name: ClassVar[str] = "my-line-task"
        dataset: ClassVar[type[Dataset]] = Line
        loss: ClassVar[str] = "mse"
        metric: ClassVar[str] = "r2"
        budget: ClassVar[float] = 300

        def network(self):
            return nn.Linear(1, 1)


    @hookimpl
    def nogd_tasks():
        return [LineTask]
"""


def curve(*rows: tuple[float, float]) -> np.ndarray:
    """A curve of (forwards, loss), with flops and seconds in proportion."""
    table = np.full((len(rows), len(CURVE_COLUMNS)), np.nan)
    for row, (forwards, loss) in zip(table, rows, strict=True):
        for name, value in (
            ("forwards", forwards),
            ("flops", 10 * forwards),
            ("seconds", forwards / 10),
            ("loss", loss),
        ):
            row[CURVE_COLUMNS.index(name)] = value
    return table


def trace(*rows: tuple[float, float]) -> np.ndarray:
    """A trace of (forwards, loss)."""
    found = [(forwards, forwards, 10 * forwards, forwards / 10, loss) for forwards, loss in rows]
    return np.array(found).reshape(-1, len(TRACE_COLUMNS))


def test_a_run_descends_by_its_candidates_and_by_its_measured_recommendations():
    found = descent(curve((0, 9.0), (5, 7.0), (9, np.nan), (10, 8.0)), trace((3, 8.0), (8, 6.0)))
    assert found[:, [0, 3]] == pytest.approx(np.array([[0, 9], [3, 8], [5, 7], [8, 6], [10, 6]]))


def test_what_was_paid_by_hand():
    table = descent(curve((0, 9.0)), trace((3, 8.0), (8, 6.0)))
    found = first_reached(table, np.array([8.5, 8.0, 6.5, 5.9]))
    assert found[:3] == pytest.approx(np.array([[3, 30, 0.3], [3, 30, 0.3], [8, 80, 0.8]]))
    assert np.isnan(found[3]).all()


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 20)), max_size=30), st.integers(0, 20))
def test_the_first_time_is_that_of_a_slow_search(rows, wanted):
    table = descent(curve((0, 20.0), *((float(cost), float(loss)) for cost, loss in rows)), trace())
    slow = min((cost for cost, loss in [(0, 20), *rows] if loss <= wanted), default=np.nan)
    assert first_reached(table, np.array([float(wanted)]))[0, 0] == pytest.approx(slow, nan_ok=True)


def test_targets_by_hand():
    descents = [
        descent(curve((0, start), (10, low)), trace()) for start, low in ((9.0, 4.0), (9.0, 2.0), (9.0, 6.0))
    ]
    found = {target["name"]: target for target in freeze_targets(descents, [9.0] * 3, [100.0] * 3, 100.0)}
    # After 0.1 and 1 % of the budget all stand where they started: no target. Later the median is 4.
    assert list(found) == ["10%", "30%", "100%", "tau 0.5", "tau 0.1", "tau 0.01"]
    assert found["10%"]["loss"] == 4.0
    assert found["10%"]["forwards"] == (10 + 10 + 100) / 2
    assert level(found["tau 0.5"], np.array([9.0, 5.0])) == pytest.approx([6.5, 4.5])
    assert found["tau 0.5"]["forwards"] == 10  # all three got below 6.5


def test_a_late_first_finite_loss_is_no_early_target():
    """Two of three runs know no finite loss before 50 of 100 forwards: the median run has reached nothing till then."""
    late = descent(curve((0, np.inf), (50, 4.0), (90, 2.0)), trace())
    early = descent(curve((0, 9.0), (1, 8.0), (90, 2.0)), trace())
    found = freeze_targets([late, early, late], [np.inf, 9.0, np.nan], [100.0] * 3, 100.0)
    assert {target["name"]: target["loss"] for target in found} == dict.fromkeys(
        ["100%", "tau 0.5", "tau 0.1", "tau 0.01"], 2.0
    )
    assert found[0]["forwards"] == 90.0  # of the one run whose start is known


def test_every_default_task_has_frozen_targets_of_its_version():
    offered = [entry.load() for entry in plugins().tasks if entry.source.package == "nogd"]
    tasks = [task for task in offered if task.default]
    assert len(tasks) == 10
    for task in tasks:
        targets = task.reference["targets"]
        assert {target.get("share") for target in targets} <= {*SHARES, None}
        assert {target.get("tau") for target in targets} <= {*TAUS, None}
        losses = [target["loss"] for target in targets if "share" in target]
        assert losses == sorted(losses, reverse=True)
        assert all(0 < target["forwards"] < 15 * task.budget for target in targets)


@pytest.fixture(scope="module")
def mine(tmp_path_factory) -> Path:
    """A user's task, frozen by the command, and runs on it."""
    folder = tmp_path_factory.mktemp("mine")
    (folder / "line_task.py").write_text(dedent(TASK))
    frozen = freeze(folder, "--repetitions", 5)
    assert frozen.exit_code == 0, frozen.output
    assert frozen.stdout.splitlines() == [str(folder / "reference.json")]
    ran = command(
        *(
            "--plugin",
            folder / "line_task.py",
            "run",
            "-t",
            "my-line-task",
            "-l",
            "adam",
            "-l",
            "random-search",
        ),
        *("--repetitions", 3, "--jobs", 0, "--out", folder / "runs"),
    )
    assert ran.exit_code == 0, ran.output
    return folder


def freeze(folder: Path, *words: object):
    task = ("--plugin", folder / "line_task.py", "targets", "freeze", "-t", "my-line-task", "--jobs", 0)
    return command(*task, "--out", folder / "nogd-targets", *words)


@pytest.mark.any_version
def test_a_users_task_is_frozen_beside_its_file(mine):
    entry = json.loads((mine / "reference.json").read_text())["my-line-task"]
    assert entry["version"] == 1
    assert entry["learner"] == "adam"
    assert entry["test_metric"] > 0.9
    assert entry["repetitions"] == 5
    assert entry["budget"] == {"forwards": 300.0}
    assert entry["targets"][-1]["name"] == "tau 0.01"


def test_runs_are_measured_by_the_targets_that_were_frozen_when_they_ran(mine):
    results = load_results(mine / "runs")
    assert "frozen" not in results.meta["sessions"][-1]["settings"]
    reached = results.reached
    assert set(reached["learner"]) == {"adam", "random-search"}
    found = reached.groupby("learner")["forwards"].apply(lambda paid: float(paid.notna().mean()))
    assert found["adam"] > found["random-search"]
    board = results.leaderboard.set_index("learner")
    assert board["targets_hit"].to_dict() == pytest.approx(found.to_dict())
    assert 0.3 < board["relative_time"]["adam"] < 3  # the reference itself, other repetitions


def test_what_was_paid_is_what_the_stored_tables_say(mine):
    results, store = load_results(mine / "runs"), Store(mine / "runs")
    targets = {
        target["name"]: target
        for target in json.loads((mine / "reference.json").read_text())["my-line-task"]["targets"]
    }
    curves, traces = store.curves(), store.traces()
    store.close()
    starts = results.runs.set_index("id")["start_loss"]
    assert len(results.reached) > 20
    for row in results.reached.to_dict("records"):
        wanted = float(level(targets[row["target"]], np.float64(starts[row["id"]])))
        scored = [(cost, loss) for _, cost, _, _, loss in traces[row["id"]].tolist()]
        scored += curves[row["id"]][:, [0, CURVE_COLUMNS.index("loss")]].tolist()
        slow = min((cost for cost, loss in scored if loss <= wanted), default=np.nan)
        assert row["forwards"] == pytest.approx(slow, nan_ok=True)
        assert wanted < starts[row["id"]]


def test_what_is_frozen_is_not_frozen_again_by_accident(mine):
    before = (mine / "reference.json").read_text()
    refused = freeze(mine)
    assert refused.exit_code == 2
    assert "frozen already: my-line-task; raise the version, or give --again" in refused.stderr
    assert (mine / "reference.json").read_text() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give either tasks (-t) or --all."),
        (["-t", "iris", "--all"], "give either tasks (-t) or --all."),
        (["-t", "irsi"], "did you mean 'iris'?"),
        (["-t", "iris", "--again", "--reference", "adm"], "did you mean 'adam'?"),
        (["-t", "iris", "--repetitions", 2], "2 is not in the range x>=5"),
        (["-t", "iris", "--again", "--jobs", -1], "jobs must be 0"),
    ],
)
def test_bad_input_is_one_sentence(words, said, tmp_path):
    result = command("targets", "freeze", "--out", tmp_path, *words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_a_reference_no_better_than_a_constant_is_no_scale(tmp_path):
    uphill = "line = nn.Linear(1, 1); nn.init.constant_(line.weight, -3.0); return line"
    (tmp_path / "line_task.py").write_text(dedent(TASK.replace("return nn.Linear(1, 1)", uphill)))
    refused = freeze(tmp_path, "--repetitions", 5, "--reference", "adam,lr=1e-9")
    assert refused.exit_code == 2
    assert "no scale for scores; take another reference" in refused.stderr
    assert not (tmp_path / "reference.json").exists()


def test_what_cannot_be_written_is_said_before_anything_runs(tmp_path, monkeypatch):
    (tmp_path / "line_task.py").write_text(dedent(TASK))
    monkeypatch.setattr("nogd.bench.freeze.os.access", lambda *_: False)  # root may write anywhere
    refused = freeze(tmp_path)
    assert refused.exit_code == 2
    assert "reference.json cannot be written; copy the task into one of your own folders." in refused.stderr
    assert "runs done" not in refused.stderr


def test_a_task_of_another_version_is_not_measured_by_old_targets(mine, tmp_path):
    changed = dedent(TASK).replace(
        "budget: ClassVar[float] = 300", "budget: ClassVar[float] = 300\n    version = 2"
    )
    (tmp_path / "line_task.py").write_text(changed)
    (tmp_path / "reference.json").write_text((mine / "reference.json").read_text())
    ran = command(
        *("--plugin", tmp_path / "line_task.py", "run", "-t", "my-line-task", "-l", "adam"),
        *("--repetitions", 1, "--jobs", 0, "--out", tmp_path / "runs"),
    )
    assert ran.exit_code == 0, ran.output
    assert load_results(tmp_path / "runs").reached.empty


def test_results_without_targets_still_have_a_leaderboard(tmp_path):
    results = nogd.run(
        learners=["adam"], tasks=["iris"], repetitions=1, budget=50, jobs=0, out=tmp_path, progress=False
    )
    bare = nogd.Results(results.runs, results.curves, results.meta)
    assert bare.leaderboard["targets_hit"].isna().all()
    assert results.leaderboard["targets_hit"].notna().all()


# Written whole, and gone on with


@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_leaves_the_frozen_entries(mine):
    before = (mine / "reference.json").read_text()
    done = freeze(mine, "--repetitions", 5, "--again")
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1].endswith("reference.json cannot be written: No space left on device.")
    assert (mine / "reference.json").read_text() == before


def test_freezing_goes_on_where_it_was_stopped(mine):
    """The fixture's runs are kept: freezing anew makes the two that are missing and no other."""
    before = {row["id"]: row["finished"] for row in rows(mine / "nogd-targets")}
    assert len(before) == 5
    entry = json.loads((mine / "reference.json").read_text())["my-line-task"]
    with closing(Store(mine / "nogd-targets")) as store:
        store.delete(list(before)[:2])
    assert freeze(mine, "--repetitions", 5, "--again").exit_code == 0
    after = {row["id"]: row["finished"] for row in rows(mine / "nogd-targets")}
    assert sorted(after) == sorted(before)
    assert sum(after[id_] == before[id_] for id_ in before) == 3
    assert json.loads((mine / "reference.json").read_text())["my-line-task"] == entry


DAMAGED = ['{"my-line-task": {"ver', "[]", '{"my-line-task": 3}', "[" * 100_000, "\xff"]


def test_a_damaged_file_of_entries_is_told_and_mended_by_freezing(mine, tmp_path):
    (tmp_path / "line_task.py").write_text((mine / "line_task.py").read_text())
    (tmp_path / "reference.json").write_text(DAMAGED[0])
    done = freeze(tmp_path, "--repetitions", 5)
    assert done.exit_code == 0, done.output
    assert f"Warning: {tmp_path / 'reference.json'} is damaged (" in done.stderr
    assert "restore it, or run 'nogd targets freeze'" in done.stderr
    assert json.loads((tmp_path / "reference.json").read_text())["my-line-task"]["test_metric"] > 0.9
    assert (tmp_path / "reference.json.damaged").read_text() == DAMAGED[0]


@pytest.mark.parametrize("text", DAMAGED)
def test_what_is_no_file_of_entries_is_kept_beside_the_new_one(tmp_path, text):
    path = tmp_path / "reference.json"
    path.write_bytes(text.encode("latin-1"))
    write_entries(path, {"a": {"version": 1}})
    assert json.loads(path.read_text()) == {"a": {"version": 1}}
    assert (tmp_path / "reference.json.damaged").read_bytes() == text.encode("latin-1")
    write_entries(path, {"b": {"version": 2}})
    assert json.loads(path.read_text()) == {"a": {"version": 1}, "b": {"version": 2}}


def test_what_is_frozen_already_is_left_where_there_is_more_to_freeze(mine):
    before = (mine / "reference.json").read_text()
    done = freeze(mine, "-t", "iris", "--repetitions", 5)
    assert done.exit_code == 2
    assert "frozen already: my-line-task, iris;" in done.stderr
    assert (mine / "reference.json").read_text() == before
