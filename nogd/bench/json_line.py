"""Plain data as one line of JSON, with bytes and arrays in base64, for pipes to wherever `nogd work` runs.

Reading one runs no code of whoever sent it. NaN and Infinity are written as Python's json module writes them.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from nogd.bench.wire import LARGEST, LONGEST_TEXT, Unusable, as_bytes, of_bytes

LONGEST = LARGEST // 3 * 4 + LONGEST_TEXT
"""Characters of a line: base64 takes four for three bytes."""


def line_of(value: Any) -> str:
    """A value, as `nogd.bench.wire.packed` takes it, in one line, its end included.

    Raises TypeError or ValueError for anything else, and for what is longer than a line may be.
    """
    text = json.dumps(value, default=_coded)
    if len(text) >= LONGEST:
        raise ValueError(
            f"it takes {len(text):,} characters, more than the {LONGEST:,} that are sent in a line"
        )
    return text + "\n"


def value_of(line: str | bytes) -> Any:
    """The value of a line. Raises Unusable."""
    if len(line) > LONGEST:
        raise Unusable(f"it sent a line of more than {LONGEST:,} characters")
    try:
        return json.loads(line, object_hook=_whole)
    except (ValueError, TypeError, KeyError, RecursionError, MemoryError) as error:
        raise Unusable(f"it sent what nogd does not send ({type(error).__name__}: {error})") from None


def _coded(value: Any) -> dict[str, Any]:
    kind, blob, shape = as_bytes(value)
    return {"~": kind, "base64": base64.b64encode(blob).decode("ascii"), "shape": shape}


def _whole(found: dict[str, Any]) -> Any:
    if "~" not in found:
        return found
    return of_bytes(found["~"], base64.b64decode(found["base64"], validate=True), found["shape"])
