"""Every call of a hook, written down by pluggy's own tracer: `NOGD_TRACE=1 nogd list learners`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import pluggy


class HookTrace:
    """Calls plugins' functions, and tells pluggy's tracer, which prints to stderr where NOGD_TRACE is set.

    nogd calls each plugin by itself, so that one that raises costs itself only; pluggy traces calls of all at once.
    """

    def __init__(self, manager: pluggy.PluginManager) -> None:
        root = manager.trace.root
        if os.environ.get("NOGD_TRACE", "0") not in ("", "0"):
            root.setwriter(sys.stderr.write)
        self._root, self._trace = root, root.get("hook")

    def call(self, hook: str, plugin: str, function: Callable[..., object], **arguments: Any) -> object:
        """What the plugin's function returns; raises what it raises."""
        self._root.indent += 1
        try:
            self._trace(hook, "of", plugin, arguments)
            answer = function(**arguments)
            self._trace("finish", hook, "-->", answer)
            return answer
        finally:
            self._root.indent -= 1
