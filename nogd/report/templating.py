"""How the report's templates are read: escaped, and an unknown name is an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jinja2


def environment(**filters: Callable[..., Any]) -> jinja2.Environment:
    """The templates of nogd.report, with these filters."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("nogd.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters.update(filters)
    return made
