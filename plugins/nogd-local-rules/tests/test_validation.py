"""The script that has `r-stdp` learn the exclusive or, at a small size, so that it goes on working."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

sys.path.append(str(Path(__file__).parents[3] / "experiments" / "validation"))
import r_stdp_xor


def test_runs_are_made_once_and_judged(tmp_path, monkeypatch, capsys):
    out = tmp_path / "runs.csv"
    monkeypatch.setattr(
        sys, "argv", ["r_stdp_xor.py", "--seeds", "1", "--memory", "25", "--epochs", "1", "--out", str(out)]
    )
    r_stdp_xor.main()
    written = out.read_text()
    r_stdp_xor.main()
    assert out.read_text() == written
    assert len(pd.read_csv(out)) == 1
    assert "before" in capsys.readouterr().out


def test_a_network_has_learnt_where_the_output_fires_least_for_both_bits():
    rates = {"before 00": 0, "before 01": 40, "before 10": 30, "before 11": 30}
    rates |= {"after 00": 0, "after 01": 40, "after 10": 31, "after 11": 30}
    found = r_stdp_xor.learnt(pd.DataFrame([{"memory": 25.0, "seed": 0, "epochs": 1, **rates}]))
    assert found.loc[0, ["runs", "before", "after"]].tolist() == [1, 0, 1]
