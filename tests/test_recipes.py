"""A job travels as plain data: names, settings, plugins with checksums; what has no name as the code that it is."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from any_learner import LEARNERS
from hypothesis import given, settings

import nogd
from nogd.bench.code import CodeReader
from nogd.bench.columns import CURVE_COLUMNS
from nogd.bench.events import Finished, Held, Pointed, Saved, Warned
from nogd.bench.experiment import make_experiment
from nogd.bench.intake import sent
from nogd.bench.json_line import line_of, value_of
from nogd.bench.loss_slice import LossSlice
from nogd.bench.perform import Job, Listener, perform
from nogd.bench.plan import plan
from nogd.bench.plugin_files import packed_plugins, unpacked_plugins
from nogd.bench.recipe import job_of, recipe_here, recipe_of, refuse_other_code
from nogd.bench.record import lost_record
from nogd.bench.remote import RemoteCell, cell_of
from nogd.bench.wire import Unusable
from nogd.errors import InvalidSetting, UnknownName
from nogd.plugins.manager import PluginSettings, configured, plugins

DEAF = Listener(lambda _point: None, lambda _state: None)
PLUGIN = """
from typing import ClassVar
from nogd import Population, State, hookimpl
from nogd import Learner
from steps import SIZE


class Stroll(Learner):
    '''Walk about.'''
    name: ClassVar[str] = "stroll"
    sigma: float = 0.5

    def init(self, objective, theta, rng):
        return State(theta=theta)

    def step(self, objective, state):
        objective.losses(Population(state.theta[None]))
        state.theta = state.theta + SIZE
        state.iteration += 1


@hookimpl
def nogd_learners():
    return [Stroll]
