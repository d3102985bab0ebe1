"""Fill in the template of a plugin package; copier does the work."""

from __future__ import annotations

import datetime as dt
import keyword
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Literal

from nogd.errors import InvalidSetting, UserError
from nogd.version import __version__

TEMPLATE = Path(__file__).with_name("template")
LICENCES = ("MIT", "BSD-3-Clause", "Apache-2.0")
Kind = Literal["learner", "task", "figure", "executor", "command"]

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 30


def new_package(
    kind: Kind, name: str, parent: Path, *, licence: str = "MIT", author: str | None = None
) -> Path:
    """Make the folder PARENT/nogd-NAME, a package with one small working thing of that kind, and return it.

    author: for the licence; git's user.name if not given. Raises InvalidSetting where the name cannot be that of a
    package, UserError where copier is missing, the folder is there already or cannot be written.
    """
    _check(name)
    copier, folder = _copier(), parent / f"nogd-{name}"
    answers = {
        "kind": kind,
        "name": name,
        "author": author or _git_user(),
        "license": licence,
        "year": dt.datetime.now(dt.UTC).year,
        "nogd_version": ".".join(__version__.split(".")[:2]),
    }
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise UserError(
            f"{str(folder)!r} already exists: choose another name, or another place with --dir."
        ) from error
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        copier.run_copy(str(TEMPLATE), folder, data=answers, defaults=True, quiet=True)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)  # nothing but half a package of ours
        raise _unwritable(folder, error) from error
    return folder


def _unwritable(folder: Path, error: OSError) -> UserError:
    return UserError(f"{str(folder)!r} cannot be written: {error.strerror or error}.")


def _check(name: str) -> None:
    if not _NAME.fullmatch(name):
        plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-0123456789")
        hint = f", such as {plain!r}" if _NAME.fullmatch(plain) else ""
        raise InvalidSetting(
            f"{name!r} cannot be the name of a package: small letters, digits and single hyphens, a letter first{hint}."
        )
    if len(name) > _LONGEST:
        raise InvalidSetting(
            f"{name!r} is too long for a name that people have to type: {_LONGEST} characters at most."
        )
    if keyword.iskeyword(name):
        raise InvalidSetting(
            f"{name!r} is a word of Python and cannot be the name of a module: choose another."
        )


def _copier() -> ModuleType:
    try:
        import copier
    except ImportError as error:
        raise UserError("'nogd new' needs copier: install it with pip install 'nogd[new]'.") from error
    return copier


def _git_user() -> str:
    """Who git thinks is at work here; "The authors" where it does not know."""
    try:
        asked = subprocess.run(["git", "config", "user.name"], capture_output=True, text=True, check=False)
    except OSError:
        return "The authors"
    return asked.stdout.strip() or "The authors"
