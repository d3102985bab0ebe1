"""The settings of a task, which users write behind its name."""

from __future__ import annotations

import pickle

import cloudpickle

from nogd.errors import InvalidSetting
from nogd.testing.check import broken, check
from nogd.testing.listing import lazies_of
from nogd.testing.task import AnyTask, made_task
from nogd.training.grammar import settings_text
from nogd.training.names import made_of, name_and_settings


@check(
    "Give each setting a type, a range and a default within it; numbers, words, booleans and tuples of them."
)
def settings_are_read_back(task: AnyTask) -> None:
    """A task is what its text says ("parity,bits=10"): in a table, in the store, and in another process."""
    made = made_task(task)
    kind, fields = type(made), type(made).model_fields.items()
    text = kind.name + settings_text({info.alias or name: getattr(made, name) for name, info in fields})
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
def lists_say_the_tags_of_the_class(task: AnyTask) -> None:
    """Tags are listed without importing the task, and `-t tag:TAG` finds what is listed."""
    lazies_of("task", task if isinstance(task, type) else type(task))


CHECKS = (settings_are_read_back, lists_say_the_tags_of_the_class)
