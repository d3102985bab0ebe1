"""Plugins that a user names by hand: `--plugin ./file.py`, `./folder`, `./project` or `package.module`."""

from __future__ import annotations

import hashlib
import importlib
import importlib.metadata
import importlib.util
import sys
import tomllib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from nogd.errors import InvalidSetting
from nogd.plugins.discovery import GROUP, Found, installed_plugins
from nogd.plugins.registry import Source


def absolute(given: str) -> str:
    """A path made absolute, so that it means the same in a worker; a module's name as it is."""
    return str(Path(given).expanduser().absolute()) if _is_path(given) else given


def given_plugins(given: str) -> Iterator[Found]:
    """What `--plugin GIVEN` names; raises InvalidSetting where there is nothing of that name."""
    if not _is_path(given):
        yield _module(given)
        return
    path = Path(given).expanduser().absolute()
    if not is_there(path):
        raise InvalidSetting(f"--plugin {given}: there is no such file or folder.")
    if path.is_dir():
        yield from _folder(path)
    elif path.suffix == ".py":
        source = Source(path.stem, location=str(path))
        yield Found(path.stem, source, partial(_import_path, path.stem, path.parent, path))
    else:
        raise InvalidSetting(f"--plugin {given}: a plugin is a .py file, a folder or a module's name.")


def _is_path(given: str) -> bool:
    if "/" in given or "\\" in given or given.endswith(".py") or given in (".", ".."):
        return True
    return not _is_importable(given) and is_there(Path(given))


def is_there(path: Path) -> bool:
    """Whether there is a file or folder; False also for a name that none can have."""
    try:
        return path.exists()
    except (OSError, ValueError):  # too long, or with a null character
        return False


def _is_importable(module: str) -> bool:
    top = module.partition(".")[0]
    if not top.isidentifier():
        return False
    try:
        return top in sys.modules or importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):  # a module that is half set up says so in this way
        return True


def _module(name: str) -> Found:
    if not _is_importable(name):
        raise InvalidSetting(
            f"--plugin {name}: there is no module of that name (write ./{name} for a file or folder here)."
        )
    return Found(name, _installed_source(name), partial(importlib.import_module, name))


def _installed_source(module: str) -> Source:
    """The source of a module given by name: its distribution where one owns it, else its file."""
    top = module.partition(".")[0]
    owners = importlib.metadata.packages_distributions().get(top, [])
    if len(owners) == 1:
        return Source(module, owners[0], importlib.metadata.version(owners[0]))
    spec = importlib.util.find_spec(top)
    return Source(module, location=_location(spec.origin) if spec and spec.origin else None)


def _location(origin: str) -> str:
    path = Path(origin)
    return str(path.parent if path.name == "__init__.py" else path)


def _folder(folder: Path) -> Iterator[Found]:
    if (folder / "pyproject.toml").is_file():
        yield from _project(folder)
    elif (folder / "__init__.py").is_file():
        yield _package(folder)
    else:
        raise InvalidSetting(f"--plugin {folder}: it has neither an __init__.py nor a pyproject.toml.")


def _package(folder: Path) -> Found:
    source = Source(folder.name, location=str(folder))
    load = partial(_import_path, folder.name, folder.parent, folder / "__init__.py")
    return Found(folder.name, source, load)


def _project(folder: Path) -> Iterator[Found]:
    """The entry points that a project's pyproject.toml names, imported from the folder as it lies."""
    try:
        settings = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSetting(f"--plugin {folder}: its pyproject.toml does not parse ({error}).") from error
    project = _table(settings, "project")
    points = _table(_table(project, "entry-points"), GROUP)
    if points:
        for name, value in points.items():
            yield _project_plugin(folder, project, str(name), str(value))
    elif (folder / "__init__.py").is_file():
        yield _package(folder)
    else:
        raise InvalidSetting(f"--plugin {folder}: its pyproject.toml has no [project.entry-points.{GROUP}].")


def _project_plugin(folder: Path, project: dict[str, Any], name: str, value: str) -> Found:
    version = project.get("version")
    distribution = project.get("name")
    source = Source(
        name,
        str(distribution) if distribution else None,
        str(version) if version else None,
        f"{name} = {value}",
        str(folder),
    )

    def load() -> object:
        sources = folder / "src" if (folder / "src").is_dir() else folder
        top = value.partition(":")[0].partition(".")[0].strip()
        _add_to_path(sources)
        _take_name(top, _file_of(sources, top))
        return importlib.metadata.EntryPoint(name, value, GROUP).load()

    return Found(name, source, load)


def _table(settings: dict[str, Any], name: str) -> dict[str, Any]:
    table = settings.get(name)
    return table if isinstance(table, dict) else {}


def _import_path(name: str, folder: Path, file: Path) -> ModuleType:
    """Import a file so that it, its siblings and pickles agree on which module it is.

    Its folder goes on sys.path, behind all others: what lies beside a plugin replaces no installed module. A plugin
    whose own name belongs to another module (one called random.py) is imported under a name of its own.
    """
    _add_to_path(folder)
    _take_name(name, file)
    if _finds(name, file):
        return importlib.import_module(name)
    own = f"nogd_plugin_{hashlib.sha256(str(file).encode()).hexdigest()[:8]}_{name}"
    return sys.modules[own] if own in sys.modules else _import_as(own, file)


def _take_name(name: str, file: Path | None) -> None:
    """Import a plugin's own module in place of its installed copy: a checkout wins over that."""
    if file is None or name in sys.modules or _finds(name, file):
        return
    if name in {found.target.partition(":")[0].partition(".")[0] for found in installed_plugins()}:
        _import_as(name, file)


def _file_of(folder: Path, top: str) -> Path | None:
    files = (folder / top / "__init__.py", folder / f"{top}.py")
    return next((file for file in files if file.is_file()), None)


def _finds(name: str, file: Path) -> bool:
    """Whether `import name` gives this very file."""
    if not name.isidentifier():
        return False
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return False
    return spec is not None and spec.origin is not None and Path(spec.origin).absolute() == file


def _import_as(name: str, file: Path) -> ModuleType:
    package = [str(file.parent)] if file.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=package)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _add_to_path(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
        importlib.invalidate_caches()