"""


def job(learner: Any, task: Any = "iris", **changes: Any) -> Job:
    made = make_experiment(None, learners=[learner], tasks=[task], repetitions=1, budget=30)
    (item,) = plan(made)
    return replace(Job(item.cell, item.learner, item.task, timeout=10.0), **changes)


def there_and_back(recipe: dict[str, Any]) -> Any:
    return value_of(line_of(recipe))


@pytest.fixture
def plugin(tmp_path):
    folder = tmp_path / "there"
    folder.mkdir()
    (folder / "strolling.py").write_text(PLUGIN)
    (folder / "steps.py").write_text("SIZE = 0.25\n")
    yield folder / "strolling.py"
    for name in ("strolling", "steps"):
        sys.modules.pop(name, None)
    sys.path[:] = [each for each in sys.path if not Path(each).is_relative_to(tmp_path)]


# -- lines


def test_plain_data_come_back_as_they_were():
    value = {"text": "ü \ud800\n", "none": None, "numbers": [1, 2.5, True, math.inf], "bytes": b"\0\1\n"}
    line = line_of(value)
    assert value_of(line) == value_of(line.encode("ascii")) == value
    assert line.index("\n") == len(line) - 1
    tables = {
        "table": np.arange(6.0).reshape(2, 3),
        "empty": np.empty((0, 5)),
        "names": np.array(["a", "bc"]),
    }
    for name, found in value_of(line_of(tables)).items():
        assert (found.dtype, found.shape) == (tables[name].dtype, tables[name].shape)
        np.testing.assert_array_equal(found, tables[name])


@pytest.mark.parametrize("value", [object(), {1, 2}, np.array([object()]), print, 1j])
def test_what_is_no_plain_data_is_refused_where_it_is_sent(value):
    with pytest.raises(TypeError, match="is no plain data"):
        line_of({"value": value})


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\xff\xfe",
        b"no json",
        b"[" * 100_000,
        b'{"~": "bytes"}',
        b'{"~": "bytes", "base64": "?", "shape": null}',
        b'{"~": "<f8", "base64": "AAA=", "shape": [1]}',
        b'{"~": "|O", "base64": "AAAAAAAAAAA=", "shape": [1]}',
        b'{"~": "<f8", "base64": "AAAAAAAAAAA=", "shape": [9]}',
    ],
)
def test_a_line_that_is_none_is_unusable(line):
    with pytest.raises(Unusable, match="it sent what nogd does not send"):
        value_of(line)


def test_a_line_has_an_end(monkeypatch):
    monkeypatch.setattr("nogd.bench.json_line.LONGEST", 1_000)
    with pytest.raises(ValueError, match=r"more than the 1,000 that are sent in a line"):
        line_of(bytes(1_000))
    with pytest.raises(Unusable, match=r"a line of more than 1,000 characters"):
        value_of(b" " * 1_001)
    assert value_of(line_of(bytes(500))) == bytes(500)


# -- recipes


@pytest.mark.parametrize(
    ("learner", "text"),
    [
        ("adam,lr=0.5", "nogd/adam,lr=0.5"),
        (
            "hybrid(grid-search,points=5; sgd)+sgd",
            "nogd/hybrid(nogd/grid-search,points=5; nogd/sgd)+nogd/sgd",
        ),
    ],
)
def test_what_has_a_name_goes_by_it(learner, text):
    recipe = there_and_back(recipe_of(job(learner)))
    assert (recipe["learner"], recipe["task"]) == (text, "nogd/iris")
    json.dumps(recipe)  # not a byte of code
    assert job_of(recipe) == job(learner)


@pytest.mark.parametrize(
    ("task", "text"), [("parity,bits=3", "nogd/parity,bits=3"), ("nogd/iris,split=2,mode=train", None)]
)
def test_a_task_goes_by_its_name_and_settings(task, text):
    sent_off = job("adam", task)
    recipe = there_and_back(recipe_of(sent_off))
    assert text in (None, recipe["task"])
    assert isinstance(recipe["task"], str)
    assert job_of(recipe) == sent_off
    refuse_other_code(job_of(recipe), recipe, CodeReader())


@settings(deadline=None, derandomize=True, max_examples=60)
@given(learner=LEARNERS)
def test_every_learner_arrives_as_it_was(learner):
    recipe = there_and_back(recipe_of(replace(job("adam"), learner=learner)))
    assert job_of(recipe).learner == learner


def test_all_else_of_a_job_arrives_too():
    loss_slice = LossSlice(np.zeros(3), np.eye(3)[:2], np.arange(2.0), np.arange(4.0))
    sent_off = job("adam", memory=1.5, checkpoint=b"\0\xff", checkpoint_seconds=0.5, keep_thetas=False)
    assert job_of(there_and_back(recipe_of(sent_off))) == sent_off
    found = job_of(there_and_back(recipe_of(replace(sent_off, loss_slice=loss_slice)))).loss_slice
    assert {name: value.tolist() for name, value in vars(found).items()} == {
        name: value.tolist() for name, value in vars(loss_slice).items()
    }


@pytest.mark.parametrize("recipe", [recipe_of, recipe_here])
def test_a_class_of_a_notebook_goes_as_its_code(monkeypatch, recipe):
    main = ModuleType("__main__")
    monkeypatch.setitem(sys.modules, "__main__", main)
    lines = PLUGIN.replace("from steps import SIZE", "SIZE = 0.125").replace("@hookimpl", "")
    exec(compile(lines, "<cell 1>", "exec"), vars(main))
    sent_off = job(main.Stroll(sigma=0.25))
    made = there_and_back(recipe(sent_off))
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    found = job_of(made)
    assert (type(found.learner).__name__, found.learner.sigma) == ("Stroll", 0.25)
    refuse_other_code(found, made, CodeReader())
    np.testing.assert_array_equal(perform(found, DEAF).theta, perform(sent_off, DEAF).theta)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"learner": "acme/strider"}, UnknownName, "No learner is named 'acme/strider'"),
        ({"task": "acme/moons"}, UnknownName, "No task is named 'acme/moons'"),
        ({"recipe": 99}, InvalidSetting, "install the same nogd in both places"),
        ({"learner": b"x", "python": "3.2"}, InvalidSetting, "travels as code of Python 3.2; here is 3"),
        (
            {"learner": b"cnowhere\nx\n."},
            InvalidSetting,
            "its learner cannot be made here: No module named 'nowhere'",
        ),
    ],
)
def test_what_cannot_be_followed_says_why(change, error, said):
    with pytest.raises(error, match=said):
        job_of(recipe_of(job("adam")) | change)


def test_other_code_than_here_is_refused():
    cell = replace(job("adam").cell, code=("nogd results 99",))
    sent_off = replace(job("adam"), cell=cell)
    with pytest.raises(InvalidSetting, match="there nogd results 99, here nogd results"):
        refuse_other_code(sent_off, recipe_of(sent_off), CodeReader())
    refuse_other_code(job("adam"), recipe_of(job("adam")), CodeReader())


# -- plugins that travel


def unpacked(plugin, folder):
    return unpacked_plugins(there_and_back(packed_plugins(PluginSettings((str(plugin),)))), folder)


def test_a_plugin_that_is_here_too_is_used_where_it_lies(plugin, tmp_path):
    assert unpacked(plugin, tmp_path / "desk") == PluginSettings((str(plugin),))
    assert not (tmp_path / "desk").exists()


def test_a_plugin_that_is_not_here_comes_with_the_job(plugin, tmp_path):
    with configured(PluginSettings((str(plugin),))):
        sent_off = job("stroll,sigma=2")
        recipe = recipe_of(sent_off)
        told = there_and_back(packed_plugins(plugins().settings))
        expected = perform(sent_off, DEAF)
    plugin.parent.rename(tmp_path / "gone")
    for name in ("strolling", "steps"):
        del sys.modules[name]
    heard = unpacked_plugins(told, tmp_path / "desk")
    assert not heard.extra[0].startswith(str(plugin.parent))
    assert unpacked_plugins(told, tmp_path / "desk") == heard
    with configured(heard):
        found = job_of(there_and_back(recipe))
        refuse_other_code(found, recipe, CodeReader())
        np.testing.assert_array_equal(perform(found, DEAF).theta, expected.theta)


def test_a_plugin_that_is_another_one_here_is_not_used(plugin, tmp_path):
    told = there_and_back(packed_plugins(PluginSettings((str(plugin),))))
    plugin.with_name("steps.py").write_text("SIZE = 99\n")
    (extra,) = unpacked_plugins(told, tmp_path / "desk").extra
    assert Path(extra).with_name("steps.py").read_text() == "SIZE = 0.25\n"


def test_a_project_and_a_package_keep_their_shape(tmp_path):
    project, package = tmp_path / "project", tmp_path / "pack"
    (project / "src" / "acme").mkdir(parents=True)
    (project / "pyproject.toml").write_text("[project]\nname = 'acme'\n")
    (project / "src" / "acme" / "__init__.py").write_text("")
    package.mkdir()
    (package / "__init__.py").write_text("")
    told = there_and_back(packed_plugins(PluginSettings((str(project), str(package)))))
    for folder in (project, package):
        folder.rename(tmp_path / f"{folder.name}-gone")
    first, second = map(Path, unpacked_plugins(told, tmp_path / "desk").extra)
    assert (first.name, second.name) == ("project", "pack")
    assert (first / "pyproject.toml").is_file()
    assert (first / "src" / "acme" / "__init__.py").is_file()
    assert (second / "__init__.py").is_file()


def test_of_a_plugin_that_is_large_only_the_place_travels(plugin, monkeypatch):
    monkeypatch.setattr("nogd.bench.plugin_files._LARGEST", 100)
    (told,) = packed_plugins(PluginSettings((str(plugin),)))["extra"]
    assert told["files"] == {}
    module = PluginSettings(("json",), frozenset({"acme"}), True)
    assert unpacked_plugins(there_and_back(packed_plugins(module)), plugin.parent) == module


# -- what comes back


def told(cell: Any, event: str, value: Any) -> bytes:
    return line_of({"id": cell.id, "event": event, "value": value}).encode()


def test_each_line_is_an_event():
    sent_off = job("adam")
    record = perform(sent_off, DEAF)
    remote = RemoteCell(sent_off)
    point = dict.fromkeys(CURVE_COLUMNS, 1.0)
    cell = sent_off.cell
    assert remote.hear(told(cell, "started", None)) is None
    assert remote.hear(told(cell, "held", "compiling")) == Held(cell, "compiling")
    assert remote.hear(told(cell, "point", point)) == Pointed(cell, point)
    assert remote.hear(told(cell, "checkpoint", b"\0")) == Saved(cell, b"\0")
    assert remote.hear(told(cell, "warning", "beware")) == Warned(cell, "beware")
    finished = remote.hear(told(cell, "record", sent(record)))
    assert isinstance(finished, Finished)
    np.testing.assert_array_equal(finished.record.theta, record.theta)
    assert finished.record.row["status"] == "budget"
    assert finished.record.row["host"] == record.row["host"]
    assert cell_of(told(cell, "started", None)) == cell.id
    assert cell_of(b"Welcome to big-machine") is None


@pytest.mark.parametrize(
    "line",
    [
        b"Traceback (most recent call last):",
        b"[1, 2]",
        b'{"id": "0123", "event": "point", "value": null}',
        ("point", {"loss": "low"}),
        ("checkpoint", "text"),
        ("record", {"row": {}}),
        ("failed", "no reason"),
        ("finished", None),
        (["point"], {}),
    ],
)
def test_whatever_is_wrong_with_a_line_costs_its_cell(line):
    remote = RemoteCell(job("adam"))
    event = remote.hear(line if isinstance(line, bytes) else told(remote.job.cell, *line))
    assert isinstance(event, Finished)
    assert event.record.status == "error"
    assert "cannot be used" in event.record.row["reason"]


def test_what_a_lost_cell_had_reached_is_kept():
    remote = RemoteCell(job("adam"))
    point = dict.fromkeys(CURVE_COLUMNS, 0.5)
    remote.hear(told(remote.job.cell, "point", point))
    lost = remote.lost("killed", "the line broke").record
    expected = lost_record(remote.job.cell, "killed", "the line broke", "", [point])
    assert (lost.status, lost.row["loss"], lost.row["host"]) == ("killed", 0.5, expected.row["host"])


def test_nobody_warns_without_end():
    remote = RemoteCell(job("adam"))
    events = [remote.hear(told(remote.job.cell, "warning", f"beware of {number}")) for number in range(40)]
    heard = [event.text for event in events if isinstance(event, Warned)]
    assert len(heard) == 20
    assert heard[-1] == "its further warnings are not shown"


def test_tensors_in_a_learner_travel_as_code():
    class Holding(nogd.Learner, arbitrary_types_allowed=True):
        name: ClassVar[str] = "holding"
        start: torch.Tensor = torch.zeros(2)

        def init(self, objective, theta, rng):
            return nogd.State(theta=theta)

        def step(self, objective, state):
            state.finished = "nothing to do"

    sent_off = replace(job("adam"), learner=Holding())
    assert isinstance(recipe_of(sent_off)["learner"], bytes)
