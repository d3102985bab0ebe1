"""Executors are chosen by name with settings, as learners are: on the command line, in TOML and in Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from bench_help import Watcher, command, rows
from pydantic import Field

import nogd
from nogd.bench.events import Executor, Started
from nogd.bench.executors import build_executor, executor_for
from nogd.bench.experiment import make_experiment
from nogd.bench.inline import InlineExecutor
from nogd.bench.local import LocalExecutor
from nogd.bench.run import execute
from nogd.errors import InvalidSetting, PluginError, UnknownName, UserError
from nogd.plugins.manager import PluginSettings, configured

PLUGIN = Path(__file__).with_name("queueing.py")
SMALL: dict[str, Any] = {"learners": "random-search", "tasks": "iris", "repetitions": 1, "budget": 5}


@pytest.fixture
def plugin():
    with configured(PluginSettings((str(PLUGIN),))):
        yield


@pytest.mark.parametrize(
    ("chosen", "jobs", "kind"),
    [
        (None, 0, InlineExecutor),
        (None, 2, LocalExecutor),
        ("local", 2, LocalExecutor),
        ("nogd/inline", None, InlineExecutor),
        ("inline", 0, InlineExecutor),
        (InlineExecutor, 3, InlineExecutor),
        (InlineExecutor(), 3, InlineExecutor),
    ],
)
def test_what_is_chosen(chosen, jobs, kind):
    made = executor_for(chosen, jobs, threads=2)
    assert (type(made), made.threads) == (kind, 2)
    assert jobs in (None, 0) or made.workers == jobs


def test_settings_are_read_and_written_as_a_learners(plugin):
    made = build_executor("queueing,queue=long,most-waiting=7")
    assert (made.queue, made.most_waiting) == ("long", 7)
    assert str(made) == "queueing,queue=long,most_waiting=7"
    assert build_executor(str(made)) == made
    assert str(executor_for(made, 3, 1)) == str(made), "workers and threads are no part of its name"


@pytest.mark.parametrize(
    ("chosen", "error", "said"),
    [
        ("queuing", UnknownName, "did you mean 'queueing'?"),
        ("queueing,quue=a", InvalidSetting, "queueing has no setting 'quue'; did you mean 'queue'"),
        ("queueing,most_waiting=0", InvalidSetting, "queueing: most_waiting = '0' is not right"),
        ("queueing,workers=3", InvalidSetting, "--jobs says how many"),
        ("queueing,threads=3", InvalidSetting, "--threads says how many"),
        ("local+inline", InvalidSetting, "does not parse"),
        ("local(inline)", InvalidSetting, "does not parse"),
        ("inline,a=1", InvalidSetting, "It has no settings"),
        (3, InvalidSetting, "an executor is a name such as 'local'"),
        (Executor, InvalidSetting, "an executor is a name such as 'local'"),
    ],
)
def test_what_makes_no_executor_is_one_sentence(plugin, chosen, error, said):
    with pytest.raises(error, match=said.replace("?", r"\?")):
        build_executor(chosen)


def test_a_class_that_is_none_is_the_plugins_fault():
    class Nameless(Executor):
        """Nowhere."""

        def run(self, jobs, tell):
            pass

    with pytest.raises(PluginError, match="has no name; give the class one"):
        build_executor(Nameless)


def test_a_setting_may_not_be_called_as_what_nogd_says_itself():
    with pytest.raises(InvalidSetting, match="Odd calls a setting 'jobs'"):

        class Odd(Executor):
            """Nowhere."""

            name: ClassVar[str] = "odd"
            jobs: int = Field(1)

            def run(self, jobs, tell):
                pass


def test_no_processes_beside_an_executor_of_others(plugin):
    with pytest.raises(InvalidSetting, match="does not go with the executor 'queueing'"):
        executor_for("queueing", 0, 1)


def test_it_runs_the_cells_and_its_settings_arrive(tmp_path, plugin, capsys):
    made = make_experiment({**SMALL, "executor": "queueing,queue=long"})
    execute(made, tmp_path, jobs=None, fresh=False, progress=Watcher())
    assert "queue long: random-search on iris, repetition 0" in capsys.readouterr().err
    (row,) = rows(tmp_path)
    assert row["status"] == "budget"


def test_the_command_line_chooses_it():
    words = ["-l", "adam", "--plugin", PLUGIN, "--executor", "queueing,queue=long", "--print-experiment"]
    assert 'executor = "queueing,queue=long"' in command("run", *words).stdout


def test_the_command_line_says_what_is_wrong_before_anything_runs(tmp_path):
    words = ["run", "-l", "adam", "--out", tmp_path / "none", "--executor"]
    for executor, said in {
        "nowhere": "No executor is named 'nowhere'",
        "local,a=1": "local has no setting 'a'",
    }.items():
        result = command(*words, executor)
        assert (result.exit_code, said in result.stderr) == (2, True)
    assert not (tmp_path / "none").exists()


def test_a_file_chooses_and_an_option_overrules_it(tmp_path, plugin):
    made = make_experiment({**SMALL, "executor": build_executor("queueing,queue=long")})
    file = tmp_path / "experiment.toml"
    file.write_text(made.to_toml())
    assert 'executor = "queueing,queue=long"' in file.read_text()
    assert make_experiment(file).executor == "queueing,queue=long"
    printed = command("run", file, "--executor", "inline", "--print-experiment")
    assert 'executor = "inline"' in printed.stdout


@pytest.mark.parametrize("executor", ["inline", InlineExecutor, InlineExecutor()])
def test_from_python(tmp_path, executor):
    results = nogd.run(**SMALL, executor=executor, out=tmp_path, progress=False)
    assert list(results.runs["status"]) == ["budget"]


def test_it_decides_nothing_of_a_result(tmp_path):
    """A cell that one executor has run is done for all others."""
    for executor, events in ("inline", 1), ("local", 0):
        watcher = Watcher()
        made = make_experiment({**SMALL, "executor": executor})
        execute(made, tmp_path, jobs=None, fresh=False, progress=watcher)
        assert len(watcher.of(Started)) == events


def test_show_tells_the_settings():
    shown = json.loads(command("show", "--plugin", PLUGIN, "queueing", "--json").stdout)
    assert [each["name"] for each in shown[0]["settings"]] == ["queue", "most_waiting"]
    text = command("show", "--plugin", PLUGIN, "queueing").stdout
    assert "Settings\n" in text
    assert "where cells wait" in text
    assert "It has no settings." in command("show", "inline").stdout


def test_one_with_settings_is_checked():
    only = ("--only", "executor-describes-itself")
    result = command("check", "--plugin", PLUGIN, "queueing,queue=long", *only)
    assert result.exit_code == 0, result.output
    assert "executor queueing,queue=long of this call" in result.output


def test_wrong_types_in_an_experiment_are_told():
    with pytest.raises(UserError, match="executor"):
        make_experiment({**SMALL, "executor": 3})
