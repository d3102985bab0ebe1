"""What each installed plugin costs a command that only lists: `python plugins.py` (needs copier, hatchling and pip)."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from common import in_turns, minus, row, write

from nogd.scaffold.package import new_package

COUNT = 30
COMMANDS = {"nogd --help": ["--help"], "nogd list learners": ["list", "learners"]}
GOALS = {"nogd --help": "<= 0.0003", "nogd list learners": "<= 0.003"}
HEAVY = "import sys; from nogd.cli import main; main(['list', 'learners'], standalone_mode=False); "
HEAVY += "sys.exit(int(any(name in sys.modules for name in ('torch', 'pandas', 'numpy', 'matplotlib'))))"


def main() -> None:
    """Install generated plugins into a folder, and start each command with and without it in turn."""
    with tempfile.TemporaryDirectory() as place:
        site = _installed(Path(place))
        cache = str(Path(place) / "cache")
        subprocess.run(
            [sys.executable, "-c", HEAVY], check=True, capture_output=True, env=_settings(site, cache)
        )
        jobs = [
            _starter(command, folder, cache)
            for command in COMMANDS.values()
            for folder in (site, Path(place))
        ]
        figures = in_turns(*jobs, calls=8)
    rows = []
    for name, with_them, without in zip(COMMANDS, figures[::2], figures[1::2], strict=True):
        rows.append(row(f"{name}, no plugin", without, "s"))
        each = minus(with_them, without, 1 / COUNT)
        rows.append(row(f"{name}, for each of {COUNT} plugins", each, "s", GOALS[name], "the same without"))
    write("plugins", rows)


def _installed(place: Path) -> Path:
    """A folder with that many packages from the template, each with a learner; nothing else."""
    folders = [new_package("learner", f"generated-{number}", place) for number in range(COUNT)]
    site = place / "site"
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--target", str(site)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, *map(str, folders)], check=True)
    return site


def _starter(command: list[str], folder: Path, cache: str) -> Callable[[], object]:
    settings = _settings(folder, cache)
    return lambda: subprocess.run(
        [sys.executable, "-m", "nogd", *command], check=True, capture_output=True, env=settings
    )


def _settings(folder: Path, cache: str) -> dict[str, str]:
    """Byte code is kept, as it is wherever nogd is installed, whatever this machine is set to."""
    settings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    path = os.pathsep.join(filter(None, [str(folder), settings.get("PYTHONPATH")]))
    return settings | {"PYTHONPYCACHEPREFIX": cache, "PYTHONPATH": path}


if __name__ == "__main__":
    main()
