"""The published leaderboard says what its runs say: reading, README and advice are made of them and of nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nogd.leaderboard.building import build

ROOT = Path(__file__).parent.parent
MADE = (
    "experiments/leaderboard/README.md",
    "experiments/leaderboard/standings.csv",
    "nogd/leaderboard/measured.csv",
    "nogd/leaderboard/tasks.csv",
    "README.md",
)
pytestmark = [pytest.mark.slow, pytest.mark.any_version]


def test_whatever_is_told_of_it_is_made_of_its_runs(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "experiments" / "leaderboard", tmp_path / "experiments" / "leaderboard")
    (tmp_path / "nogd" / "leaderboard").mkdir(parents=True)
    shutil.copy(ROOT / "README.md", tmp_path / "README.md")
    (tmp_path / "experiments" / "leaderboard" / "README.md").unlink()
    build(tmp_path / "experiments" / "leaderboard", (), publish=False)
    for name in MADE:
        told = (ROOT / name).read_text(encoding="utf-8")
        assert (tmp_path / name).read_text(encoding="utf-8") == told, (
            f"{name} is not what the published runs say: run 'nogd leaderboard', and commit what it writes"
        )
