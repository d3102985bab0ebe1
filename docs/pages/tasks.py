"""The reference of tasks: what `nogd show` says."""

from __future__ import annotations

from collections.abc import Mapping

from nogd.cli.description import Description, describe
from nogd.plugins.manager import plugins
from nogd.plugins.registry import Entry
from pages.markdown import code, page, prose, table


def pages() -> dict[str, str]:
    """One page with every task."""
    entries = list(plugins().tasks)
    rows = [
        (f"[{entry.name}](#{entry.name})", entry.summary, code(entry.source.package)) for entry in entries
    ]
    return {
        "reference/tasks.md": page(
            "Tasks",
            "Problems to train on. Data come with a package, are generated, or are files of yours: nothing is "
            "downloaded. Settings are written behind the name: `-t digits,width=128`.",
            table(["name", "what is learnt", "package"], rows),
            *map(_task, entries),
        )
    }


def _task(entry: Entry) -> str:
    about = describe(entry)
    facts = [(name, _fact(value)) for name, value in about.facts.items() if value not in (None, [], "")]
    return f"## {entry.name}\n\n{prose(about.text)}\n\n{table(['', ''], facts)}\n\n{_settings(about)}"


def _settings(about: Description) -> str:
    rows = [(code(each.name), code(each.default), each.meaning) for each in about.settings or ()]
    return table(["setting", "default", "meaning"], rows)


def _fact(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{code(name)} {_fact(part)}" for name, part in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_fact, value))
    return f"{value:,.4g}" if isinstance(value, float) else str(value)
