"""Where workers are forked from starts before anything heavy is imported here: both import side by side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nogd.bench.forking import ForkServer


@contextmanager
def fork_server_for(
    executor: str | None, jobs: int | None, threads: int | None
) -> Iterator[ForkServer | None]:
    """Where worker processes come from; none where there will be none. What a file asks for comes too late."""
    name = "local" if executor is None else executor.partition(",")[0].strip()
    if jobs == 0 or name not in ("local", "nogd/local"):
        yield None
        return
    from nogd.bench.forking import ForkServer

    with ForkServer(max(1, threads or 1)) as fork_server:
        yield fork_server
