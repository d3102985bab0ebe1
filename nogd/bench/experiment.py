"""An experiment: learners x tasks x repetitions under one budget, from a TOML file, options or Python."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, InstanceOf, ValidationError, model_validator

from nogd.bench.events import Executor
from nogd.engine.accounts.meter import Budget
from nogd.errors import InvalidSetting, did_you_mean
from nogd.problem.task import Task
from nogd.training.grammar import is_pattern, settings_text
from nogd.training.learner import Learner
from nogd.training.names import build, first_complaint, written


class LearnerEntry(BaseModel):
    """A learner in an experiment: what to use, what to call it, and its hyper-parameters as further keys.

    budget: of this learner alone, in place of the experiment's; a table of unequal budgets says so and has no ranks.
    """

    model_config = ConfigDict(frozen=True, extra="allow", arbitrary_types_allowed=True)

    use: str | Learner | type[Learner]
    label: str | None = None
    budget: Budget | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """The hyper-parameters given beside the name."""
        return dict(self.model_extra or {})


def comparison() -> dict[str, Any]:
    """Which learners measure and mark a comparison, a setting that comes with the tasks."""
    settings: dict[str, Any] = json.loads(
        files("nogd.tasks").joinpath("comparison.json").read_text(encoding="utf-8")
    )
    return settings


def _task_as_text(entry: Mapping[str, Any]) -> str:
    """Of { use = "parity", bits = 10 } the text "parity,bits=10"."""
    settings = dict(entry)
    use = settings.pop("use", None)
    if not isinstance(use, str):
        raise ValueError(f"the task {dict(entry)!r:.60} does not say what to use: use = 'parity'")
    return use + settings_text(settings)


class Experiment(BaseModel):
    """What to compare. Without learners, all registered ones; without tasks, all default ones.

    tasks: names, with settings where wanted ("parity,bits=10"), tags ("tag:classification"), tasks or classes.
    timeout: seconds after which a cell is killed. memory: GiB that a cell may use, by default its share of 80 % of
    what nogd may use. keep_thetas: whether to store where each run of few parameters went, for a picture. executor:
    what runs the cells, such as "ray,address=auto"; by default worker processes of this machine. reference, baselines:
    learners that a report marks out, the first baseline being the one to beat.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    learners: tuple[LearnerEntry, ...] = ()
    tasks: tuple[str | InstanceOf[Task] | type[Task], ...] = ()
    repetitions: int = Field(5, ge=1)
    budget: Budget | None = None
    threads: int = Field(1, ge=1)
    device: str = "cpu"
    timeout: float = Field(300.0, gt=0, allow_inf_nan=False)
    memory: float | None = Field(None, gt=0, allow_inf_nan=False)
    keep_thetas: bool = True
    executor: str | InstanceOf[Executor] | type[Executor] | None = None
    reference: str | None = Field(default_factory=lambda: comparison()["reference"])
    baselines: tuple[str, ...] = Field(default_factory=lambda: tuple(comparison()["baselines"]))

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, given: Any) -> Any:
        """A single learner or task needs no list, a bare learner no mapping; a number is a budget of forwards."""
        if not isinstance(given, Mapping):
            return given
        given = dict(given)
        for key in ("learners", "tasks"):
            if given.get(key) == []:
                raise ValueError(f"{key} is an empty list, which selects nothing; leave it out to take all")
            if key in given and not isinstance(given[key], list | tuple):
                given[key] = (given[key],)
        if "tasks" in given:
            given["tasks"] = tuple(
                _task_as_text(task) if isinstance(task, Mapping) else task for task in given["tasks"]
            )
        if isinstance(given.get("budget"), int | float):
            given["budget"] = {"forwards": given["budget"]}
        if "learners" in given:
            nameless = [item for item in given["learners"] if isinstance(item, Mapping) and "use" not in item]
            if nameless:
                raise ValueError(
                    f"the learner {dict(nameless[0])!r:.60} does not say what to use: use = 'adam'"
                )
            given["learners"] = tuple(
                learner if isinstance(learner, Mapping | LearnerEntry) else {"use": learner}
                for learner in given["learners"]
            )
        return given

    def to_toml(self) -> str:
        """The experiment as a file that means the same. Raises InvalidSetting for what only Python can hold."""
        everything = (
            "" if self.learners or self.tasks else "# No learners and no tasks are named: all of them.\n"
        )
        text = everything + tomli_w.dumps(_plain(self))
        if not text.isascii() and text.encode("utf-8", "replace").decode() != text:
            raise InvalidSetting(
                "the experiment holds text that is not valid Unicode and cannot be written to a file."
            )
        return text


