"""The reference of the conformance kit: every check, what it guards, and what to do."""

from __future__ import annotations

from nogd.testing.catalogue import KINDS, checks_of
from pages.markdown import page, prose

INTRO = """
Rules that nogd checks on what a plugin offers. From the shell, with advice if a rule is broken:

```sh
nogd check grid-search
nogd check ./my_learner.py
nogd check my-package --json
```

The same under pytest: `nogd.testing.parametrize_with_checks`, as in [a new package](../tutorials/publish.md).
"""


def pages() -> dict[str, str]:
    """One page with every check."""
    return {"reference/checks.md": page("Checks", INTRO, *map(_kind, KINDS))}


def _kind(kind: str) -> str:
    rules = [
        f"### {check.name}\n\n{prose(check.guards)}\n\n*Where it fails:* {prose(check.cure)}"
        for check in checks_of(kind)
    ]
    return "\n\n".join([f"## Of a {kind}", *rules])
