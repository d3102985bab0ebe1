"""Arrays as the store keeps them, read without trust: no code, no more memory than they may need."""

from __future__ import annotations

import functools
import io
import math
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nogd.bench.record import Arrays

MOST = 512 * 2**20
"""Bytes of a curve, a trace or a picture; a trace of ten million improvements fits."""
MOST_OF_A_SOLUTION = 4 * 2**30

Array = np.ndarray[Any, Any]


class Damaged(Exception):
    """Something that a store holds cannot be read. Says why, as what "it" is: "it is no zlib data"."""


def packed(table: Array) -> bytes:
    """An array as zlib-compressed .npy."""
    buffer = io.BytesIO()
    np.save(buffer, table, allow_pickle=False)
    return zlib.compress(buffer.getvalue(), level=1)


def unpacked(blob: object, most: int = MOST) -> Array:
    """The array of `packed`. Raises Damaged for anything else, and for one of more than so many bytes."""
    if not isinstance(blob, bytes):
        raise Damaged("is no compressed array")
    inflater = zlib.decompressobj()
    try:
        data = inflater.decompress(blob, most + 1)
    except zlib.error:
        raise Damaged("is no zlib data") from None
    if len(data) > most:
        raise Damaged(f"has more than {most >> 20} MiB")
    if not inflater.eof:
        raise Damaged("is cut short")
    return _array(data)


def table(blob: object, columns: Sequence[str], whole: Sequence[str] = ()) -> Array:
    """The table `[rows, columns]` of `packed`, in which some columns have no gaps. Raises Damaged for anything else."""
    found = unpacked(blob)
    if found.ndim != 2 or found.shape[1] != len(columns) or found.dtype.kind != "f":
        raise Damaged(f"is {found.dtype} of shape {list(found.shape)}, not numbers in {len(columns)} columns")
    if not np.isfinite(found[:, _places(tuple(columns), tuple(whole))]).all():
        raise Damaged(f"has gaps in {', '.join(whole)}")
    return found


@functools.cache  # there are two kinds of tables
def _places(columns: tuple[str, ...], whole: tuple[str, ...]) -> list[int]:
    return [columns.index(name) for name in whole]


def sealed(data: bytes) -> bytes:
    """Bytes that `unsealed` knows again."""
    return zlib.crc32(data).to_bytes(4, "little") + data


def unsealed(blob: object) -> bytes | None:
    """The bytes of `sealed`; None for any others, as a failing disk leaves them."""
    if not isinstance(blob, bytes) or sealed(blob[4:]) != blob:
        return None
    return blob[4:]


def saved(arrays: Arrays) -> bytes:
    """Named arrays as .npz."""
    buffer = io.BytesIO()
    # mypy takes the names for np.savez's own arguments.
    np.savez_compressed(buffer, **{name: np.asarray(array) for name, array in arrays.items()})  # type: ignore[arg-type]
    return buffer.getvalue()


def loaded(blob: object) -> Mapping[str, Array]:
    """The arrays of `saved`. Raises Damaged for anything else."""
    if not isinstance(blob, bytes):
        raise Damaged("is no archive of arrays")
    try:
        with zipfile.ZipFile(io.BytesIO(blob)) as archive:
            if sum(file.file_size for file in archive.infolist()) > MOST:  # no more is ever read of a file
                raise Damaged(f"has more than {MOST >> 20} MiB")
            return {
                file.filename.removesuffix(".npy"): _array(archive.read(file)) for file in archive.infolist()
            }
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError):
        raise Damaged("is no archive of arrays") from None


def _array(data: bytes) -> Array:
    """The array of a .npy; its header is read first, as numpy would make room for whatever that promises."""
    try:
        shape, column_first, dtype, begin = _described(data[:10], data[10 : _header_end(data)])
        promised = math.prod(shape) * dtype.itemsize
    except Exception:  # foreign bytes: numpy raises whatever it stumbles over
        raise Damaged("is no array") from None
    if dtype.hasobject:
        raise Damaged("holds Python objects, which are code")
    if promised != len(data) - begin:
        raise Damaged("has not as many numbers as it says")
    found = np.frombuffer(data, dtype, offset=begin).reshape(shape, order="F" if column_first else "C")
    return found.copy()  # it may be written to


def _header_end(data: bytes) -> int:
    """Where the header of a .npy ends, by its own word; in version 1 its length has 2 bytes, in later ones 4."""
    size = 2 if data[6] == 1 else 4
    return 8 + size + int.from_bytes(data[8 : 8 + size], "little")


@functools.lru_cache(maxsize=1024)  # of a store's headers most are alike, and numpy takes 0.1 ms for one
def _described(magic: bytes, header: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Shape, order and type that a header promises, and where the numbers begin."""
    buffer = io.BytesIO(magic + header)
    version = np.lib.format.read_magic(buffer)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, column_first, dtype = read(buffer)
    return shape, column_first, dtype, buffer.tell()
