"""Do to nogd's harness all that a machine does to it, at random, and look at whether it keeps its promises.

    python experiments/chaos/chaos.py --minutes 60 [--seed 0] [--csv chaos.csv]

With --csv each life becomes a row as it ends; a file that exists is added to, so an hour may be made of several calls.

Each life of a harness begins with some of its runs to do, meets up to three faults that it must survive, and one that
may end it. After each life: nothing that was finished is lost or changed, every failure is a row, no process is left,
and whoever ended by itself has either made all runs or said in a sentence why not. In the end what was gone on with
equals, bit for bit, what was never stopped, but for seconds and memory. `--faults 12` takes one of each kind in turn,
up to that number, and is a test of nogd (tests/test_chaos.py).
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "tests"))  # what the tests of the bench share

from bench_help import UNEQUAL  # noqa: E402  # once the tests can be imported
from faults import ENDING, RARE, SURVIVED, Fault, Scene  # noqa: E402
from harness import REFUSED, Harness, finished_since, integrity, last_session  # noqa: E402
from tally import Life, append, counts, read, told  # noqa: E402

from nogd.bench.columns import RUN_COLUMNS  # noqa: E402
from nogd.bench.database import FILE  # noqa: E402
from nogd.bench.store import Store  # noqa: E402
from nogd.plugins.manager import PluginSettings, configured  # noqa: E402

PATIENCE = 180.0
"""Seconds for a whole life; on a loaded machine it takes a few."""
STATUS = [name for name in RUN_COLUMNS if name not in UNEQUAL].index("status")
DISK = "24m"


class Chaos:
    """One campaign in a folder. expected: every run, as it is if nobody disturbs the harness."""

    def __init__(self, place: Path, seed: int, *, small_disk: bool) -> None:
        self.folder, self.logs = place / "disk" / "runs", place / "logs"
        self.rng, self.small_disk = random.Random(seed), small_disk
        self.now, self.victims = Life(), 0
        self.logs.mkdir()
        self.expected = self._undisturbed()

    def _undisturbed(self) -> Mapping[str, Any]:
        self._to_the_end()
        found = Harness(self.folder, self.logs, "").kept()
        shutil.rmtree(self.folder)
        return found

    def _to_the_end(self) -> None:
        driver = self._harness().start()
        assert driver.wait(PATIENCE), "a harness that nobody disturbs does not end"
        assert driver.code == 1, driver.log.read_text()  # as some of its learners fail

    def _harness(self) -> Harness:
        return Harness(self.folder, self.logs, uuid.uuid4().hex)

    # -- a life

    def life(self, faults: Mapping[str, Fault]) -> Life:
        """A harness from its start to its end, and these faults on its way, the last of which may be its end."""
        self.now, started = Life(), time.monotonic()
        self._something_to_do()
        before = last_session(self.folder)
        scene = Scene(self._harness(), self.rng, self.small_disk, self.victims, before)
        scene.harness.start()
        kept: dict[str, Any] = {}
        for place, (name, fault) in enumerate(faults.items()):
            self._wait_for_progress(scene, before, place + self.rng.randint(0, 2))
            kept = scene.harness.kept()
            struck = bool(scene.harness.alive()) and fault(scene)
            (self.now.struck if struck else self.now.late).append(name)
        self.victims = scene.victims
        self.now.harm = [*self._ended(scene), *self._broken(scene, kept, before)]
        self.now.seconds = time.monotonic() - started
        return self.now

    def _something_to_do(self) -> None:
        if not self.folder.exists():
            return
        with closing(Store(self.folder, create=True)) as store:
            ids = sorted(store.endings())
            store.delete(self.rng.sample(ids, min(len(ids), self.rng.randint(5, 15))))

    def _wait_for_progress(self, scene: Scene, before: int, runs: int) -> None:
        until = time.monotonic() + PATIENCE
        while scene.harness.alive() and time.monotonic() < until:
            if finished_since(self.folder, before) >= runs:
                time.sleep(self.rng.uniform(0, 0.2))
                return
            time.sleep(0.02)

    # -- what must hold after it

    def _ended(self, scene: Scene) -> Iterator[str]:
        """Every driver ends by itself, or was killed; nothing of theirs is left; none has a traceback."""
        for driver in scene.harness.drivers:
            if not driver.wait(PATIENCE):
                yield f"a harness does not end: {driver.log.read_text()[-500:]}"
                os.kill(driver.pid, 9)
                driver.wait(PATIENCE)
            elif driver.code not in (0, 1, REFUSED, -9) or "Traceback" in driver.log.read_text():
                yield f"a harness ended with {driver.code}: {driver.log.read_text()[-3_000:]}"
        _, left = psutil.wait_procs(scene.harness.processes(), timeout=PATIENCE)
        for process in left:
            yield f"process {process.pid} is left"
            with suppress(psutil.Error):
                process.kill()

    def _broken(self, scene: Scene, kept: Mapping[str, Any], before: int) -> Iterator[str]:
        """What the store lacks, or has and should not have."""
        if scene.filler is not None:
            scene.filler.unlink()
        if scene.moved is not None:
            if self.folder.exists():  # by a second harness that came just then
                if len(scene.harness.drivers) == 1:
                    yield "the folder was made anew while it was away"
                scene.anew = True
                shutil.rmtree(self.folder)
            scene.moved.rename(self.folder)
        if scene.removed:  # with all that it held; a second harness that came just then has made it anew
            kept, scene.anew = {}, True
            if not (self.folder / FILE).is_file():
                return
        if scene.copy is not None:
            yield from self._told_of_damage(scene.copy)
        yield from self._lost(scene, kept)
        yield from self._unequal(scene)
        if any(driver.code in (0, 1) for driver in scene.harness.drivers) and not (scene.cut or scene.anew):
            yield from (
                f"cell {id_} has no row" for id_ in self.expected.keys() - scene.harness.kept().keys()
            )
        if (self.folder / FILE).is_file() and (told := integrity(self.folder)) != "ok":
            yield told

    def _lost(self, scene: Scene, kept: Mapping[str, Any]) -> Iterator[str]:
        gone = kept.keys() - scene.harness.kept().keys()
        if scene.cut:  # a log without its end has lost what was written last, and nothing else
            self.now.lost_with_the_log += len(gone)
            return
        yield from (f"run {id_} is lost" for id_ in gone)

    def _unequal(self, scene: Scene) -> Iterator[str]:
        """Every run is what it is without a fault, or the row of a process that a fault has ended."""
        found = scene.harness.kept()
        strange = [id_ for id_, deed in found.items() if deed != self.expected.get(id_)]
        self.now.rows_of_failures += len(strange)
        for id_ in strange:
            if found[id_][STATUS] not in ("killed", "timeout"):
                yield f"run {id_} is not what it was: {_difference(found[id_], self.expected.get(id_))}"
        if len(strange) > scene.victims:
            yield f"{len(strange)} runs were lost to {scene.victims} faults"

    def _told_of_damage(self, copy: Path) -> Iterator[str]:
        """A damaged store is refused in a sentence, or what can be read of it is right; then the copy is put back."""
        try:
            harness = self._harness()
            driver = harness.start()
            yield from self._ended(Scene(harness, self.rng, small_disk=False))
            if driver.code in (0, 1):
                yield from self._readable_is_right()
        finally:
            shutil.rmtree(self.folder)
            copy.rename(self.folder)

    def _readable_is_right(self) -> Iterator[str]:
        with closing(Store(self.folder)) as store:
            rows = store.load().rows
        names = {id_: deed[STATUS] for id_, deed in self.expected.items()}
        for row in rows:
            if row["status"] not in (names.get(row["id"]), "killed", "timeout"):
                yield f"run {row['id']} of a damaged store is {row['status']}"

    # -- the whole

    def finish(self) -> Life:
        """Go on to the end, with nobody disturbing: all must be as if nobody ever had."""
        started = time.monotonic()
        self._to_the_end()
        equal = Harness(self.folder, self.logs, "").kept() == self.expected
        harm = [] if equal else ["what was gone on with is not what was never stopped"]
        return Life(time.monotonic() - started, harm=harm)


def _difference(found: tuple[Any, ...], expected: tuple[Any, ...] | None) -> list[tuple[Any, Any]]:
    pairs = zip(found, expected or (), strict=False)
    return [(str(a)[:300], str(b)[:300]) for a, b in pairs if a != b]


def drawn(rng: random.Random) -> dict[str, Fault]:
    """Up to three faults that a harness survives, and one that may end it."""
    survived = dict(rng.sample(sorted(SURVIVED.items()), rng.randint(0, 3)))
    if rng.random() < 0.02:
        survived |= RARE
    return survived | dict([rng.choice(sorted(ENDING.items()))])


def in_turn(faults: int) -> Iterator[dict[str, Fault]]:
    """One of each kind, two or three to a life, up to so many."""
    survived, ending = list(SURVIVED.items()), list(ENDING.items())
    left = faults
    for place, last in enumerate(ending):
        met = [survived[(place + shift) % len(survived)] for shift in (0, 2)][: left - 1]
        left -= len(met) + 1
        yield dict([*met, last])
        if left <= 0:
            return


def campaign(chaos: Chaos, minutes: float, faults: int | None) -> Iterator[Life]:
    """So many faults in turn, or as many at random as fit into the time; the last life is one that meets none."""
    until = time.monotonic() + 60 * minutes
    for met in in_turn(faults) if faults is not None else iter(lambda: drawn(chaos.rng), None):
        if faults is None and time.monotonic() > until:
            break
        yield chaos.life(met)
    yield chaos.finish()


def _in_own_namespace() -> None:
    """Where mounts of this process are its own and go with it; where that is not allowed, all goes on without."""
    words = ["unshare", "--map-root-user", "--mount", "--propagation", "private"]
    if "CHAOS_DISK" in os.environ or not shutil.which("unshare"):
        return
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0:
        os.environ["CHAOS_DISK"] = "1"
        os.execvp(words[0], [*words, sys.executable, *sys.argv])


@contextmanager
def _disk(place: Path) -> Iterator[bool]:
    """A folder for the store; whether it is a small file system of its own, which can be filled."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "chaos", str(place)]
    if "CHAOS_DISK" not in os.environ or subprocess.run(mount, capture_output=True, check=False).returncode:
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def main() -> int:
    """The exit code: 1 where any promise was broken."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument(
        "--faults", type=int, help="one of each kind in turn, up to so many, in place of minutes"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path, help="a file to which each life is added as a row")
    chosen = parser.parse_args()
    _in_own_namespace()
    before = read(chosen.csv)
    seed = chosen.seed + len(before)
    with tempfile.TemporaryDirectory() as made, configured(PluginSettings(extra=(str(HERE / "wild.py"),))):
        place = Path(made)
        with _disk(place / "disk") as small_disk:
            lives = before + list(_told(seed, place, chosen, small_disk))
    print(*(f"{name}: {count}" for name, count in sorted(counts(lives).items())), sep="\n")
    print(told(lives))
    return int(any(life.harm for life in lives))


def _told(seed: int, place: Path, chosen: argparse.Namespace, small_disk: bool) -> Iterator[Life]:
    chaos = Chaos(place, seed, small_disk=small_disk)
    for number, life in enumerate(campaign(chaos, chosen.minutes, chosen.faults), 1):
        append(chosen.csv, life)
        met = ", ".join([*life.struck, *life.late]) or "nothing"
        print(f"life {number}: {met}: {life.harm or 'no harm'}", flush=True)
        yield life


if __name__ == "__main__":
    sys.exit(main())
