from __future__ import annotations

import errno
import functools
import os
import signal
import sqlite3
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

with suppress(ImportError):  # some environments of tox do without it
    from hypothesis import settings

    # The same examples each time, however busy the machine is.
    settings.register_profile("nogd", deadline=None, derandomize=True)
    settings.load_profile("nogd")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that no process is left alone with one of them in the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture(autouse=True, scope="session")
def _heeds_ctrl_c():
    """A shell that starts the tests in the background has them ignore SIGINT, and so all processes that they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _no_terminal():
    """What is printed into a pipe is not wrapped; pytest-xdist tells its workers the width of its own terminal."""
    with pytest.MonkeyPatch.context() as patched:
        patched.delenv("COLUMNS", raising=False)
        patched.delenv("LINES", raising=False)
        yield


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    """As the bench does; and many threads on the small networks of the tests wait for each other most of the time."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only `time.sleep` takes time: what a busy machine adds to a clock is no part of a test."""
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(time, "perf_counter", lambda: now)
    monkeypatch.setattr(time, "sleep", sleep)


class _Told(sqlite3.Connection):
    """Says that it was left open, as connections by themselves do from Python 3.13 on."""

    is_open = False

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.is_open = True

    def close(self) -> None:
        super().close()
        self.is_open = False

    def __del__(self) -> None:
        if self.is_open:
            warnings.warn(f"{self!r} was left open", ResourceWarning, source=self, stacklevel=1)


@pytest.fixture(autouse=True, scope="session")
def _connections_are_closed():
    """What a test leaves open is a warning, and so an error, wherever the tests run."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sqlite3, "connect", functools.partial(sqlite3.connect, factory=_Told))
        yield


@pytest.fixture
def unreported(monkeypatch: pytest.MonkeyPatch) -> None:
    """`nogd run` in this process makes no report at its end, which takes longer than a small run."""
    monkeypatch.setattr("nogd.cli.run._report", lambda _out, _asked: None)


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No file can be written any more."""

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        yield
