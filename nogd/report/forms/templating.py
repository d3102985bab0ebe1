"""How the report's templates are read: escaped, and an unknown name is an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jinja2
from markupsafe import Markup, escape


def environment(**filters: Callable[..., Any]) -> jinja2.Environment:
    """The templates of nogd.report.forms, with these filters."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("nogd.report.forms"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters.update(breakable=breakable, **filters)
    return made


def breakable(name: str) -> Markup:
    """A name that a narrow column may break after a comma rather than anywhere."""
    return Markup(str(escape(name)).replace(",", ",<wbr>"))
