"""The page's script, in files by job, and the data that it works on."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from nogd.plugins.access import ACCESS
from nogd.report.drawing.style import looks_of
from nogd.report.figure import Comparison
from nogd.report.names import short_name
from nogd.report.numbers.leaderboard import Board
from nogd.report.numbers.tags import tags_of

PARTS = ("common", "sorting", "choosing", "values", "against", "pairwise", "runs", "files", "reading")
"""In this order: each may use the first two."""


def script() -> str:
    """All of it."""
    folder = files("nogd.report.forms").joinpath("scripts")
    return "\n".join(folder.joinpath(f"{part}.js").read_text(encoding="utf-8") for part in PARTS)


def checksum(text: str) -> str:
    """The one script that a browser may run in this page, whatever a plugin's name or text contains."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def packed(tables: Mapping[str, Any]) -> str:
    """Tables and more by key as one block of base64: JSON, packed by gzip without a date, so that equals are equal."""
    told = json.dumps(tables, ensure_ascii=False).encode(errors="replace")
    return base64.b64encode(gzip.compress(told, mtime=0)).decode()


def learners_told(comparison: Comparison, board: Board) -> list[dict[str, Any]]:
    """The leaderboard's learners in its order: name, access, tags, and how pictures and tables spell them."""
    look, rows = looks_of(comparison), board.table
    tags = tags_of(comparison.meta, "learners")
    return [
        {
            "name": short_name(learner, 120),
            "access": access or "",
            "tags": tags.get(str(learner), []),
            "spellings": list(
                dict.fromkeys([*(short_name(learner, width) for width in (120, 40)), look[learner].label])
            ),
        }
        for learner, access in zip(rows["learner"], rows["access"], strict=True)
    ]


def accesses(board: Board) -> list[str]:
    """The classes of access that occur, the weakest first."""
    return [access for access in ACCESS if access in set(board.table["access"])]


def told_tags(comparison: Comparison) -> dict[str, list[str]]:
    """The tags of learners and of tasks that choose some of them and not all, by name."""
    names = {"learners": comparison.learners, "tasks": comparison.tasks}
    return {kind: _choosing(tags_of(comparison.meta, kind), those) for kind, those in names.items()}


def _choosing(tags: Mapping[str, Sequence[str]], names: Sequence[str]) -> list[str]:
    counts = Counter(tag for name in names for tag in tags.get(name, ()))
    return sorted(tag for tag, count in counts.items() if count < len(names))
