from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import nogd
from nogd.plugins.manager import PluginSettings, configured
from nogd.report.results import Results

VARIABLES = ("NOGD_CSV_LOG", "NOGD_TENSORBOARD", "NOGD_MLFLOW", "NOGD_MLFLOW_EXPERIMENT")


@pytest.fixture(autouse=True)
def _asked_for_nothing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No observer is switched on from outside, and what one test breaks is whole in the next."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # a database takes ten seconds to be made
    for name in ("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"):
        monkeypatch.setenv(name, "1")
    with configured(PluginSettings()):
        yield


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Results]:
    """Run a small experiment in this process, and give its results."""

    def ran(**changes: Any) -> Results:
        given = {"learners": ["random-search", "adam"], "tasks": "iris", "repetitions": 1, "budget": 40}
        return nogd.run(out=tmp_path / "store", jobs=0, progress=False, **{**given, **changes})

    return ran
