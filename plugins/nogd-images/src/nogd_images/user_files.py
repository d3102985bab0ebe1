"""Image files that users have: MNIST and Fashion-MNIST (idx), CIFAR-10 and CIFAR-100 (the binary version).

All are plain numbers behind a short header, so that nothing in them is ever executed. What a header says is checked
against known sizes before anything is read.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from nogd import Dataset
from nogd.errors import DataError

Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Opened = gzip.GzipFile | BufferedReader

FOLDER = "NOGD_DATA"
"""The environment variable that names the folder."""
MOST = 100_000
"""Images in one file, at most; the largest standard file has 60,000."""
_SIDE = 28
_COLOURS = 3 * 32 * 32
_IMAGES, _LABELS = "{}-images-idx3-ubyte", "{}-labels-idx1-ubyte"
_IMAGES_MAGIC, _LABELS_MAGIC = 2051, 2049


def user_folder() -> Path | None:
    """The folder that NOGD_DATA names, if any."""
    named = os.environ.get(FOLDER)
    return Path(named).expanduser().absolute() if named else None


@dataclass(frozen=True)
class IdxData(Dataset):
    """The 70,000 images of MNIST or Fashion-MNIST, from four idx files, each of which may end in .gz."""

    folder: Path | None = field(default_factory=user_folder)
    examples: int | None = None
    subfolders: ClassVar[Sequence[str]]
    origin: ClassVar[str]

    def load(self) -> tuple[Tensor, Tensor]:
        """Inputs `[N, 784]`, grey levels brought from 0..255 to 0..1; targets int64 `[N]`, training files first.

        :raises DataError: if NOGD_DATA is not set, or a file is missing, truncated or of another kind.
        """
        images, labels = [], []
        for part in ("train", "t10k"):
            images.append(read_images(self._file(_IMAGES.format(part))))
            labels.append(read_labels(self._file(_LABELS.format(part)), len(images[-1]), classes=10))
        return as_tensors(np.concatenate(images), np.concatenate(labels), self.examples)

    def files(self) -> Sequence[Path]:
        """Those of the four files that are there."""
        names = (each.format(part) for part in ("train", "t10k") for each in (_IMAGES, _LABELS))
        return there(self._file, names)

    def _file(self, name: str) -> Path:
        return found_file(self.folder, self.subfolders, [name, f"{name}.gz"], self.origin)


class MnistData(IdxData):
    """70,000 handwritten digits, 28 x 28 pixels, from the user's files (LeCun et al., 1998)."""

    name: ClassVar[str] = "mnist"
    subfolders: ClassVar[Sequence[str]] = ("mnist", "MNIST", "MNIST/raw")
    origin: ClassVar[str] = "the four idx files of MNIST (yann.lecun.com/exdb/mnist or a mirror of it)"


class FashionMnistData(IdxData):
    """70,000 pieces of clothing, 28 x 28 pixels, from the user's files (Xiao et al., arXiv:1708.07747)."""

    name: ClassVar[str] = "fashion-mnist"
    subfolders: ClassVar[Sequence[str]] = ("fashion-mnist", "FashionMNIST", "FashionMNIST/raw")
    origin: ClassVar[str] = "the four idx files of github.com/zalandoresearch/fashion-mnist"


@dataclass(frozen=True)
class CifarData(Dataset):
    """The 60,000 colour images of CIFAR-10 or CIFAR-100, from the files of its binary version."""

    folder: Path | None = field(default_factory=user_folder)
    examples: int | None = None
    subfolders: ClassVar[Sequence[str]]
    origin: ClassVar[str]
    batches: ClassVar[Sequence[str]]
    classes: ClassVar[int]
    labels: ClassVar[int]

    def load(self) -> tuple[Tensor, Tensor]:
        """Inputs `[N, 3072]`, red, green and blue of 32 x 32 pixels each, from 0 to 1; targets int64 `[N]`.

        :raises DataError: if NOGD_DATA is not set, or a file is missing, truncated or of another kind.
        """
        parts = [read_records(self._file(name), self.labels, self.classes) for name in self.batches]
        images, labels = (np.concatenate(each) for each in zip(*parts, strict=True))
        return as_tensors(images, labels, self.examples)

    def files(self) -> Sequence[Path]:
        """Those of its files that are there."""
        return there(self._file, self.batches)

    def _file(self, name: str) -> Path:
        return found_file(self.folder, self.subfolders, [name], self.origin)


class Cifar10Data(CifarData):
    """60,000 colour images of ten classes, 32 x 32 pixels, from the user's files (Krizhevsky, 2009)."""

    name: ClassVar[str] = "cifar10"
    subfolders: ClassVar[Sequence[str]] = ("cifar-10-batches-bin",)
    origin: ClassVar[str] = "what cifar-10-binary.tar.gz of www.cs.toronto.edu/~kriz/cifar.html unpacks to"
    batches: ClassVar[Sequence[str]] = (
        *(f"data_batch_{number}.bin" for number in range(1, 6)),
        "test_batch.bin",
    )
    classes: ClassVar[int] = 10
    labels: ClassVar[int] = 1


