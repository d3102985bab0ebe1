"""What tox.ini cannot say: environments for the folders under plugins/, lowest versions, uv's links."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from tox.config.loader.memory import MemoryLoader
from tox.config.sets import CoreConfigSet
from tox.config.types import Command, EnvList
from tox.plugin import impl
from tox.session.state import State

ROOT = Path(__file__).parent
ALL = "plugins"
_SPREAD = ["-n", "auto", "--dist", "worksteal"]  # a plugin's slowest tests are one file: the kit's rules
# Of the plugins that are installed.
_INSTALLED = Command(
    ["pytest", "-c", str(ROOT / "pyproject.toml"), str(ROOT / "tests" / "test_installed.py")]
)
MATRIX = [f"py3{minor}-{ALL}" for minor in (11, 12, 13, 14)]

# uv reads none of pip's settings, yet a user who keeps wheels at hand for pip wants uv to find them too.
if "PIP_FIND_LINKS" in os.environ:
    os.environ.setdefault("UV_FIND_LINKS", ",".join(os.environ["PIP_FIND_LINKS"].split()))


@impl
def tox_extend_envs() -> Iterable[str]:
    return [*_plugins(), ALL, *MATRIX]


@impl
def tox_add_core_config(core_conf: CoreConfigSet, state: State) -> None:
    loaders = state.conf.memory_seed_loaders
    for name, folder in _plugins().items():
        loaders[name].append(_alone(folder, state.conf.pos_args(folder) or ()))
    folders = [*_plugins().values()]
    loaders[ALL].append(_together(folders))
    for name in MATRIX:
        loaders[name].append(_together(folders, *map(_tests, folders)))
    loaders["lowest"].append(
        MemoryLoader(skip_install=True, commands_pre=[_install(ROOT, *_lowest_versions())])
    )
    loaders["docs"].append(
        MemoryLoader(skip_install=True, commands_pre=[_install(ROOT, *_plugins().values())])
    )
    packages = ["nogd", *(str(folder / "src") for folder in _plugins().values())]
    loaders["types"].append(MemoryLoader(commands=[Command(["mypy", *packages])]))
    # Asking core_conf for env_list here would cache it without the plugins.
    declared = core_conf.loaders[0].load_raw("env_list", state.conf, None)
    names = [name.strip() for name in str(declared).replace(",", "\n").splitlines() if name.strip()]
    core_conf.loaders.insert(0, MemoryLoader(env_list=EnvList([*names, *_plugins(), ALL])))


def _plugins() -> dict[str, Path]:
    return {path.parent.name: path.parent for path in sorted(ROOT.glob("plugins/*/pyproject.toml"))}


def _alone(folder: Path, arguments: Sequence[str]) -> MemoryLoader:
    """Describe a plugin's environment: it and the core are installed in one call, as neither is published."""
    return MemoryLoader(
        description=f"the tests of {folder.name}, with the core",
        skip_install=True,
        change_dir=folder,
        commands_pre=[_install(ROOT, folder)],
        commands=[Command(["pytest", *_SPREAD, *arguments])],
    )


def _together(folders: Sequence[Path], *tests: Command) -> MemoryLoader:
    """Describe an environment with every plugin."""
    return MemoryLoader(
        description="what only plugins that are installed together can break, such as each other's names",
        skip_install=True,
        commands_pre=[_install(ROOT, *folders)],
        commands=[*tests, _INSTALLED],
    )


def _tests(folder: Path) -> Command:
    return Command(["pytest", *_SPREAD, "-c", str(folder / "pyproject.toml"), str(folder / "tests")])


def _install(*what: Path | str) -> Command:
    # uv rebuilds a folder only when its pyproject.toml is newer than what it has in its cache, unless told to.
    folders = [each for each in what if isinstance(each, Path)]
    again = [f"--reinstall-package={_project(folder)['name']}" for folder in folders]
    tests = [f"--group={folder / 'pyproject.toml'}:test" for folder in folders if _tests_need_more(folder)]
    return Command(["uv", "pip", "install", *again, *tests, *map(str, what)])


def _tests_need_more(folder: Path) -> bool:
    """Whether a plugin's tests need what the plugin does not."""
    return folder != ROOT and "test" in _declared(folder).get("dependency-groups", {})


def _lowest_versions() -> Iterator[str]:
    """Turn each lower bound into a pin: uv's own lowest resolution takes a CUDA build of torch."""
    project = _project(ROOT)
    for requirement in chain(project["dependencies"], *project["optional-dependencies"].values()):
        yield requirement.replace(">=", "==")


def _project(folder: Path) -> dict[str, Any]:
    return _declared(folder)["project"]


def _declared(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