def make_experiment(given: Experiment | Mapping[str, Any] | str | Path | None, **changes: Any) -> Experiment:
    """An Experiment from a file, a mapping or nothing, with changes (None changes nothing).

    Raises InvalidSetting naming the file or the setting that is wrong.
    """
    changes = {name: value for name, value in changes.items() if value is not None}
    if isinstance(given, Experiment):
        base = {name: getattr(given, name) for name in given.model_fields_set}
        return _validated(base | changes, "")
    if isinstance(given, str | Path):
        return _validated(_read(Path(given)) | changes, f"{given}: ")
    return _validated(dict(given or {}) | changes, "")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise InvalidSetting(
            f"the experiment file {str(path)!r} is nested too deeply to be an experiment."
        ) from None
    except FileNotFoundError:
        raise InvalidSetting(f"there is no experiment file {str(path)!r}.") from None
    except OSError as error:
        raise InvalidSetting(f"the experiment file {str(path)!r} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSetting(f"the experiment file {str(path)!r} is not valid TOML: {error}.") from None


def _validated(settings: dict[str, Any], origin: str) -> Experiment:
    known = list(Experiment.model_fields)
    for name in settings:
        if name not in known:
            raise InvalidSetting(
                f"{origin}an experiment has no setting {name!r}{did_you_mean(name, known)}"
                f" Its settings: {', '.join(known)}."
            )
    try:
        return Experiment.model_validate(settings)
    except ValidationError as error:
        raise InvalidSetting(f"{origin}{first_complaint(error)}") from None


def _plain(experiment: Experiment) -> dict[str, Any]:
    """The settings that differ from their defaults, in TOML's types; always learners and tasks where given."""
    plain: dict[str, Any] = {}
    for name, field in Experiment.model_fields.items():
        value = getattr(experiment, name)
        if value is None or value == field.get_default(call_default_factory=True):
            continue
        plain[name] = _toml_value(name, value)
    return plain


def _toml_value(name: str, value: Any) -> Any:
    if isinstance(value, LearnerEntry):
        named = {"label": value.label, "budget": value.budget}
        given = {key: _toml_value(key, item) for key, item in named.items() if item is not None}
        return _use(value) | given
    if isinstance(value, Budget):
        return {
            k: int(v) if float(v).is_integer() else v for k, v in value.model_dump(exclude_none=True).items()
        }
    if isinstance(value, list | tuple):
        return [_toml_value(name, item) for item in value]
    if isinstance(value, Executor):
        return str(value)
    if isinstance(value, float) and value.is_integer() and math.isfinite(value):
        return int(value)
    if isinstance(value, str | int | float):
        return value
    raise InvalidSetting(
        f"{name} holds {value!r:.60}, which was made in Python and cannot be written to a file."
    )


def _use(entry: LearnerEntry) -> dict[str, Any]:
    """What to use, with hyper-parameters as the learner understands them: options are text, a file should hold numbers.

    Those that TOML has no type for, such as None, are written behind the name.
    """
    use = _toml_value("learners", entry.use)
    if not entry.settings or is_pattern(use):
        return {"use": use} | {name: _toml_value(name, value) for name, value in entry.settings.items()}
    learner = build(entry.use, entry.settings)
    understood = {name: getattr(learner, name) for name in entry.settings}
    if all(type(value) in (bool, int, float, str) for value in understood.values()):
        return {"use": use, **understood}
    return {"use": written(learner)}
