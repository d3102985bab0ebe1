"""Curves, hyper-parameters and endings for TensorBoard."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from nogd.bench.cell import Cell
from nogd.bench.record import Record
from nogd.bench.session import Session
from nogd.errors import UserError
from nogd_observers.figures import settings_of, step_of, worths

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class ToTensorBoard:
    """Writes each run into a folder of its own, TASK/LEARNER/REPETITION-ID; steps are forwards.

    where: the folder that TensorBoard is shown. Raises UserError where the package tensorboard is not installed.
    """

    def __init__(self, where: str, session: Session) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise UserError(
                f"NOGD_TENSORBOARD is set, but tensorboard cannot be imported ({error}): pip install tensorboard."
            ) from error
        self._folder, self._writer = Path(where).expanduser(), SummaryWriter
        self._open: dict[str, SummaryWriter] = {}

    def started(self, cell: Cell) -> None:
        """Begin the run's file."""
        name = f"{cell.repetition}-{cell.id[:6]}"
        folder = self._folder / _named(cell.task) / _named(cell.label) / name
        self._open[cell.id] = self._writer(str(folder))

    def point(self, cell: Cell, point: Mapping[str, float]) -> None:
        """Its losses and metrics."""
        for name, value in worths(point).items():
            self._open[cell.id].add_scalar(name, value, step_of(point))

    def finished(self, cell: Cell, run: Record) -> None:
        """What the tab HPARAMS compares, and how the run ended as a text."""
        from torch.utils.tensorboard.summary import hparams

        writer = self._open.pop(cell.id)
        reached = {f"solution/{name}": value for name, value in worths(run.row).items()}
        for summary in hparams(settings_of(cell), reached):
            writer._get_file_writer().add_summary(summary)
        for name, value in reached.items():
            writer.add_scalar(name, value)
        writer.add_text("ending", f"{run.status}: {run.row.get('reason')}")
        writer.close()

    def close(self) -> None:
        """Close what was interrupted."""
        for writer in self._open.values():
            writer.close()
        self._open.clear()


def _named(text: str) -> str:
    """A name for a folder."""
    return re.sub(r"[^\w.=,+()-]", "_", text)[:120]
