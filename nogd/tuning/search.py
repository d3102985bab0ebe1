"""A search for hyper-parameters: Optuna asks, the bench runs, and every finished trial is kept in a file."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from nogd.bench.cell import Cell
from nogd.bench.executors import executor_for
from nogd.bench.experiment import Experiment, LearnerEntry
from nogd.bench.plan import plan
from nogd.bench.task_names import tasks_of
from nogd.errors import InvalidSetting, StoreError, UserError
from nogd.seeds import derive
from nogd.training.grammar import settings_text
from nogd.training.learner import Learner
from nogd.training.names import make, written
from nogd.tuning.dimension import Dimension
from nogd.tuning.trials import Worth, counted_once, invalid, on_kept_open, worth_of

if TYPE_CHECKING:
    import optuna

Sampler = Literal["tpe", "gp", "random"]
FILE = "study.log"


@dataclass(frozen=True)
class Trial:
    """One setting that was tried.

    :param number: counts from 1, which has the learner's defaults where the ranges hold them.
    :param use: the learner with these hyper-parameters, as `nogd run -l` takes it.
    :param settings: the hyper-parameters that were searched.
    :param worth: what it came to.
    """

    number: int
    use: str
    settings: Mapping[str, Any]
    worth: Worth


@dataclass(frozen=True)
class Search:
    """What is searched, where, and by what.

    :param learner: its hyper-parameters that are not searched stay as they are.
    :param space: the ranges.
    :param experiment: tasks, repetitions, budget and how runs are made; it has no learners.
    :param out: the folder of the runs and of the study.
    :param seed: of all that is drawn.
    :param sampler: which of Optuna's samplers.
    """

    learner: Learner
    space: Sequence[Dimension]
    experiment: Experiment
    out: Path
    seed: int = 0
    sampler: Sampler = "tpe"

    def trials(self, count: int, jobs: int | None, begun: Callable[[int], None]) -> Iterator[Trial]:
        """The trials, one by one as they end: those that are kept from before, then new ones, `count` in all.

        The same search gives the same trials, whether it was interrupted or not: what is asked for next depends on the
        seed, the number of the trial and the trials before alone.

        :param count: trials in all.
        :param jobs: parallel runs.
        :param begun: told how many trials were kept from before.
        :raises UserError: where Optuna is missing, and for whatever a run refuses.
        """
        library = _optuna()
        _refuse_without_validation(self.experiment)
        with (
            _quiet(library),
            executor_for(self.experiment.executor, jobs, self.experiment.threads) as executor,
        ):
            kept = self._kept(library)
            before = kept.trials[:count]
            begun(len(before))
            study = library.create_study()
            study.add_trials(before)
            if not before:
                study.enqueue_trial(self._defaults)
            seen: set[str] = set()
            for old in before:
                trial = _told(old)
                seen.update(trial.worth.ids)
                yield trial
            runner = on_kept_open(self.experiment, executor)
            for number in range(len(before), count):
                study.sampler = self._sampler(library, number)
                yield self._next(study, kept, runner, seen)

    @property
    def _defaults(self) -> dict[str, Any]:
        return {name: value for each in self.space for name, value in each.default_parameters.items()}

    def _next(self, study: optuna.Study, kept: optuna.Study, experiment: Experiment, seen: set[str]) -> Trial:
        asked = study.ask()
        settings = {each.name: each.suggest(asked) for each in self.space}
        use, worth = self._tried(settings, experiment, first=asked.number == 0)
        worth = counted_once(worth, seen)
        facts = {"use": use, "settings": settings, **vars(worth)}
        for name, value in facts.items():
            asked.set_user_attr(name, value)
        study.tell(asked, worth.value)
        kept.add_trial(study.trials[asked.number])
        return Trial(asked.number + 1, use, settings, worth)

    def _tried(
        self, settings: Mapping[str, Any], experiment: Experiment, *, first: bool
    ) -> tuple[str, Worth]:
        """The learner's text, and what it came to; settings that do not go together are the worst there is."""
        kind = type(self.learner)
        given = {name: getattr(self.learner, name) for name in kind.model_fields}
        try:
            learner = make(kind, given | dict(settings))
            return written(learner), worth_of(learner, experiment, self.out)
        except InvalidSetting as error:
            if first:
                raise
            return f"{written(self.learner)} with {settings_text(settings).lstrip(',')}", invalid(error)

    def _sampler(self, library: ModuleType, number: int) -> optuna.samplers.BaseSampler:
        """One for each trial, so that a search that goes on draws what it would have drawn."""
        kinds = {"tpe": "TPESampler", "gp": "GPSampler", "random": "RandomSampler"}
        seed = derive("tune", self.seed, number) % 2**32
        made: optuna.samplers.BaseSampler = getattr(library.samplers, kinds[self.sampler])(seed=seed)
        return made

    def _kept(self, library: ModuleType) -> optuna.Study:
        """The study in the folder, which holds finished trials alone; searches that differ lie side by side."""
        path = self.out / FILE
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            file = library.storages.journal.JournalFileBackend(str(path))
            storage = library.storages.JournalStorage(file)
            study: optuna.Study = library.create_study(
                storage=storage, study_name=self._name, load_if_exists=True
            )
        except OSError as error:
            raise StoreError(f"{path} cannot be written: {error.strerror or error}.") from error
        except (ValueError, KeyError) as error:
            raise StoreError(
                f"{path} is no study of Optuna any more: delete it, or give another --out."
            ) from error
        return study

    @property
    def subject(self) -> str:
        """What is searched on what."""
        tasks = ", ".join(dict.fromkeys(cell.task for cell in self._cells))
        return f"{written(self.learner)} on {tasks}"

    @property
    def page(self) -> Path:
        """Where its page lies; searches that differ have different ones."""
        return self.out / f"tune-{type(self.learner).name}-{self._digest}.html"

    @property
    def _name(self) -> str:
        return f"{self.subject} ({self._digest})"

    @property
    def _digest(self) -> str:
        """A hash of all that decides the trials, the code of learner and tasks too."""
        ids = [cell.id for cell in self._cells]
        facts = [ids, [each.facts for each in self.space], self.seed, self.sampler]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:8]

    @cached_property
    def _cells(self) -> list[Cell]:
        experiment = self.experiment.model_copy(
            update={"learners": (LearnerEntry(use=written(self.learner)),)}
        )
        return [item.cell for item in plan(experiment)]


