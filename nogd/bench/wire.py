"""What goes over a worker's line: messages of plain data, marked and of bounded size, that nothing has to trust.

A message is a mark, a checksum, two lengths, a JSON text, and the bytes that the text points to. Reading one runs no
code of whoever sent it: no pickle, no class, no handle of anything outside the message.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

# In bytes, below the 10^9 that SQLite keeps in one piece; and far more JSON than a record has.
LARGEST, LARGEST_PART, LONGEST_TEXT = 9 * 10**8, 8 * 10**8, 2**24
HEADER = struct.Struct("<4sIQQ")
_MARK = b"ngd\n"


class Unusable(Exception):
    """What came from a process cannot be used, in a clause that says why."""


def packed(value: Any) -> list[bytes]:
    """A message, in pieces, with this value: numbers, strings, lists, dicts, bytes, arrays of numbers or strings.

    Raises TypeError or ValueError for anything else, and for what is larger than a message may be.
    """
    blobs: list[bytes] = []
    text = json.dumps(value, default=partial(_aside, blobs)).encode()
    pieces = [text, *blobs]
    size = sum(map(len, pieces))
    if len(text) > LONGEST_TEXT or size > LARGEST:
        raise ValueError(f"it takes {size:,} bytes, more than the {LARGEST:,} that are sent at once")
    checked = 0
    for piece in pieces:
        checked = zlib.crc32(piece, checked)
    return [HEADER.pack(_MARK, checked, len(text), size), *pieces]


def _aside(blobs: list[bytes], value: Any) -> dict[str, Any]:
    """Put the bytes of what JSON does not know aside, and say in JSON where they are."""
    kind, blob, shape = as_bytes(value)
    start = sum(map(len, blobs))
    blobs.append(blob)
    return {"~": kind, "at": [start, start + len(blob)], "shape": shape}


def as_bytes(value: Any) -> tuple[str, bytes, tuple[int, ...] | None]:
    """What JSON does not know as its kind, bytes and shape. Raises TypeError for what is no plain data."""
    if isinstance(value, np.generic):
        value = np.asarray(value)
    if isinstance(value, bytes):
        return "bytes", value, None
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufU":
        return value.dtype.str, value.tobytes(), value.shape
    raise TypeError(f"a {type(value).__module__}.{type(value).__qualname__} is no plain data")


def of_bytes(kind: str, blob: bytes | memoryview, shape: Any) -> Any:
    """The value of which `as_bytes` gave that. Raises ValueError or TypeError where they make none."""
    if kind == "bytes":
        return bytes(blob)
    array = np.frombuffer(blob, dtype=np.dtype(kind)).reshape(shape).copy()
    return array if array.ndim else array.item()


def room_for(header: bytes) -> int:
    """How many bytes follow this header. Raises Unusable if it is none, or announces too much."""
    mark, _, text, body = HEADER.unpack(header)
    if mark != _MARK:
        raise Unusable("something else than nogd wrote to its line")
    if text > LONGEST_TEXT or body > LARGEST or text > body:
        raise Unusable(f"it announced a message of {body:,} bytes, and {LARGEST:,} are the most")
    return int(body)


def unpacked(header: bytes, body: bytes | bytearray | memoryview) -> Any:
    """The value of a message. Raises Unusable."""
    _, checked, length, _ = HEADER.unpack(header)
    if zlib.crc32(body) != checked:
        raise Unusable("something else than nogd wrote to its line in the middle of a message")
    try:
        # Exact copies are taken of the parts only.
        view = memoryview(body)
        return json.loads(bytes(view[:length]), object_hook=_hook(view[length:]))
    except (ValueError, TypeError, KeyError, RecursionError, MemoryError) as error:
        raise Unusable(f"it sent what nogd does not send ({type(error).__name__}: {error})") from None


def _hook(blobs: memoryview) -> Callable[[dict[str, Any]], Any]:
    def whole(found: dict[str, Any]) -> Any:
        if "~" not in found:
            return found
        start, stop = found["at"]
        return of_bytes(found["~"], blobs[start:stop], found["shape"])

    return whole
