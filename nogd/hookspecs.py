"""Every hook of nogd on one page: the whole contract of a plugin.

A plugin is a module (or any object) with functions that carry `@hookimpl` and the name of a hook below.
nogd finds it in one of two ways.

Installed: the package's pyproject.toml names the module in the entry-point group `nogd`, under any name::

    [project.entry-points.nogd]
    my-plugin = "my_package.plugin"

Given by hand: `nogd --plugin ./file.py`, `nogd --plugin ./folder` or `nogd --plugin my_package.plugin`.

What a hook offers has a `name`, which users write (no spaces, quotes, or any of `, + = ( ) ;`). It is one of

* a class with a class variable `name` and a docstring, whose first line is the summary shown in lists;
* an object with `name` and `summary`;
* `Lazy("name", "package.module:Attribute", "summary")`, which stands for either and is imported when it
  is used: the best choice where the import takes more than a moment (torch takes two seconds).

A hook's function may omit arguments that it does not need. New arguments may be added to a hook, never
removed. Every plugin is called separately: an exception affects only the plugin that raised it, so wrappers
(`@hookimpl(wrapper=True)`) are refused. `nogd list plugins --traceback` shows what went wrong.

A built-in always keeps its bare name; a plugin's object of the same name is "package/name". If two packages
use one name, "package/name" says which is meant.

Commands are plugged in without a hook, so that `nogd --help` can list them without importing anything:
the entry-point group `nogd.commands` maps a name to a click command::

    [project.entry-points."nogd.commands"]
    play = "my_package.play:command"
"""

# mypy: disable-error-code=empty-body
# (a specification has no body: it is never called, pluggy only reads its name, arguments and docstring)

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from nogd.bench.cell import Cell
    from nogd.bench.events import Executor
    from nogd.bench.record import Record
    from nogd.bench.session import Outcome, Session
    from nogd.engine.losses import Loss
    from nogd.plugins.registry import Lazy
    from nogd.problem.task import Dataset, Metric, Task
    from nogd.report.figure import Figure
    from nogd.training.learner import Learner

__all__ = ["hookimpl", "hookspec"]

hookspec = pluggy.HookspecMarker("nogd")
hookimpl = pluggy.HookimplMarker("nogd")


@hookspec
def nogd_learners() -> Sequence[type[Learner] | Lazy]:
    """Offer learners: ways to train a network.

    Called once, when the registry of learners is built. A Lazy may say its class's tags and access, for lists.

    >>> from nogd import Lazy, hookimpl
    >>> @hookimpl
    ... def nogd_learners():
    ...     return [Lazy("coin-toss", "my_package.coin_toss:CoinToss", "keep a random step that helps")]

    >>> from nogd.plugins.manager import Plugins
    >>> Plugins.of(nogd_learners).learners.names()
    ['coin-toss']
    """


@hookspec
def nogd_datasets() -> Sequence[type[Dataset] | Dataset | Lazy]:
    """Offer data sets, which tasks (of any plugin) may name.

    Called once. It must be cheap: data are read in `Dataset.load`.

    >>> from nogd import Lazy, hookimpl
    >>> @hookimpl
    ... def nogd_datasets():
    ...     return [Lazy("moons", "my_package.moons:Moons", "two half moons, 500 points")]

    >>> from nogd.plugins.manager import Plugins
    >>> [entry.summary for entry in Plugins.of(nogd_datasets).datasets]
    ['two half moons, 500 points']
    """


@hookspec
def nogd_tasks() -> Sequence[type[Task] | Task | Lazy]:
    """Offer tasks: data, a split, a network, a loss, a metric and a budget.

    Called once. It must be cheap: networks and data are made in `Task.problem`.

    >>> from nogd import Lazy, hookimpl
    >>> @hookimpl
    ... def nogd_tasks():
    ...     return [Lazy("moons", "my_package.moons:MoonsTask", "two half moons, 2-8-1 network")]

    >>> from nogd.plugins.manager import Plugins
    >>> Plugins.of(nogd_tasks).tasks.names()
    ['moons']
    """


@hookspec
def nogd_losses() -> Sequence[Loss | Lazy]:
    """Offer losses that a task, or `nogd.fit(loss=...)`, may name; a task may name one as its metric too.

    Called once.

    >>> from nogd import Lazy, hookimpl
    >>> @hookimpl
    ... def nogd_losses():
    ...     return [Lazy("log-cosh", "my_package.losses:LOG_COSH", "log(cosh(error)), a smooth mae")]

    >>> from nogd.plugins.manager import Plugins
    >>> Plugins.of(nogd_losses).losses.names()
    ['log-cosh']
    """


@hookspec
def nogd_metrics() -> Sequence[Metric | Lazy]:
    """Offer metrics, by which tasks judge what was learnt; they need no gradient and no form for populations.

    Called once.

    >>> from nogd import Lazy, hookimpl
    >>> @hookimpl
    ... def nogd_metrics():
    ...     return [Lazy("kappa", "my_package.metrics:KAPPA", "agreement beyond chance (Cohen 1960)")]

    >>> from nogd.plugins.manager import Plugins
    >>> Plugins.of(nogd_metrics).metrics.names()
    ['kappa']
    """


