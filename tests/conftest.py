from __future__ import annotations

import errno
import os
import signal
from collections.abc import Iterator
from contextlib import suppress

import pytest

with suppress(ImportError):  # some environments of tox do without it
    from hypothesis import settings

    # The same examples each time, however busy the machine is.
    settings.register_profile("nogd", deadline=None, derandomize=True)
    settings.load_profile("nogd")


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
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No file can be written any more."""

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        yield
