"""Runs of MLflow: parameters, metrics with steps, tags, endings."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from nogd.bench.cell import Cell
from nogd.bench.record import FAILED, Record
from nogd.bench.session import Session
from nogd.errors import UserError
from nogd_observers.figures import finite, settings_of, step_of, worths

if TYPE_CHECKING:
    from mlflow.entities import Metric

_EXPERIMENT = "NOGD_MLFLOW_EXPERIMENT"
# A server that is away keeps a run waiting for some seconds, not minutes, as it would by MLflow's own defaults.
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}
# Metrics are sent together: a server takes its time for each request, and no more than a thousand at once.
_MOST, _SECONDS = 500, 5.0


class ToMlflow:
    """Makes a run of MLflow for each run, in the experiment that NOGD_MLFLOW_EXPERIMENT names, or "nogd".

    where: the tracking URI: a server's, or that of a database. Raises UserError where MLflow is not installed.
    """

    def __init__(self, where: str, session: Session) -> None:
        for name, value in _PATIENCE.items():
            os.environ.setdefault(name, value)
        try:
            from mlflow import MlflowClient
        except ImportError as error:
            raise UserError(
                f"NOGD_MLFLOW is set, but mlflow cannot be imported ({error}): pip install mlflow-skinny."
            ) from error
        self._client, self._session = MlflowClient(tracking_uri=where), session
        self._experiment = self._found(os.environ.get(_EXPERIMENT) or "nogd")
        self._runs: dict[str, str] = {}
        self._unsent: dict[str, list[Metric]] = {}
        self._sent_at = time.monotonic()

    def started(self, cell: Cell) -> None:
        """Begin a run, with all parameters."""
        from mlflow.entities import Param

        tags = {
            "nogd.run": cell.id,
            "nogd.session": str(self._session.number),
            "nogd.store": str(self._session.folder.resolve()),
            "nogd.package": cell.learner["package"],
            "nogd.version": cell.learner["version"],
        }
        run = self._client.create_run(self._experiment, run_name=cell.name, tags=tags)
        self._runs[cell.id] = run.info.run_id
        params = [Param(name, str(value)) for name, value in settings_of(cell).items()]
        self._client.log_batch(run.info.run_id, params=params)

    def point(self, cell: Cell, point: Mapping[str, float]) -> None:
        """Its losses and metrics, which are sent a few seconds later."""
        self._note(cell, worths(point) | finite(point, "seconds"), step_of(point))
        if sum(map(len, self._unsent.values())) > _MOST or time.monotonic() > self._sent_at + _SECONDS:
            self._send()

    def finished(self, cell: Cell, run: Record) -> None:
        """The solution's figures, the costs, and how the run ended."""
        reached = worths(run.row) | finite(run.row, "best_loss", "forwards", "seconds", "memory_mb")
        self._note(cell, {f"solution.{name}": value for name, value in reached.items()}, 0)
        self._send()
        number = self._runs.pop(cell.id)
        self._client.set_tag(number, "nogd.status", run.status)
        self._client.set_tag(number, "nogd.reason", str(run.row.get("reason")))
        self._client.set_terminated(number, _ended(run.status))

    def close(self) -> None:
        """End what was interrupted."""
        self._send()
        for number in self._runs.values():
            self._client.set_terminated(number, "KILLED")
        self._runs.clear()

    def _found(self, name: str) -> str:
        """The number of the experiment of that name, which may be new."""
        known = self._client.get_experiment_by_name(name)
        return str(self._client.create_experiment(name) if known is None else known.experiment_id)

    def _note(self, cell: Cell, figures: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = time.time_ns() // 1_000_000
        new = [Metric(name, value, now, step) for name, value in figures.items()]
        self._unsent.setdefault(self._runs[cell.id], []).extend(new)

    def _send(self) -> None:
        unsent, self._unsent = self._unsent, {}
        for number, metrics in unsent.items():
            self._client.log_batch(number, metrics=metrics)
        self._sent_at = time.monotonic()


def _ended(status: str) -> str:
    if status == "killed":
        return "KILLED"
    return "FAILED" if status in FAILED else "FINISHED"
