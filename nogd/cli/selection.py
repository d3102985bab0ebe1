"""From the options of `nogd run` to an experiment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nogd.bench.experiment import Experiment, LearnerEntry, make_experiment
from nogd.bench.matching import chosen_learners
from nogd.errors import InvalidSetting, did_you_mean
from nogd.plugins.manager import plugins
from nogd.plugins.registry import usable
from nogd.training.learner import Learner, Sequence
from nogd.training.names import (
    build,
    changed_within,
    class_of,
    inner_learners,
    outer_class,
    parse_setting,
    written,
)

_LIMITS = ("forwards", "evaluations", "seconds", "iterations")


def select(
    file: Path | None,
    everything: bool,
    learners: tuple[str, ...],
    tasks: tuple[str, ...],
    sets: tuple[str, ...],
    settings: dict[str, Any],
) -> Experiment:
    """The experiment that a file and options ask for; options overrule the file. Raises UserError."""
    if file is None and not (everything or learners or tasks):
        raise InvalidSetting(
            "nothing is selected: give --all, a learner (-l), a task (-t) or an experiment file."
        )
    if everything and (learners and tasks):
        raise InvalidSetting("--all cannot be combined with both -l and -t; leave one of them out.")
    base = make_experiment(file)
    limits = {name: settings.pop(name) for name in _LIMITS}
    if everything:
        base = base.model_copy(update={"learners": (), "tasks": ()})
    given = {name: limit for name, limit in limits.items() if limit is not None}
    if given:
        settings["budget"] = (base.budget.model_dump(exclude_none=True) if base.budget else {}) | given
    made = make_experiment(base, learners=learners or None, tasks=tasks or None, **settings)
    return _with_settings(made, sets) if sets else made


def _with_settings(experiment: Experiment, sets: tuple[str, ...]) -> Experiment:
    """With hyper-parameters of learners that are selected, or of those within them where none is selected itself."""
    known = plugins().learners
    named = chosen_learners(experiment.learners, known)
    entries = named or [LearnerEntry(use=name) for name in usable(known)]
    for text in sets:
        name, setting = _parsed(text)
        kind = class_of(name) if name in known else None
        own = [_with_own(entry, kind, setting) for entry in entries]
        changed = (
            own if any(own) or kind is None else [_with_inner(entry, kind, setting) for entry in entries]
        )
        if not any(changed):
            selected = list(dict.fromkeys(each for entry in entries for each in _names_in(entry)))
            raise InvalidSetting(
                f"--set {text}: no selected learner is named {name!r}{did_you_mean(name, selected)}"
                f" Selected: {', '.join(selected)}."
            )
        entries = [new or entry for new, entry in zip(changed, entries, strict=True)]
    return make_experiment(experiment, learners=tuple(entries))


def _with_own(
    entry: LearnerEntry, kind: type[Learner] | None, setting: tuple[str, Any]
) -> LearnerEntry | None:
    """The entry with that setting, if its learner, which need not be complete yet, is of that class."""
    return entry.model_copy(update=dict([setting])) if outer_class(entry.use) is kind else None


def _with_inner(entry: LearnerEntry, kind: type[Learner], setting: tuple[str, Any]) -> LearnerEntry | None:
    """The entry with that setting of the learners of that class within its own, if there are any."""
    learner = build(entry.use, entry.settings)
    if not any(type(each) is kind for each in _all_in(learner)):
        return None
    use = written(changed_within(learner, kind, dict([setting])))
    return LearnerEntry(use=use, label=entry.label, budget=entry.budget)


def _names_in(entry: LearnerEntry) -> list[str]:
    return [each.name for each in _all_in(build(entry.use, entry.settings)) if not isinstance(each, Sequence)]


def _all_in(learner: Learner) -> Iterator[Learner]:
    yield learner
    for inner in inner_learners(learner):
        yield from _all_in(inner)


def _parsed(text: str) -> tuple[str, tuple[str, Any]]:
    target, equals, value = text.partition("=")
    learner, dot, parameter = target.rpartition(".")
    if not (equals and dot and learner and parameter):
        raise InvalidSetting(f"--set {text}: write it as LEARNER.PARAM=VALUE, such as adam.lr=0.01.")
    return learner, parse_setting(f"{parameter}={value}")
