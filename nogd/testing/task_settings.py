"""The settings of a task, which users write behind its name."""

from __future__ import annotations

import pickle

import cloudpickle

from nogd.bench.task_names import as_text
from nogd.errors import InvalidSetting
from nogd.plugins.registry import Lazy, offered
from nogd.problem.task import Task
from nogd.testing.check import NotApplicable, broken, check
from nogd.training.names import made_of, name_and_settings


@check(
    "Give each setting a type, a range and a default within it; numbers, words, booleans and tuples of them."
)
def settings_are_read_back(task: Task | type[Task]) -> None:
    """A task is what its text says ("parity,bits=10"): in a table, in the store, and in another process."""
    made = task() if isinstance(task, type) else task
    kind, fields = type(made), type(made).model_fields.items()
    text = as_text(kind.name, {info.alias or name: getattr(made, name) for name, info in fields})
    try:
        again = made_of(kind, kind.name, name_and_settings(text)[1])
        same = hash(again) == hash(made) and again == made
    except (InvalidSetting, TypeError) as error:
        broken(f"{text!r} is not read back: {error}")
    if not same:
        broken(f"{text!r} is read back as another task, {again!r:.80}.")
    if pickle.loads(cloudpickle.dumps(made)) != made:
        broken("it comes back from a worker process as another one.")


@check("Write the same `tags` into its Lazy as the class has: `nogd list tasks` shows the former.")
def lists_say_the_tags_of_the_class(task: Task | type[Task]) -> None:
    """Tags are listed without importing the task, and `-t tag:TAG` finds what is listed."""
    kind = task if isinstance(task, type) else type(task)
    lazy = [each.target for each in offered("task") if each.name == kind.name]
    mine = [each for each in lazy if isinstance(each, Lazy) and each.load() is kind]
    if not mine:
        raise NotApplicable("no installed plugin offers it by a Lazy")
    for each in mine:
        if each.tags != kind.tags:
            broken(f"its Lazy has the tags {sorted(each.tags)}, the class {sorted(kind.tags)}.")


CHECKS = (settings_are_read_back, lists_say_the_tags_of_the_class)
