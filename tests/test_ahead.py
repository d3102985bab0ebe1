from __future__ import annotations

import threading

import pytest

from nogd.bench.progress import terminal
from nogd.cli import ahead


def test_a_command_that_fails_ends_the_imports_before_the_interpreter_goes_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A daemon that imports compiled code while the interpreter goes down aborts the process."""
    asked: list[str] = []
    begun, told = threading.Event(), threading.Event()

    def load(module: str) -> None:
        asked.append(module)
        begun.set()
        told.wait(60)

    monkeypatch.setattr("nogd.cli.ahead.importlib.import_module", load)
    progress = ahead.Ahead(terminal)
    progress.begin(1, 0)
    (thread,) = (each for each in threading.enumerate() if each.name == "report")
    assert begun.wait(60)
    with pytest.raises(OSError, match="full"), progress:
        raise OSError("the disk is full")
    told.set()
    thread.join(60)
    assert not thread.is_alive()
    assert not thread.daemon  # the interpreter waits for it
    assert asked == [ahead.MODULES[0]]
