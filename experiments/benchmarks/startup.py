"""How long a command takes to answer, above what Python and click take by themselves: `python startup.py`."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable

from common import in_turns, minus, row, write

COMMANDS = {
    "bare": ["-c", "pass"],
    "click": ["-c", "import click"],
    "import nogd": ["-c", "import nogd"],
    "help": ["-m", "nogd", "--help"],
    "list": ["-m", "nogd", "list", "learners", "--json"],
    "pluggy": ["-c", "import click, pluggy, importlib.metadata as m; m.entry_points(group='nogd')"],
}


def main() -> None:
    """Start each command in turn and compare."""
    with tempfile.TemporaryDirectory() as cache:
        figures = in_turns(*(_starter(command, cache) for command in COMMANDS.values()), calls=8)
    t = dict(zip(COMMANDS, figures, strict=True))
    rows = [
        row("bare Python", t["bare"], "s"),
        row("python -c 'import click'", t["click"], "s"),
        row("import nogd, above it", minus(t["import nogd"], t["bare"]), "s", "<= 0.05", "bare Python"),
        row("nogd --help, above it", minus(t["help"], t["click"]), "s", "<= 0.1", "python -c 'import click'"),
        row(
            "nogd list learners --json, above it",
            minus(t["list"], t["click"]),
            "s",
            "",
            "python -c 'import click'",
        ),
        row(
            "  the same",
            minus(t["list"], t["pluggy"]),
            "s",
            "",
            "importing click and pluggy, listing entry points",
        ),
    ]
    write("startup", rows)


def _starter(command: list[str], cache: str) -> Callable[[], object]:
    """Byte code is kept, as it is wherever nogd is installed, whatever this machine is set to."""
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    settings["PYTHONPYCACHEPREFIX"] = cache
    return lambda: subprocess.run([sys.executable, *command], check=True, capture_output=True, env=settings)


if __name__ == "__main__":
    main()
