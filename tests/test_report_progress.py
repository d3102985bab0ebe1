"""How far a report is: told while it is made, on stderr alone, and only where it takes a while."""

from __future__ import annotations

from pathlib import Path

import pytest
from bench_help import command
from test_store import record

from nogd.bench.store import Store
from nogd.bench.tables import load_tables
from nogd.plugins.manager import plugins
from nogd.report.forms.writing import write_form
from nogd.training import progress


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("runs")
    store = Store(made, create=True)
    for place in range(4):
        store.add(record(str(place), repetition=place, metric_name="accuracy", metric_greater=1, metric=0.5))
    store.close()
    return made


def test_reading_tells_its_share(folder: Path) -> None:
    told: list[float] = []
    assert len(load_tables(folder, tell=told.append).runs) == 4
    assert told == [0.0]  # and once more with every thousand runs


@pytest.mark.parametrize("kind", ["html", "pdf", "csv"])
def test_every_stage_is_named_once_it_begins_and_shares_only_grow(folder: Path, kind: str) -> None:
    told: list[tuple[float, str]] = []
    write_form(folder, kind, lambda share, what: told.append((share, what)))
    shares, stages = [share for share, _ in told], [what for _, what in told]
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert shares[-1] < 1.0
    assert stages[0] == "reading runs"
    assert {f"drawing {entry.name}" for entry in plugins().figures} <= set(stages)


def test_a_short_report_shows_nothing_and_standard_output_is_its_path_alone(folder: Path) -> None:
    done = command("report", folder)
    assert (done.stdout, done.stderr) == (f"{folder / 'report.html'}\n", "")


def test_a_long_one_tells_lines_on_standard_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.0)
    done = command("report", folder, "--format", "csv")
    assert done.stdout == f"{folder / 'report'}\n"
    assert "drawing learning-curves" in done.stderr
