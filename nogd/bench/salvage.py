"""What can be read of a store that is damaged, or that somebody else made, and what cannot, by name."""

from __future__ import annotations

import functools
import json
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nogd.bench.columns import REAL, WHOLE
from nogd.bench.packing import Array, Damaged, table
from nogd.bench.record import STATUSES
from nogd.bench.wording import MOST, tidy
from nogd.errors import NogdWarning

_NEEDED = ("id", "learner", "task", "repetition", "status")
_JSON = ("hyper", "budget")
_LONGEST = 1_000  # characters of a name
_NAMED = 5


@dataclass
class Damage:
    """What could not be read of a store, and why. runs: by id; others: in words."""

    runs: dict[str, str] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)

    def tell(self, path: Path) -> None:
        """Warn of all of it in one sentence, if there is any."""
        named = [f"run {tidy(id_, 40)!r} ({why})" for id_, why in self.runs.items()]
        named += [f"{what} ({why})" for what, why in self.others.items()]
        if not named:
            return
        more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
        cure = (
            "; the same 'nogd run' makes such runs anew, 'nogd runs --id ID --delete' deletes them"
            if self.runs
            else ""
        )
        warnings.warn(
            f"{path} holds what cannot be read and is left out: {', '.join(named[:_NAMED])}{more}{cure}.",
            NogdWarning,
            stacklevel=3,
        )


def sound_run(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `runs` whose values are of their kinds, fit to be shown. Raises Damaged for any other."""
    for name in _NEEDED:
        if row[name] is None:
            raise Damaged(f"its {name} is missing")
    found = {name: _sound(name, value) for name, value in row.items()}
    if found["status"] not in STATUSES:
        raise Damaged(f"its status is {_shown(row['status'])}")
    for name in _JSON:
        if found[name] is not None and not _is_object(found[name]):
            raise Damaged(_no_object(name, found[name]))
    return found


def sound_table(name: str, blob: object, columns: Sequence[str], whole: Sequence[str] = ()) -> Array | None:
    """A run's table as `nogd.bench.packing.table` reads it, None where there is none. Raises Damaged that names it."""
    try:
        return None if blob is None else table(blob, columns, whole)
    except Damaged as why:
        raise Damaged(f"its {name} {why}") from None


def json_object(text: object, name: str) -> dict[str, Any]:
    """An object as JSON. Raises Damaged for anything else."""
    if not isinstance(text, str) or not isinstance(found := _read(text), dict):
        raise Damaged(_no_object(name, text))
    return found


def _read(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


@functools.lru_cache(maxsize=1_000)  # most runs share theirs with many others
def _is_object(text: str) -> bool:
    return isinstance(_read(text), dict)


def _no_object(name: str, text: object) -> str:
    return f"its {name} is no JSON object: {_shown(text)}"


def sound_entry(text: object) -> dict[str, Any]:
    """A frozen entry, with targets that can be measured by. Raises Damaged for any other."""
    found = json_object(text, "entry")
    targets = found.get("targets", [])
    if not isinstance(targets, list) or not all(map(_is_target, targets)):
        raise Damaged("its targets are none")
    return found


def sound_cell(row: tuple[Any, ...]) -> bool:
    """Whether a row of `cells` has values of their kinds."""
    return all(isinstance(value, kind) for value, kind in zip(row, (str, str, str, int, int), strict=True))


def shown(text: str) -> str:
    """A name as it may be shown anywhere."""
    return tidy(text, _LONGEST)


def _is_target(target: object) -> bool:
    return (
        isinstance(target, dict)
        and isinstance(target.get("name"), str)
        and all(isinstance(target.get(name), int | float) for name in ("loss", "forwards"))
    )


def _sound(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in WHOLE:
        return _of(int, name, value)
    if name in REAL:
        number = float(_of((int, float), name, value))
        return number if math.isfinite(number) else None
    text = str(_of(str, name, value))
    return text if name in _JSON else tidy(text, MOST.get(name, _LONGEST))


def _of(kind: type | tuple[type, ...], name: str, value: Any) -> Any:
    if not isinstance(value, kind):
        raise Damaged(f"its {name} is {_shown(value)}")
    return value


def _shown(value: object) -> str:
    return tidy(ascii(value), 80)
