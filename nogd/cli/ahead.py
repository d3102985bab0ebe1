"""Import what the report needs while cells run, so that nobody waits for it at the end."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Self, final

if TYPE_CHECKING:
    from nogd.bench.events import Event
    from nogd.bench.run import Progress

# In the order in which they are needed, in pieces that end soon: it can be stopped between them.
MODULES = (
    "numpy",
    "pandas",
    "nogd.report.results",
    "nogd.report.forms.board_text",
    "scipy.special",
    "scipy.optimize",
    "scipy.stats",
    "matplotlib.figure",
    "seaborn",
    "nogd.report.forms.page",
    "matplotlib.backends.backend_svg",
)


@final
class Ahead:
    """Shows a run as another Progress does, and begins to import once there is something to wait for.

    make: makes that other one. It is not asked where nothing is to be done: what it draws with takes 0.2 s to import.
    """

    def __init__(self, make: Callable[[], Progress]) -> None:
        self._make, self._stopped = make, threading.Event()

    @cached_property
    def _shown(self) -> Progress:
        return self._make()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Import no more after the present piece if the command is about to end."""
        if kind is not None:
            self._stopped.set()

    def begin(self, total: int, done: int) -> None:
        shown = self._shown
        # No daemon: one that still imports compiled code when the interpreter goes down aborts the process.
        threading.Thread(target=self._import, name="report").start()
        shown.begin(total, done)

    def tell(self, event: Event) -> None:
        self._shown.tell(event)

    def waiting(self, cells: int) -> None:
        self._shown.waiting(cells)

    def done_elsewhere(self) -> None:
        self._shown.done_elsewhere()

    def end(self) -> None:
        self._shown.end()

    def _import(self) -> None:
        for module in MODULES:
            if self._stopped.is_set():
                return
            with suppress(Exception):  # whoever needs it says what is wrong
                importlib.import_module(module)
