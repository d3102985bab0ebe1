"""The tags of learners and tasks, as the sessions that asked for them noted them: a report imports neither."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def tags_of(meta: Mapping[str, Any], kind: str) -> dict[str, list[str]]:
    """The tags of each learner or task, of several sessions the last one's; whatever is no list of words is left out.

    kind: "learners" or "tasks".
    """
    found: dict[str, list[str]] = {}
    for session in meta.get("sessions") or ():
        noted = _mapping(_mapping(_mapping(session.get("settings")).get("tags")).get(kind))
        for name, tags in noted.items():
            if isinstance(tags, list) and all(isinstance(tag, str) for tag in tags):
                found[str(name)] = tags
    return found


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
