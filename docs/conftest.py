"""Every block of code of the hand-written pages is run: page by page, from top to bottom, in a folder of its own.

Python runs in one namespace per page, shell commands where the ones before them left off, with an environment of the
page's own in which `pip install` does no harm. A block that begins with a comment that is a file's name becomes that
file. What cannot run here is left out by `% skip: next`, with a reason.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
import venv
from pathlib import Path
from typing import Any

from sybil import Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.myst import CodeBlockParser, SkipParser

_FILE = re.compile(r"# ([\w./-]+\.\w+)\n")
_COMMANDS = ("nogd", "pip", "pytest")
PATIENCE = 600
"""Seconds, for loaded machines: no block takes a tenth of it on a free one."""
_run_python = PythonEvaluator()


def begin(namespace: dict[str, Any]) -> None:
    """Go to an empty folder with an environment."""
    place = Path(tempfile.mkdtemp(prefix="nogd-docs-"))
    _make_environment(place / "venv")
    home = place / "home"
    home.mkdir()
    namespace.update(
        __name__="__main__", _place=place, _before=(Path.cwd(), list(sys.path), set(sys.modules))
    )
    os.chdir(home)
    sys.path.insert(0, str(home))


def end(namespace: dict[str, Any]) -> None:
    """Come back, and forget the modules that the page wrote."""
    folder, path, modules = namespace["_before"]
    os.chdir(folder)
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", "") or "").startswith(str(namespace["_place"])):
            del sys.modules[name]
    shutil.rmtree(namespace["_place"])


def _make_environment(folder: Path) -> None:
    """An environment that sees all that is installed here, and can be added to."""
    venv.create(folder, symlinks=True)
    here, there = (sysconfig.get_path("purelib", vars={"base": base}) for base in (sys.prefix, str(folder)))
    Path(there, "outer.pth").write_text(f"import site; site.addsitedir({here!r})\n", encoding="utf-8")
    for name in _COMMANDS:
        script = folder / "bin" / name
        script.write_text(f'#!/bin/sh\nexec "{folder}/bin/python" -m {name} "$@"\n', encoding="utf-8")
        script.chmod(0o755)


def run_python(example: Example) -> str | None:
    """A file, or lines to execute."""
    return None if _written(example) else _run_python(example)


def run_shell(example: Example) -> None:
    """Commands, each of which has to succeed."""
    place: Path = example.namespace["_place"]
    path = os.pathsep.join(
        [str(place / "venv" / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    )
    surroundings = {
        **{name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}},
        "PATH": path,
        "PIP_NO_BUILD_ISOLATION": "0",  # which switches it off: the build backend is installed here
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    script = f"set -euo pipefail\n{example.parsed}\npwd > {place}/where"
    done = subprocess.run(
        ["bash", "-c", script],
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"{example.parsed}\n{done.stdout}\n{done.stderr}"
    os.chdir((place / "where").read_text().strip())


def read_toml(example: Example) -> None:
    """A file, or settings that parse."""
    tomllib.loads(example.parsed)
    _written(example)


def write_file(example: Example) -> None:
    """A file of another kind; it has to say which."""
    assert _written(example), "a block of this kind begins with the name of its file: # tox.ini"


def _written(example: Example) -> bool:
    named = _FILE.match(example.parsed)
    if named is None:
        return False
    path = Path(named[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(example.parsed, encoding="utf-8")
    return True


EVALUATORS = {"python": run_python, "sh": run_shell, "toml": read_toml, "ini": write_file}

pytest_collect_file = Sybil(
    parsers=[SkipParser(), *(CodeBlockParser(*each) for each in EVALUATORS.items())],
    patterns=["*.md"],
    excludes=["reference/*.md", "reference/*/*.md"],
    setup=begin,
    teardown=end,
).pytest()
