"""Patterns choose learners and tasks: on the command line, in TOML and in Python."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from bench_help import command

from nogd.bench.experiment import make_experiment
from nogd.bench.plan import plan
from nogd.errors import InvalidSetting, NogdWarning, UnknownName
from nogd.plugins.manager import PluginSettings, configured

PLUGIN = """
from typing import ClassVar
from nogd import Lazy, Learner, State, hookimpl
from nogd.learners.random_search import RandomSearch
from nogd.tasks.classification import Iris


class Search(RandomSearch):
    '''Another one.'''
    name: ClassVar[str] = "acme-search"
    tags: ClassVar[frozenset[str]] = frozenset({"acme", "random"})


class Adam(RandomSearch):
    '''A twin of a built-in.'''
    name: ClassVar[str] = "adam"


class Moons(Iris):
    '''Two moons.'''
    name: ClassVar[str] = "acme-moons"
    default: ClassVar[bool] = False
    tags: ClassVar[frozenset[str]] = frozenset({"acme"})


@hookimpl
def nogd_learners():
    return [Search, Adam]


@hookimpl
def nogd_tasks():
    return [Moons]
"""


@pytest.fixture(autouse=True)
def plugin(tmp_path: Path):
    file = tmp_path / "acme.py"
    file.write_text(dedent(PLUGIN))
    with configured(PluginSettings((str(file),))) as loaded:
        with pytest.warns(NogdWarning, match="nogd has its own"):
            _ = loaded.learners
        yield file


def labels(*learners, **changes) -> list[str]:
    made = make_experiment(None, learners=list(learners), tasks=["iris"], repetitions=1, **changes)
    return [item.cell.label for item in plan(made)]


def tasks(*names) -> list[str]:
    made = make_experiment(None, learners=["adam"], tasks=list(names), repetitions=1)
    return [item.cell.task for item in plan(made)]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        (["nogd/*-search", "acme-*"], ["grid-search", "random-search", "unit-search", "acme-search"]),
        (["acme/*"], ["acme-search", "acme/adam"]),
        (["ad?m"], ["adam", "acme/adam"]),
        (["sgd", "nogd/sg*"], ["sgd"]),
        (["nogd/sg*", "sgd"], ["sgd"]),
        (["nogd/sg*", "sg*", "adam"], ["sgd", "adam"]),
        (["random-s*,population=3", "random-search"], ["random-search,population=3", "random-search"]),
        ([{"use": "random-s*", "population": 3}], ["random-search,population=3"]),
        (["grid-search+adam", "grid-*"], ["grid-search+adam", "grid-search"]),
    ],
)
def test_learners_by_a_pattern(chosen, expected):
    assert labels(*chosen) == expected


def test_learners_by_a_tag():
    """As lists show them; a plugin's class says its own."""
    assert labels("tag:gradient")[:2] == ["adam", "sgd"]
    assert labels("tag:acme,population=3", "sgd") == ["acme-search,population=3", "sgd"]
    assert set(labels("tag:coordinate", "grid-search")) >= {"grid-search", "exact-line"}


def test_tasks_by_a_tag():
    assert tasks("tag:acme", "iris") == ["acme-moons", "iris"]
    assert "iris" in tasks("tag:classification")


def test_the_default_tasks_have_a_tag_in_common_whatever_package_they_are_from():
    default = [item.cell.task for item in plan(make_experiment(None, learners=["adam"], repetitions=1))]
    assert tasks("tag:default") == default
    assert "acme-moons" not in default
    assert tasks("acme-moons", "tag:default", "wine") == [
        "acme-moons",
        *(task for task in default if task != "wine"),
        "wine",
    ]


def test_tasks_by_a_pattern():
    assert tasks("acme/*") == ["acme-moons"]
    assert tasks("*moons", "acme-moons", "iris") == ["acme-moons", "iris"]
    breast = tasks("breast-*")
    assert len(breast) > 1
    assert all(name.startswith("breast-") for name in breast)


@pytest.mark.parametrize(
    ("choose", "said"),
    [
        (lambda: labels("es-*"), "no learner has a name like 'es-*'; 'nogd list learners' shows all."),
        (
            lambda: labels("acme/x*,lr=1"),
            "no learner has a name like 'acme/x*'; 'nogd list learners' shows all.",
        ),
        (lambda: tasks("moon*"), "no task has a name like 'moon*'; 'nogd list tasks' shows all."),
    ],
)
def test_one_that_fits_nothing_is_one_sentence(choose, said):
    with pytest.raises(UnknownName) as error:
        choose()
    assert str(error.value) == said


def test_a_tag_that_nothing_has_names_the_nearest():
    with pytest.raises(
        UnknownName, match=r"no learner has the tag 'gradeint'; did you mean 'gradient'\? Tags: acme, "
    ):
        labels("tag:gradeint")


def test_a_setting_that_one_of_them_does_not_know_names_it():
    with pytest.raises(InvalidSetting, match="grid-search has no hyper-parameter 'population'"):
        labels("nogd/*-search,population=3")


def test_on_the_command_line_and_in_a_file(tmp_path, plugin):
    words = ["--plugin", plugin, "-l", "nogd/*-search", "-t", "acme/*", "--print-experiment"]
    printed = command("run", *words)
    assert printed.exit_code == 0, printed.output
    file = tmp_path / "experiment.toml"
    file.write_text(printed.stdout)
    made = make_experiment(file)
    assert [(item.cell.label, item.cell.task) for item in plan(made)][:2] == [
        ("grid-search", "acme-moons"),
        ("random-search", "acme-moons"),
    ]
    changed = command("run", *words, "--set", "grid-search.points=3")
    assert "points = 3" in changed.stdout
    with_settings = make_experiment({"learners": [{"use": "a*", "lr": 0.5}]})
    assert '{ use = "a*", lr = 0.5 }' in with_settings.to_toml()


BROKEN = """
from nogd import Lazy, hookimpl

@hookimpl
def nogd_learners():
    return [Lazy("broken", "nowhere:X")]
"""


def test_what_is_broken_is_left_out_of_a_pattern(tmp_path):
    file = tmp_path / "broken.py"
    file.write_text(BROKEN)
    with (
        configured(PluginSettings((str(file),))),
        pytest.warns(NogdWarning, match=r"'broken' .* It is left out"),
    ):
        assert labels("broken*", "adam") == ["adam"]
