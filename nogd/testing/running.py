"""Run checks one after the other, outside of pytest."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from traceback import format_exception
from typing import Any, Literal

from nogd.testing.catalogue import checks_for, known
from nogd.testing.check import Check, CheckFailed, NotApplicable

Status = Literal["ok", "failed", "skipped", "expected"]


@dataclass(frozen=True)
class Verdict:
    """What became of a check. text: what was seen, why it was skipped or expected to fail, or a remark."""

    check: Check
    status: Status
    text: str
    seconds: float
    error: CheckFailed | None = None

    @property
    def traceback(self) -> str | None:
        """Where the subject raised, if that is how the check failed."""
        cause = None if self.error is None else self.error.__cause__
        return None if cause is None else "".join(format_exception(cause))


def run_checks(
    subject: object, expected_failures: Mapping[str, str] | None = None, only: Sequence[str] = ()
) -> Iterator[Verdict]:
    """The verdict of each check for a learner, task, figure or executor, as it comes.

    expected_failures: check name -> reason; one that passes is "failed", as its mark is wrong. only: names of the
    checks to run, all if empty. Raises UserError for what cannot be checked and for names that no check has.
    """
    checks = checks_for(subject)
    expected = known(expected_failures or {}, checks)
    known(dict.fromkeys(only, "asked for"), checks)
    return _verdicts([check for check in checks if not only or check.name in only], subject, expected)


def _verdicts(checks: Iterable[Check], subject: object, expected: Mapping[str, str]) -> Iterator[Verdict]:
    for check in checks:
        started = time.perf_counter()
        status, text, error = _judged(check, subject, expected.get(check.name))
        yield Verdict(check, status, text, time.perf_counter() - started, error)


def _judged(check: Check, subject: Any, reason: str | None) -> tuple[Status, str, CheckFailed | None]:
    try:
        remark = check(subject)
    except NotApplicable as why:
        return "skipped", str(why), None
    except CheckFailed as error:
        return ("failed", error.observed, error) if reason is None else ("expected", reason, error)
    if reason is not None:
        return "failed", f"it passes, though it is expected to fail ({reason}): take the mark away.", None
    return "ok", remark or "", None
