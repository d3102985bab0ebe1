"""From the options of `nogd run` to an experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nogd.bench.experiment import Entry, Experiment, make_experiment
from nogd.bench.plan import usable
from nogd.errors import InvalidSetting, did_you_mean
from nogd.names import parse_setting
from nogd.plugins import plugins

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
        raise InvalidSetting("--all beside both -l and -t says two things; leave one of them out.")
    base = make_experiment(file)
    if not (everything or learners or tasks or base.learners or base.tasks):
        raise InvalidSetting(
            f"{file} selects nothing: give it learners or tasks, or say --all beside it for all of both."
        )
    limits = {name: settings.pop(name) for name in _LIMITS}
    if everything:
        base = base.model_copy(update={"learners": (), "tasks": ()})
    given = {name: limit for name, limit in limits.items() if limit is not None}
    if given:
        settings["budget"] = (base.budget.model_dump(exclude_none=True) if base.budget else {}) | given
    made = make_experiment(base, learners=learners or None, tasks=tasks or None, **settings)
    return _with_settings(made, sets) if sets else made


def _with_settings(experiment: Experiment, sets: tuple[str, ...]) -> Experiment:
    entries = list(experiment.learners) or [Entry(use=name) for name in usable(plugins().learners)]
    for text in sets:
        learner, setting = _parsed(text)
        places = [place for place, entry in enumerate(entries) if _name(entry) == learner]
        if not places:
            names = [_name(entry) for entry in entries]
            raise InvalidSetting(
                f"--set {text}: no selected learner is named {learner!r}{did_you_mean(learner, names)}"
                f" Selected: {', '.join(names)}."
            )
        for place in places:
            old = entries[place]
            entries[place] = old.model_copy(update=dict([setting]))
    return make_experiment(experiment, learners=tuple(entries))


def _parsed(text: str) -> tuple[str, tuple[str, Any]]:
    target, equals, value = text.partition("=")
    learner, dot, parameter = target.rpartition(".")
    if not (equals and dot and learner and parameter):
        raise InvalidSetting(f"--set {text}: write it as LEARNER.PARAM=VALUE, such as adam.lr=0.01.")
    return learner, parse_setting(f"{parameter}={value}")


def _name(entry: Entry) -> str:
    return entry.use.partition(",")[0] if isinstance(entry.use, str) else str(entry.use)
