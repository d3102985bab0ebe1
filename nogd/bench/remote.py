"""The harness's end of a cell that runs where `nogd work` does: a line to send, and lines to hear."""

from __future__ import annotations

import re
from traceback import format_exception
from typing import final

from nogd.bench.cell_messages import CellMessages
from nogd.bench.events import Event, Finished
from nogd.bench.json_line import line_of, value_of
from nogd.bench.perform import Job
from nogd.bench.plugin_files import packed_plugins
from nogd.bench.recipe import recipe_of
from nogd.bench.wire import Unusable
from nogd.plugins.manager import plugins

_ID = re.compile(rb'\{"id": "([0-9a-f]{1,64})"')


@final
class RemoteCell:
    """One job that runs elsewhere: send `line` to a `nogd work`, and report the events that `hear` makes of what comes
    back.

    An invalid line fails this cell only. Raises whatever prevents the job from being written as a line.

    :param job: the cell.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self._messages = CellMessages(job.cell)
        self.line = line_of(recipe_of(job) | {"plugins": packed_plugins(plugins().settings)})

    def hear(self, line: bytes) -> Event | None:
        """The event of a line that `nogd work` wrote about this cell, or None if there is none to pass on.

        :param line: without its end.
        """
        try:
            match value_of(line):
                case {"id": str(id_), "event": event, "value": value} if id_ == self.job.cell.id:
                    return self._messages.event(event, value)
            raise Unusable("it sent something else than nogd sends")
        except Unusable as error:
            return self.lost("error", f"what its process told cannot be used: {error}")

    def lost(self, status: str, reason: str) -> Finished:
        """The end of a cell from which nothing more will come.

        :param status: "killed" or "error".
        :param reason: why, in words.
        """
        return self._messages.lost(status, reason)


def unsent(job: Job, error: Exception) -> Finished:
    """The end of a cell whose job cannot be written down."""
    reason = f"it cannot be sent to where cells run: {type(error).__name__}: {error}"
    return CellMessages(job.cell).lost("error", reason, "".join(format_exception(error)))


def cell_of(line: bytes) -> str | None:
    """The id of the cell that a line of `nogd work` tells of, as far as can be seen without reading all of it."""
    found = _ID.match(line)
    return None if found is None else found[1].decode("ascii")
