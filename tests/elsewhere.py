"""A plugin with an executor that runs cells in another Python, over a pipe, by `nogd work`."""

from __future__ import annotations

import sys
from typing import ClassVar

from pydantic import Field

from nogd import hookimpl
from nogd.bench.piped import PipedExecutor


class Elsewhere(PipedExecutor):
    """Cells run in another Python of this machine, such as that of another virtual environment."""

    name: ClassVar[str] = "elsewhere"
    python: str = Field(
        sys.executable, description="the Python to run cells with; nogd must be installed there"
    )

    def commands(self):
        return [[self.python, "-m", "nogd", "work"]]


@hookimpl
def nogd_executors():
    return [Elsewhere]
