"""An experiment becomes cells, cells become runs: planning, isolation, recording and the store.

From outside: `experiment`, `run` (execute an experiment), `tables` (what was run); reports read the store through
`tables` and `current` alone. Executors take all that they need from `nogd.executors`.
"""

from __future__ import annotations

from collections.abc import Sequence

from nogd.hookspecs import hookimpl
from nogd.plugins.registry import Lazy


@hookimpl
def nogd_executors() -> Sequence[Lazy]:
    """Ways to run cells that come with nogd."""
    return [
        Lazy(
            "local", "nogd.bench.local:LocalExecutor", "worker processes on this machine, each cell guarded"
        ),
        Lazy(
            "inline",
            "nogd.bench.inline:InlineExecutor",
            "in this process, one cell after the other, unguarded",
        ),
    ]