class Cifar100Data(CifarData):
    """60,000 colour images of a hundred classes, 32 x 32 pixels, from the user's files (Krizhevsky, 2009)."""

    name: ClassVar[str] = "cifar100"
    subfolders: ClassVar[Sequence[str]] = ("cifar-100-binary",)
    origin: ClassVar[str] = "what cifar-100-binary.tar.gz of www.cs.toronto.edu/~kriz/cifar.html unpacks to"
    batches: ClassVar[Sequence[str]] = ("train.bin", "test.bin")
    classes: ClassVar[int] = 100
    labels: ClassVar[int] = 2  # the coarse one first


def found_file(folder: Path | None, subfolders: Sequence[str], names: Sequence[str], origin: str) -> Path:
    """The first file of these names in the subfolders, then in the folder itself; raises DataError without one."""
    if folder is None:
        raise DataError(f"{FOLDER} is not set: put {origin} into a folder, and set {FOLDER} to its path.")
    places = [*(folder / each for each in subfolders), folder]
    for path in (place / name for place in places for name in names):
        if path.is_file():
            return path
    raise DataError(
        f"{folder} ({FOLDER}) has no {names[0]}, nor has its {subfolders[0]}: put {origin} there."
    )


def there(find: Callable[[str], Path], names: Iterable[str]) -> list[Path]:
    """What is found of these names; what is missing is told once it is read."""
    found = []
    for name in names:
        with suppress(DataError):
            found.append(find(name))
    return found


def read_images(path: Path) -> Bytes:
    """The images of an idx file, `[N, 784]`; raises DataError if it is none of 28 x 28 pixels."""
    with _opened(path) as file:
        magic, count, height, width = _header(path, file, 4)
        _check_header(path, magic, _IMAGES_MAGIC, count)
        if (height, width) != (_SIDE, _SIDE):
            raise _wrong(path, f"has images of {height} x {width} pixels in place of {_SIDE} x {_SIDE}")
        return _rest(path, file, count * _SIDE * _SIDE).reshape(count, _SIDE * _SIDE)


def read_labels(path: Path, count: int, classes: int) -> Bytes:
    """The labels of an idx file, `[count]`; raises DataError if there are more or fewer, or it is no such file."""
    with _opened(path) as file:
        magic, found = _header(path, file, 2)
        _check_header(path, magic, _LABELS_MAGIC, found)
        if found != count:
            raise _wrong(path, f"has {found} labels for {count} images")
        return _checked_labels(path, _rest(path, file, count), classes)


def read_records(path: Path, labels: int, classes: int) -> tuple[Bytes, Bytes]:
    """Images `[N, 3072]` and labels `[N]` of a file of CIFAR's binary version; raises DataError if it is none.

    labels: how many of them stand before each image; the last one counts.
    """
    size, record = path.stat().st_size, labels + _COLOURS
    count, over = divmod(size, record)
    if over or not 1 <= count <= MOST:
        raise _wrong(path, f"has {size} bytes, no whole number (1 to {MOST}) of records of {record}")
    with _opened(path) as file:
        records = _rest(path, file, size).reshape(count, record)
    return records[:, labels:], _checked_labels(path, records[:, labels - 1], classes)


def as_tensors(images: Bytes, labels: Bytes, examples: int | None = None) -> tuple[Tensor, Tensor]:
    """Images as float32 from 0 to 1, labels as int64; of all examples so many, taken evenly."""
    if examples is not None and examples < len(labels):
        rows = np.arange(examples) * len(labels) // examples
        images, labels = images[rows], labels[rows]
    inputs = torch.from_numpy(images.astype(np.float32)).div_(255)
    return inputs, torch.from_numpy(labels.astype(np.int64))


def _opened(path: Path) -> Opened:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")


def _header(path: Path, file: Opened, count: int) -> list[int]:
    return [int(each) for each in np.frombuffer(_read(path, file, 4 * count), dtype=">u4")]


def _check_header(path: Path, magic: int, expected: int, count: int) -> None:
    if magic != expected:
        raise _wrong(path, f"begins with the magic number {magic} in place of {expected}")
    if not 1 <= count <= MOST:
        raise _wrong(path, f"claims to have {count} examples, where 1 to {MOST} are possible")


def _rest(path: Path, file: Opened, size: int) -> Bytes:
    """The last `size` bytes of a file."""
    data = np.frombuffer(_read(path, file, size), dtype=np.uint8)
    if file.read(1):
        raise _wrong(path, "has more bytes than its examples take")
    return data


def _read(path: Path, file: Opened, size: int) -> bytes:
    try:
        data = file.read(size)
    except (OSError, EOFError, zlib.error) as error:
        raise _wrong(path, f"cannot be read ({error})") from None
    if len(data) < size:
        raise _wrong(path, "is truncated")
    return data


def _checked_labels(path: Path, labels: Bytes, classes: int) -> Bytes:
    if int(labels.max()) >= classes:
        raise _wrong(path, f"has the label {int(labels.max())}, where {classes - 1} is the largest")
    return labels


def _wrong(path: Path, what: str) -> DataError:
    return DataError(f"{path} {what}; fetch it again, from where the standard files are.")
