"""Compiled code on disk: whatever happens to the files, a call gives what it should."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

numba = pytest.importorskip("numba")

from nogd.engine.compiled import code_cache  # noqa: E402  # it needs numba


def twice(x):
    return x + x


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    return tmp_path


def loaded(source: Path = Path(__file__)) -> tuple[int, int]:
    """What a new process would do at an int and at a float: how many of both come from the disk, and were compiled."""
    made = code_cache.kept(twice, [source])
    assert (made(2), made(2.5)) == (4, 5.0)
    return sum(made.stats.cache_hits.values()), sum(made.stats.cache_misses.values())


def files(folder: Path, ending: str) -> list[Path]:
    return sorted(folder.rglob(f"*{ending}"))


def test_it_is_compiled_once(folder):
    assert loaded() == (0, 2)
    assert loaded() == (2, 0)
    assert len(files(folder, ".nbc")) == 2


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
@pytest.mark.parametrize("rest", [b"", b"\x80\x05", b"nonsense"])
def test_a_file_that_was_cut_short_is_made_anew(folder, ending, rest):
    loaded()
    for file in files(folder, ending):
        file.write_bytes(rest)
    assert loaded() == (0, 2)
    assert loaded() == (2, 0)


def test_a_file_that_is_gone_is_made_anew(folder):
    loaded()
    files(folder, ".nbc")[0].unlink()
    assert loaded() == (1, 1)
    assert loaded() == (2, 0)


def test_code_of_another_type_is_not_taken(folder):
    """As it stands there after two processes saved at the same time under one name."""
    loaded()
    first, second = files(folder, ".nbc")
    first.write_bytes(second.read_bytes())
    assert loaded() == (0, 2)
    assert loaded() == (2, 0)


def test_a_change_of_any_source_is_a_change_of_the_code(folder, tmp_path):
    other = tmp_path / "other.py"
    other.write_text("ROWS = 64\n")
    assert loaded(other) == (0, 2)
    assert loaded(other) == (2, 0)
    other.write_text("ROWS = 96\n")  # numba looks at sizes and times, and only of the function's own file
    assert loaded(other) == (0, 2)


DOUBLE = "def double(x):\n    return x + x\n"


def installed(folder: Path, text: str = DOUBLE) -> Any:
    """The function of a module that lies in that folder."""
    folder.mkdir()
    source = folder / "installed.py"
    source.write_text(text)
    found: dict[str, Any] = {"__name__": "installed"}
    exec(compile(text, source, "exec"), found)
    return code_cache.kept(found["double"], [source])


def test_environments_share_the_folder_that_the_user_named(folder, tmp_path):
    assert installed(tmp_path / "one")(2) == 4
    assert code_cache.is_kept(installed(tmp_path / "two"), (numba.int64,))
    other = installed(tmp_path / "other", DOUBLE.replace("x + x", "2 * x"))
    assert not code_cache.is_kept(other, (numba.int64,))
    assert other(2) == 4
    assert code_cache.is_kept(other, (numba.int64,))
    assert code_cache.is_kept(
        installed(tmp_path / "three"), (numba.int64,)
    )  # the other has not taken its place


def test_another_numba_takes_nothing_from_this_one(folder, tmp_path, monkeypatch):
    installed(tmp_path / "one")(2)
    with monkeypatch.context() as patched:
        patched.setattr(numba, "__version__", "1000.0")
        newer = installed(tmp_path / "two")
        assert not code_cache.is_kept(newer, (numba.int64,))
        newer(2)
    assert code_cache.is_kept(installed(tmp_path / "three"), (numba.int64,))


def test_the_loops_know_all_their_sources():
    from nogd.engine.compiled.loops import code

    names = {source.name for source in code._SOURCES}
    assert {
        "layout.py",
        "code.py",
        "layers.py",
        "elementwise.py",
        "losses.py",
        "population.py",
        "line.py",
    } <= names
    imported = {
        Path(module.__file__)
        for name, module in sys.modules.items()
        if name.startswith("nogd.engine.compiled.loops.") and module.__file__
    }
    assert imported <= set(code._SOURCES)


def test_no_folder_may_be_written_to(monkeypatch):
    def nowhere(self: Any, function: Any) -> None:
        raise RuntimeError("cannot cache function: no locator available")

    monkeypatch.setattr("numba.core.caching.CacheImpl.__init__", nowhere)
    made = code_cache.kept(twice, [Path(__file__)])
    assert not code_cache.has_place(made)
    assert not code_cache.is_kept(made, (numba.int64,))
    assert loaded() == loaded() == (0, 2)


def test_the_folder_is_gone_meanwhile(folder):
    made = code_cache.kept(twice, [Path(__file__)])
    folder.rmdir() if not any(folder.iterdir()) else [path.rmdir() for path in folder.iterdir()]
    assert made(3) == 6


@pytest.mark.skipif(sys.platform == "win32", reason="the limit is Unix's")
@pytest.mark.parametrize("room", [0, 100, 2_000])
def test_a_full_disk(folder, room):
    """As full as a disk can be made for one process: no file may grow beyond so many bytes."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        found = loaded()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert found == (0, 2)
    assert not files(folder, ".nbc")
    loaded()
    assert loaded() == (2, 0)


@pytest.mark.skipif(sys.platform == "win32", reason="it forks")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_processes_that_compile_at_the_same_time(folder):
    waits, go = os.pipe()
    children = []
    for _ in range(4):
        if (child := os.fork()) == 0:
            os.read(waits, 1)
            try:
                loaded()
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    os.write(go, b"....")
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    assert loaded() == (2, 0)  # none took its own list for the whole one


def test_whether_code_is_kept_can_be_asked(folder):
    made = code_cache.kept(twice, [Path(__file__)])
    assert (code_cache.has_place(made), code_cache.is_kept(made, (numba.int64,))) == (True, False)
    loaded()
    assert code_cache.is_kept(made, (numba.int64,))
    assert not code_cache.is_kept(made, (numba.float32,))
    for file in files(folder, ".nbi"):
        file.write_bytes(b"nonsense")
    assert not code_cache.is_kept(made, (numba.int64,))
