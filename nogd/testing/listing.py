"""What lists say of a class: by the `Lazy` that stands for it."""

from __future__ import annotations

from typing import Protocol

from nogd.plugins.registry import Lazy, offered
from nogd.testing.check import NotApplicable, broken


class Tagged(Protocol):
    """A class with a name and tags."""

    name: str
    tags: frozenset[str]


def lazies_of(registry: str, kind: Tagged) -> list[Lazy]:
    """Those by which installed plugins offer the class, with its tags. Raises NotApplicable where there is none."""
    lazy = [each.target for each in offered(registry) if each.name == kind.name]
    mine = [each for each in lazy if isinstance(each, Lazy) and each.load() is kind]
    if not mine:
        raise NotApplicable("no installed plugin offers it by a Lazy")
    for each in mine:
        if each.tags != kind.tags:
            broken(f"its Lazy has the tags {sorted(each.tags)}, the class {sorted(kind.tags)}.")
    return mine
