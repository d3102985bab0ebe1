"""The reference of hooks: nogd/hookspecs.py, word for word."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from nogd import hookspecs
from pages.markdown import block, page, prose


def pages() -> dict[str, str]:
    """One page with every hook, its arguments and an example."""
    title, _, rest = (inspect.getdoc(hookspecs) or "").partition("\n")
    intro = (
        f"A plugin is made of these {len(list(_specifications()))} functions; it writes those that it needs."
    )
    parts = [f"## {hook.__name__}\n\n{_about(hook)}" for hook in _specifications()]
    return {"reference/hooks.md": page("Hooks", title, intro, prose(rest), *parts)}


def _specifications() -> Iterator[Callable[..., Any]]:
    for value in vars(hookspecs).values():
        if hasattr(value, "nogd_spec"):
            yield value


def _about(hook: Callable[..., Any]) -> str:
    signature = f"def {hook.__name__}{inspect.signature(hook)}".replace("'", "")
    return f"{block(signature, 'python')}\n\n{prose(inspect.getdoc(hook) or '')}"
