"""The reference of tasks: what `nogd show` says, what a task looks like, and how its frozen reference learnt."""

from __future__ import annotations

from collections.abc import Mapping

from nogd.cli.description import Description, describe
from nogd.plugins.manager import plugins
from nogd.plugins.registry import Entry
from pages import task_pictures
from pages.markdown import code, page, prose, table


def pages() -> dict[str, str]:
    """A page for each task, and one that lists them."""
    entries = list(plugins().tasks)
    made = {f"reference/tasks/{entry.name}.md": _task(entry) for entry in entries}
    return made | {"reference/tasks/index.md": _overview(entries)}


def _overview(entries: list[Entry]) -> str:
    rows = [
        (f"[{entry.name}]({entry.name}.md)", entry.summary, code(entry.source.package)) for entry in entries
    ]
    names = "\n".join(entry.name for entry in entries)
    return page(
        "Tasks",
        "Problems to train on. Data come with a package, are generated, or are files of yours: nothing is "
        "downloaded. Settings are written behind the name: `-t digits,width=128`.",
        table(["name", "what is learnt", "package"], rows),
        f"```{{toctree}}\n:hidden:\n\n{names}\n```",
    )


def _task(entry: Entry) -> str:
    about = describe(entry)
    facts = [(name, _fact(value)) for name, value in about.facts.items() if value not in (None, [], "")]
    return page(
        entry.name,
        prose(about.text),
        task_pictures.data(entry),
        table(["", ""], facts),
        f"## Settings\n\n{_settings(about)}",
        _reference(entry),
    )


def _settings(about: Description) -> str:
    rows = [(code(each.name), code(each.default), each.meaning) for each in about.settings or ()]
    return table(["setting", "default", "meaning"], rows) or "It has none."


def _reference(entry: Entry) -> str:
    course = task_pictures.course(entry)
    return f"## The frozen reference\n\n{course}" if course else ""


def _fact(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{code(name)} {_fact(part)}" for name, part in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(_fact, value))
    return f"{value:,.4g}" if isinstance(value, float) else str(value)
