"""A plugin that calls its things like nogd's own changes no command that names those."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from nogd.bench.experiment import make_experiment
from nogd.bench.local import LocalExecutor
from nogd.bench.plan import plan
from nogd.bench.run import prepare
from nogd.engine.losses import find_loss, mse
from nogd.errors import PluginWarning, UserError
from nogd.learners.adam import Adam
from nogd.plugins.manager import Plugins, PluginSettings, configured
from nogd.tasks.classification import Iris
from nogd.training.names import build

TWINS = """
    from typing import ClassVar
    from nogd import Loss, hookimpl
    from nogd.bench.events import Executor
    from nogd.learners.random_search import RandomSearch
    from nogd.tasks.classification import Wine

    class Adam(RandomSearch):
        '''Not Adam.'''
        name: ClassVar[str] = "adam"

    class Iris(Wine):
        '''Not irises.'''
        name = "iris"

    class Local(Executor):
        '''Not local.'''
        name = "local"

        def run(self, jobs, tell):
            raise RuntimeError

    @hookimpl
    def nogd_learners():
        return [Adam]

    @hookimpl
    def nogd_tasks():
        return [Iris]

    @hookimpl
    def nogd_executors():
        return [Local]

    @hookimpl
    def nogd_losses():
        return [Loss("mse", lambda outputs, targets: outputs.sum())]
"""


@pytest.fixture
def settings(tmp_path: Path) -> PluginSettings:
    (tmp_path / "twins.py").write_text(dedent(TWINS))
    return PluginSettings((str(tmp_path / "twins.py"),))


def asked(loaded: Plugins) -> None:
    """All that is offered, with one warning for each twin."""
    with pytest.warns(PluginWarning, match="nogd has its own of that name") as warned:
        loaded.ask_all()
    assert sorted(str(each.message).split("'")[1] for each in warned) == ["adam", "iris", "local", "mse"]


def test_bare_names_are_nogds_and_the_twins_have_their_package_before_them(settings: PluginSettings) -> None:
    with configured(settings) as loaded:
        asked(loaded)
        assert type(build("adam")) is Adam
        assert find_loss("mse") is mse
        experiment = {
            "learners": ["adam", "twins/adam", "adam+twins/adam,population=3", "hybrid(twins/adam)"],
            "tasks": ["iris", "twins/iris"],
            "repetitions": 1,
        }
        planned, executor = prepare(make_experiment(experiment), 1)
        assert type(executor) is LocalExecutor
        assert [item.cell.label for item in planned[::2]] == experiment["learners"]
        assert [item.cell.task for item in planned[:2]] == ["iris", "twins/iris"]
        assert type(planned[0].task) is Iris
        assert len({item.cell.id for item in planned}) == 8


def test_a_task_is_given_twice_under_two_names(settings: PluginSettings) -> None:
    with configured(settings) as loaded:
        asked(loaded)
        with pytest.raises(UserError, match="task 'iris' is given twice"):
            plan(make_experiment({"learners": "adam", "tasks": ["iris", "nogd/iris"]}))
