"""What is done to a harness at work: each fault says whether it struck, and what may be gone after it."""

from __future__ import annotations

import errno
import os
import random
import resource
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from harness import Driver, Harness, last_session

from nogd.bench.database import FILE

Fault = Callable[["Scene"], bool]
"""Do it; whether there was anything to do it to."""


@dataclass
class Scene:
    """Where faults happen. victims: cells that a fault has cost a process, which are rows then."""

    harness: Harness
    rng: random.Random
    small_disk: bool
    victims: int = 0
    before: int = 0
    """The last call that somebody made on the folder before this life."""
    filler: Path | None = None
    moved: Path | None = None
    removed: bool = False
    anew: bool = False
    """Whether a harness may have worked in another folder of that name."""
    copy: Path | None = None
    """The store as it was before it was damaged."""
    cut: bool = False
    """Whether the end of the log was cut off, and with it what was written last."""

    @property
    def driver(self) -> Driver:
        """One of those at work."""
        return self.rng.choice(self.harness.alive())


# What a driver survives


def kill_worker(scene: Scene) -> bool:
    """SIGKILL to a process in which a cell runs."""
    return _sent(scene, scene.driver.workers, signal.SIGKILL, 1)


def kill_fork_server(scene: Scene) -> bool:
    """SIGKILL to the process that workers come from."""
    server = scene.driver.fork_server
    return server is not None and _sent(scene, [server], signal.SIGKILL, 2)


def pause(scene: Scene) -> bool:
    """SIGSTOP to any process of the harness, and SIGCONT after up to a second."""
    running = scene.harness.processes()
    if not running:
        return False
    stopped = scene.rng.choice(running)
    with suppress(psutil.Error):
        stopped.suspend()
        time.sleep(scene.rng.uniform(0.05, 0.8))
        stopped.resume()
        return True
    return False


def hang_worker(scene: Scene) -> bool:
    """SIGSTOP to a worker for good: its time limit has to end it."""
    return _sent(scene, scene.driver.workers, signal.SIGSTOP, 1)


def clock(scene: Scene) -> bool:
    """The clock jumps by up to ten days, forwards or back."""
    scene.harness.clock.offset = scene.rng.uniform(-864_000, 864_000)
    return True


def rival(scene: Scene) -> bool:
    """A second harness begins to work on the same folder."""
    if len(scene.harness.alive()) > 1:
        return False
    scene.harness.start()
    return True


# What a driver may end by


def kill_driver(scene: Scene) -> bool:
    """SIGKILL to the harness."""
    os.kill(scene.driver.pid, signal.SIGKILL)
    return True


def limit_files(scene: Scene) -> bool:
    """No file of the harness can grow any more (RLIMIT_FSIZE), as with a quota that is spent."""
    sizes = [file.stat().st_size for file in scene.harness.folder.glob(f"{FILE}*")]
    most = max(sizes, default=0)
    for driver in scene.harness.alive():
        with suppress(ProcessLookupError):
            resource.prlimit(driver.pid, resource.RLIMIT_FSIZE, (most, most))
    return True


def fill_disk(scene: Scene) -> bool:
    """The file system has no byte left (a small tmpfs, where one may be mounted)."""
    if not scene.small_disk:
        return False
    scene.filler = scene.harness.folder.parent / "filler"
    try:
        with scene.filler.open("wb", buffering=0) as file:
            for size in (65_536, 512):
                with suppress(OSError):
                    while file.write(bytes(size)) == size:
                        pass
    except OSError as error:
        return error.errno == errno.ENOSPC
    return True


def move_folder(scene: Scene) -> bool:
    """The folder is renamed while it is in use; it comes back when the harness has ended."""
    if last_session(scene.harness.folder) <= scene.before:  # it is not in use yet, and would be made anew
        return False
    scene.moved = scene.harness.folder.with_name("moved")
    scene.harness.folder.rename(scene.moved)
    return True


def remove_folder(scene: Scene) -> bool:
    """The folder is deleted while it is in use."""
    scene.removed = True
    shutil.rmtree(scene.harness.folder, ignore_errors=True)
    return True


# What happens to files when nobody is at work: all drivers are killed first


def garbage_in_log(scene: Scene) -> bool:
    """A kill, and then garbage behind the end of SQLite's log, as a torn write leaves it."""
    log = _log_of_the_dead(scene)
    if log is None:
        return False
    with log.open("ab") as file:
        file.write(scene.rng.randbytes(scene.rng.randint(1, 9_000)))
    return True


def cut_log(scene: Scene) -> bool:
    """A kill, and then the end of SQLite's log is missing: the disk lost what it had promised to keep."""
    log = _log_of_the_dead(scene)
    if log is None:
        return False
    scene.cut = True
    with log.open("r+b") as file:
        file.truncate(scene.rng.randrange(log.stat().st_size))
    return True


def garbage_in_pages(scene: Scene) -> bool:
    """A kill, and then garbage in the last pages of the file."""
    return _damaged(scene, lambda file, begin: _overwritten(file, begin, scene.rng))


def cut_pages(scene: Scene) -> bool:
    """A kill, and then the last pages of the file are missing."""
    return _damaged(scene, os.truncate)


SURVIVED: Mapping[str, Fault] = {
    "kill a worker": kill_worker,
    "kill the fork server": kill_fork_server,
    "stop and continue": pause,
    "clock jumps": clock,
    "second harness": rival,
}
ENDING: Mapping[str, Fault] = {
    "kill the harness": kill_driver,
    "disk full": fill_disk,
    "garbage after the log": garbage_in_log,
    "folder moved": move_folder,
    "file size limit": limit_files,
    "folder removed": remove_folder,
    "end of the log cut": cut_log,
    "garbage in last pages": garbage_in_pages,
    "last pages cut": cut_pages,
}
RARE: Mapping[str, Fault] = {"worker hangs": hang_worker}
"""Survived, but only after the time limit."""


def _sent(scene: Scene, running: list[psutil.Process], number: signal.Signals, victims: int) -> bool:
    if not running:
        return False
    with suppress(psutil.Error):
        scene.rng.choice(running).send_signal(number)
        scene.victims += victims
        return True
    return False


def _log_of_the_dead(scene: Scene) -> Path | None:
    _kill_all(scene)
    log = scene.harness.folder / f"{FILE}-wal"
    return log if log.is_file() and log.stat().st_size else None


def _damaged(scene: Scene, damage: Callable[[Path, int], None]) -> bool:
    _kill_all(scene)
    folder = scene.harness.folder
    file = folder / FILE
    if not file.is_file() or not file.stat().st_size:
        return False
    scene.copy = Path(shutil.copytree(folder, folder.with_name("copy")))
    size = file.stat().st_size
    damage(file, max(0, size - scene.rng.randint(1, 12_000)))
    return True


def _overwritten(file: Path, begin: int, rng: random.Random) -> None:
    with file.open("r+b") as open_:
        open_.seek(begin)
        open_.write(rng.randbytes(file.stat().st_size - begin))


def _kill_all(scene: Scene) -> None:
    for driver in scene.harness.alive():
        os.kill(driver.pid, signal.SIGKILL)
        driver.wait(60)
    psutil.wait_procs(scene.harness.processes(), timeout=60)
