"""A check: one rule of nogd's that a learner, task, figure or executor keeps or breaks, with what to do about it."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import torch

from nogd.bench.process_state import restored
from nogd.errors import NogdWarning, text_of

# What a check does with its subject: nothing where the rule is kept, or one remark to show beside its name.
Rule = Callable[[Any], str | None]


class CheckFailed(AssertionError):
    """A rule is broken. observed: what was seen; check: which rule, what it guards and what to do."""

    def __init__(self, check: Check, observed: str) -> None:
        self.check, self.observed = check, observed
        super().__init__(f"{check.name}: {observed}\n{check.guards}\nWhat to do: {check.cure}")


class NotApplicable(Exception):
    """There is nothing to check here, for the reason that is the message."""


class Broken(Exception):
    """What a rule raises where it is broken; the message is what was seen."""


def broken(observed: str) -> NoReturn:
    """Say that the rule is broken, and what was seen."""
    raise Broken(observed)


@dataclass(frozen=True)
class Check:
    """A named rule. guards: what it is for, one sentence. cure: what to do where it is broken, one sentence.

    Calling it with a subject returns a remark or None, or raises CheckFailed or NotApplicable. Whatever the subject
    changes in the process is put back.
    """

    name: str
    guards: str
    cure: str
    rule: Rule

    def __call__(self, subject: Any) -> str | None:
        with restored(), warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", NogdWarning
            )  # of hard problems nogd warns; they are meant to be hard
            torch.set_num_threads(1)
            try:
                return self.rule(subject)
            except NotApplicable:
                raise
            except Broken as seen:
                raise CheckFailed(self, str(seen)) from None
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # whatever a plugin raises is what it did wrong
                raise CheckFailed(self, f"it raised {_sentence(error)}") from error

    def __repr__(self) -> str:
        return f"<check {self.name}>"


def check(cure: str) -> Callable[[Rule], Check]:
    """Make a function a Check: named after it, and guarding what its docstring says."""

    def made(rule: Rule) -> Check:
        guards = " ".join((inspect.getdoc(rule) or "").split())
        return Check(rule.__name__.replace("_", "-"), guards, cure, rule)

    return made


def _sentence(error: BaseException) -> str:
    return f"{type(error).__name__}: {text_of(error)}".rstrip(": ").rstrip(".") + "."
