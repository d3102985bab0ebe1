"""Import what the report needs while cells run, so that nobody waits for it at the end."""

from __future__ import annotations

import importlib
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from nogd.bench.events import Event
    from nogd.bench.run import Progress

# In the order in which they are needed, in pieces that end soon: it can be stopped between them.
MODULES = (
    "numpy",
    "pandas",
    "nogd.bench.results",
    "nogd.report.board_text",
    "scipy.special",
    "scipy.optimize",
    "scipy.stats",
    "matplotlib.figure",
    "seaborn",
    "nogd.report.page",
    "matplotlib.backends.backend_svg",
)


@final
class Ahead:
    """Shows a run as another Progress does, and begins to import once there is something to wait for."""

    def __init__(self, shown: Progress) -> None:
        self._shown, self._stopped = shown, threading.Event()

    def stop(self) -> None:
        """Import no more: the command is about to end."""
        self._stopped.set()

    def begin(self, total: int, done: int) -> None:
        threading.Thread(target=self._import, name="report", daemon=True).start()
        self._shown.begin(total, done)

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
