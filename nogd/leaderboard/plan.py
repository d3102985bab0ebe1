"""What a leaderboard is made of: comparisons, each an experiment file with its results beside it."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from nogd.errors import InvalidSetting
from nogd.plugins.access import ACCESS
from nogd.training.names import first_complaint

FILE = "leaderboard.toml"


class Part(BaseModel):
    """One comparison of a leaderboard: a suite of tasks at one budget.

    name: of the experiment file NAME.toml, of its published tables data/NAME, and of its store NAME in the folder of
    stores. plugins: files with tasks that it needs, relative to the leaderboard's folder. surrogates: tasks under a
    name of their own that are another task with a surrogate gradient, by that task's name. splits: whether its tasks
    are the suite's own on other splits of their data, as in "wine,split=1": they say whether the suite's order holds
    there, and are compared in no other way. tuned: whether learners have settings that tuning found: they are compared
    with each other, and beside the suite's other part with their own defaults.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, pattern=r"^[\w.-]+$")
    suite: str = Field(min_length=1)
    plugins: tuple[str, ...] = ()
    surrogates: dict[str, str] = Field(default_factory=dict)
    splits: bool = False
    tuned: bool = False


class Sweep(BaseModel):
    """A setting of a task that varies within one part while all others stay, for a picture of its own.

    setting: its name in the tasks' names, such as "width" in "sweep,width=16". default: its value where a name does not
    say it. quantity: what readers call it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    part: str
    setting: str = Field(min_length=1)
    quantity: str
    default: float


class Problem(BaseModel):
    """A kind of problem that someone has, what was measured for it, and what a learner may look at there.

    name: what readers call it. parts: whose tasks are of this kind, all at one budget; tasks: patterns of the names of
    those that are, such as "*-sign". gradient: whether these tasks have one. access: what may be looked at, such as
    "losses"; anything where it is empty.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    parts: tuple[str, ...] = Field(min_length=1)
    tasks: tuple[str, ...] = ("*",)
    gradient: bool
    access: tuple[str, ...] = ()

    @field_validator("access")
    @classmethod
    def _known(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for each in given:
            if each not in ACCESS:
                raise ValueError(f"there is no access {each!r}; there are {', '.join(ACCESS)}")
        return given


class Plan(BaseModel):
    """A leaderboard: its question, its parts, the learners that are called ours, and where what it advises is kept.

    problems: the rows of its table of what to use.
    advice: the table that `nogd advise` reads; summary: a text with a place for what summary.md.jinja says, between
    `<!-- leaderboard -->` and `<!-- end of leaderboard -->`. Both are relative to the leaderboard's folder, and nothing
    is written where they are None.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    ours: tuple[str, ...] = ()
    advice: str | None = None
    summary: str | None = None
    parts: tuple[Part, ...] = Field(min_length=1)
    sweeps: tuple[Sweep, ...] = ()
    problems: tuple[Problem, ...] = ()

    @model_validator(mode="after")
    def _named_once(self) -> Plan:
        names = [part.name for part in self.parts]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two parts are called {name!r}")
        asked = [("a sweep is over", sweep.part) for sweep in self.sweeps] + [
            (f"the problem {problem.name!r} goes by", name)
            for problem in self.problems
            for name in problem.parts
        ]
        for what, name in asked:
            if name not in names:
                raise ValueError(f"{what} the part {name!r}, which there is not")
        return self


def read_plan(folder: Path) -> Plan:
    """The plan in a folder.

    :raises InvalidSetting: naming the file, and what is wrong with it.
    """
    path = folder / FILE
    try:
        return Plan.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InvalidSetting(f"there is no {FILE} in {str(folder)!r}, which says what to compare.") from None
    except OSError as error:
        raise InvalidSetting(f"{str(path)!r} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSetting(f"{str(path)!r} is not valid TOML: {error}.") from None
    except ValidationError as error:
        raise InvalidSetting(f"{path}: {first_complaint(error)}") from None