def _told(kept: optuna.trial.FrozenTrial) -> Trial:
    facts = dict(kept.user_attrs)
    use, settings = facts.pop("use"), facts.pop("settings")
    worth = Worth(**facts | {"ids": tuple(facts["ids"]), "reasons": tuple(facts["reasons"])})
    return Trial(kept.number + 1, use, settings, worth)


def _optuna() -> ModuleType:
    try:
        return import_module("optuna")
    except ImportError as error:
        raise UserError("'nogd tune' needs Optuna: install it with pip install 'nogd[tune]'.") from error


@contextmanager
def quiet_optuna() -> Iterator[ModuleType]:
    """Optuna, which says nothing meanwhile. Raises UserError where it is missing."""
    library = _optuna()
    with _quiet(library):
        yield library


@contextmanager
def _quiet(library: ModuleType) -> Iterator[None]:
    """Without Optuna's own lines, and without warnings that a part of it is experimental."""
    before = library.logging.get_verbosity()
    library.logging.set_verbosity(library.logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", library.exceptions.ExperimentalWarning)
            yield
    finally:
        library.logging.set_verbosity(before)


def _refuse_without_validation(experiment: Experiment) -> None:
    for named in tasks_of(experiment.tasks):
        problem = named.task.problem(seed=0)
        if problem.validation is None and problem.simulator is None:
            raise InvalidSetting(
                f"the task {named.name!r} has no validation data to judge hyper-parameters on: choose one with a split."
            )
