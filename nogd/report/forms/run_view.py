"""What the page shows of one run when somebody clicks on it: packed with the tables, as names, values and a curve."""

from __future__ import annotations

from typing import Any

import numpy as np
from pandas import DataFrame

from nogd.report.figure import Comparison
from nogd.report.forms.run_facts import environment, facts, some_points, title, traceback

MOST = 2000
"""With more runs the page tells of each what its table of runs has, and the command that prints the rest."""
_POINTS = 20


def runs_told(comparison: Comparison) -> dict[str, Any]:
    """The runs by id and the sessions' environments; no runs where there are too many for a page.

    Of each run: its title, its facts, the place of its environment, its curve by column, and where it failed.
    """
    runs = comparison.runs
    if len(runs) > MOST:
        return {"runs": {}, "environments": {}, "most": MOST}
    curves = {str(id_): points for id_, points in comparison.curves.groupby("id", sort=False)}
    made_in = sorted(set(runs["session"])) if "session" in runs else []
    return {
        "most": MOST,
        "environments": {str(session): environment(comparison, session) for session in made_in},
        "runs": {
            str(row["id"]): {
                "title": title(row),
                "facts": list(facts(row)),
                "session": str(row.get("session")),
                "curve": _curve(curves.get(str(row["id"]))),
                "traceback": traceback(row),
            }
            for row in runs.to_dict("records")
        },
    }


def _curve(points: DataFrame | None) -> dict[str, list[float | None]]:
    """A few points in four digits by column; None where there is no number."""
    if points is None:
        return {}
    shown = some_points(points, _POINTS)
    return {str(name): [_number(value) for value in shown[name]] for name in shown}


def _number(value: float) -> float | None:
    return float(f"{value:.4g}") if np.isfinite(value) else None
