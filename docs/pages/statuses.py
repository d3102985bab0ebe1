"""The reference of statuses: how a run can end."""

from __future__ import annotations

from nogd.bench.record import FAILED, STATUSES, TRIED_AGAIN
from pages.markdown import code, page, table


def pages() -> dict[str, str]:
    """One page with every status."""
    rows = [
        (code(name), meaning, "yes" if name in FAILED else "", "yes" if name in TRIED_AGAIN else "")
        for name, meaning in STATUSES.items()
    ]
    return {
        "reference/statuses.md": page(
            "Statuses",
            "Every run ends with one of these, and each is a row of the store: a failure is a result, never a gap.",
            table(["status", "meaning", "counts as failed", "tried again by the next run"], rows),
            "`nogd runs --status error` lists the runs that ended so; the report has their reasons and tracebacks.",
        )
    }