@hookspec
def nogd_executors() -> Sequence[type[Executor] | Lazy]:
    """Offer executors: ways to run cells (processes of this machine are built in).

    Called once. An executor is a subclass of `nogd.executors.Executor`, chosen with `nogd run --executor NAME`; its
    fields are settings: `--executor cluster,address=auto`.

    >>> from nogd import Lazy, hookimpl
    >>> @hookimpl
    ... def nogd_executors():
    ...     return [Lazy("cluster", "my_package.cluster:ClusterExecutor", "cells on the lab's cluster")]

    >>> from nogd.plugins.manager import Plugins
    >>> Plugins.of(nogd_executors).executors.names()
    ['cluster']
    """


@hookspec
def nogd_figures() -> Sequence[Figure | Lazy]:
    """Offer figures and tables of the report: a pure function from runs, a title, how to read it.

    Called once.

    >>> from nogd import Lazy, hookimpl
    >>> @hookimpl
    ... def nogd_figures():
    ...     return [Lazy("time-of-day", "my_package.figures:TIME_OF_DAY", "when runs were fast")]

    >>> from nogd.plugins.manager import Plugins
    >>> Plugins.of(nogd_figures).figures.names()
    ['time-of-day']
    """


@hookspec
def nogd_session_started(session: Session) -> None:
    """Observe that a call of `nogd run` starts, before the first of its cells does, also where all are done already.

    session: `number` in the store, `folder`, `executor`, and `cells`, of which `pending` are to run now.
    Called in the process of `nogd run`, as all observers are, in order. An observer that raises is warned
    about once and not called again.

    >>> from nogd import hookimpl
    >>> @hookimpl
    ... def nogd_session_started(session):
    ...     print(f"session {session.number}: {len(session.pending)} of {len(session.cells)} cells to run")

    >>> from types import SimpleNamespace
    >>> from nogd.plugins.manager import Plugins
    >>> session = SimpleNamespace(number=3, cells=["a", "b"], pending=["b"])
    >>> Plugins.of(nogd_session_started).notify("nogd_session_started", session=session)
    session 3: 1 of 2 cells to run
    """


@hookspec
def nogd_session_finished(session: Session, outcome: Outcome) -> None:
    """Observe that a call of `nogd run` is over, after the last of its cells; see `nogd_session_started`.

    outcome: `ran` cells, of which `failed`; `completed` is False where Ctrl-C or an error ended it.

    >>> from nogd import hookimpl
    >>> @hookimpl
    ... def nogd_session_finished(session, outcome):
    ...     print(f"session {session.number}: {outcome.ran} ran, {outcome.failed} failed")

    >>> from types import SimpleNamespace
    >>> from nogd.plugins.manager import Plugins
    >>> session, outcome = SimpleNamespace(number=3), SimpleNamespace(ran=5, failed=1, completed=True)
    >>> Plugins.of(nogd_session_finished).notify("nogd_session_finished", session=session, outcome=outcome)
    session 3: 5 ran, 1 failed
    """


@hookspec
def nogd_run_started(cell: Cell) -> None:
    """Observe that a cell starts: a learner on a task with a repetition.

    Called in the process of `nogd run`, in order. An observer that raises is warned about once and not
    called again.

    >>> from nogd import hookimpl
    >>> @hookimpl
    ... def nogd_run_started(cell):
    ...     print("now:", cell.name)

    >>> from types import SimpleNamespace
    >>> from nogd.plugins.manager import Plugins
    >>> cell = SimpleNamespace(name="adam on iris, repetition 1")
    >>> Plugins.of(nogd_run_started).notify("nogd_run_started", cell=cell)
    now: adam on iris, repetition 1
    """


@hookspec
def nogd_point(cell: Cell, point: Mapping[str, float]) -> None:
    """Observe one point of a running cell's curve; see `nogd_run_started` for when it is called.

    point: forwards, evaluations, gradients, seconds, loss and the other columns of a curve.

    >>> from nogd import hookimpl
    >>> @hookimpl
    ... def nogd_point(point):
    ...     print(f"loss {point['loss']} after {point['forwards']} forwards")

    >>> from nogd.plugins.manager import Plugins
    >>> Plugins.of(nogd_point).notify("nogd_point", cell=None, point={"loss": 0.5, "forwards": 10})
    loss 0.5 after 10 forwards
    """


@hookspec
def nogd_run_finished(cell: Cell, run: Record) -> None:
    """Observe what a cell left behind, failed or not; see `nogd_run_started` for when it is called.

    run: `status`, and all figures in `row`.

    >>> from nogd import hookimpl
    >>> @hookimpl
    ... def nogd_run_finished(cell, run):
    ...     print(cell.name, "ended as", run.status, "with loss", run.row["loss"])

    >>> from types import SimpleNamespace
    >>> from nogd.plugins.manager import Plugins
    >>> cell = SimpleNamespace(name="adam on iris, repetition 1")
    >>> run = SimpleNamespace(status="budget", row={"loss": 0.5})
    >>> Plugins.of(nogd_run_finished).notify("nogd_run_finished", cell=cell, run=run)
    adam on iris, repetition 1 ended as budget with loss 0.5
    """
