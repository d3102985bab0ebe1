"""What a session ran on: machine, versions, revision and command; kept once for all its runs."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from nogd.plugins.distributions import how_it_came
from nogd.plugins.isolation import Failure, attempt
from nogd.plugins.manager import PluginInfo, plugins, source_version

_PACKAGES = ("nogd", "torch", "numpy", "numba", "scikit-learn", "scipy", "pydantic", "pluggy")


def environment() -> dict[str, Any]:
    """Plain facts for JSON; packages include every distribution that a plugin came from.

    plugins: every third-party plugin whose code this process has run, whether or not a run used what it offers.
    """
    return {
        "machine": f"{platform.system()} {platform.release()} ({platform.machine()})",
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory": f"{psutil.virtual_memory().total / 1024**3:.1f} GiB",
        "python": platform.python_version(),
        "packages": _versions(),
        "plugins": [
            _took_part(info) for info in plugins().infos if info.status not in ("builtin", "blocked")
        ],
        "revision": _revision(),
        "command": " ".join(["nogd", *sys.argv[1:]])
        if Path(sys.argv[0]).stem in ("nogd", "__main__")
        else sys.argv[0],
    }


def _versions() -> dict[str, str]:
    from_plugins = {info.source.distribution for info in plugins().infos if info.status == "ok"}
    names = dict.fromkeys([*_PACKAGES, *sorted(name for name in from_plugins if name)])
    versions = {}
    for name in names:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # a package used from its sources
            versions[name] = "not installed"
    return versions


def _took_part(info: PluginInfo) -> dict[str, Any]:
    """What a plugin is and how it came here; a broken one may not know, but its code has run as well."""
    version, came = (attempt(partial(ask, info.source)) for ask in (source_version, how_it_came))
    return {
        "plugin": info.name,
        "distribution": info.source.distribution,
        "version": None if isinstance(version, Failure) else version,
        "installed": "unknown" if isinstance(came, Failure) else came,
        "status": info.status,
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor() or "unknown")


def _revision() -> str:
    """The git revision of the folder at hand, "-dirty" if it has changes; empty where there is none."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""
