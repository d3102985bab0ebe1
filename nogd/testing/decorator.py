"""The checks as tests of pytest, one for each subject and check."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nogd.errors import InvalidSetting, UserError
from nogd.testing.catalogue import checks_of, kind_of, known, name_of
from nogd.testing.check import Check, NotApplicable

if TYPE_CHECKING:
    import pytest

Expected = Mapping[str, str] | Callable[[Any], Mapping[str, str]]


@dataclass(frozen=True)
class _Test:
    """A check that pytest shows as skipped where it does not apply."""

    check: Check

    def __call__(self, subject: Any) -> None:
        import pytest

        try:
            self.check(subject)
        except NotApplicable as why:
            pytest.skip(str(why))


def parametrize_with_checks(
    subjects: Sequence[Any], expected_failures: Expected | None = None
) -> pytest.MarkDecorator:
    """Run a test once for each subject and check, with arguments `learner` (or task, figure, executor) and `check`.

    :param subjects: all of one kind: learners as objects, tasks as classes, executors as either, figures as registered.
    :param expected_failures: maps names of checks to reasons, or is a function from a subject to such a mapping. They
        are strict: an expected failure that passes is an error.
    :returns: a decorator for the test.
    :raises UserError: for a subject that cannot be checked, and for the name of an unknown check.
    """
    import pytest

    kinds = {kind_of(subject) for subject in subjects}
    if len(kinds) != 1:
        raise InvalidSetting(
            "parametrize_with_checks takes one or more subjects of one kind"
            + (f", not {' and '.join(sorted(kinds))} together." if kinds else "; the list is empty.")
        )
    (kind,) = kinds
    checks = checks_of(kind)
    rows = []
    for subject in subjects:
        expected = known(_expected(expected_failures, subject), checks)
        for check in checks:
            reason = expected.get(check.name)
            marks = () if reason is None else (pytest.mark.xfail(reason=reason, strict=True),)
            rows.append(
                pytest.param(subject, _Test(check), marks=marks, id=f"{name_of(subject)}-{check.name}")
            )
    return pytest.mark.parametrize((kind, "check"), rows)


def _expected(given: Expected | None, subject: Any) -> Mapping[str, str]:
    expected = given(subject) if callable(given) else given or {}
    if not isinstance(expected, Mapping):
        raise UserError(f"expected_failures maps names of checks to reasons; it is {expected!r:.60}.")
    return expected
