"""Files of the user's are read as they are documented, and what is none of them is refused in one sentence."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest
import torch
from nogd_images import user_files
from nogd_images.image_tasks import Cifar10, Mnist
from nogd_images.user_files import Cifar10Data, Cifar100Data, FashionMnistData, MnistData

import nogd
from nogd.bench.code import CodeReader
from nogd.errors import DataError

PICTURES = np.random.default_rng(0).integers(256, size=(50, 784), dtype=np.uint8)
DIGITS = np.arange(50, dtype=np.uint8) % 10
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def images_file(pictures=PICTURES, magic=2051, side=28):
    return struct.pack(">4I", magic, len(pictures), side, side) + pictures.tobytes()


def labels_file(digits=DIGITS, magic=2049):
    return struct.pack(">2I", magic, len(digits)) + digits.tobytes()


def write_mnist(folder, end=""):
    folder.mkdir(parents=True, exist_ok=True)
    for part, rows in (("train", slice(0, 40)), ("t10k", slice(40, 50))):
        for name, data in (
            (f"{part}-images-idx3-ubyte", images_file(PICTURES[rows])),
            (f"{part}-labels-idx1-ubyte", labels_file(DIGITS[rows])),
        ):
            (folder / f"{name}{end}").write_bytes(gzip.compress(data) if end else data)


def cifar_file(count, labels, seed):
    records = np.random.default_rng(seed).integers(256, size=(count, labels + 3072), dtype=np.uint8)
    records[:, :labels] = (np.arange(count) % 10)[:, None] + np.arange(labels)
    return records


@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize("place", ["", "mnist", "MNIST/raw"])
def test_idx_files_are_read_training_first(tmp_path, monkeypatch, place, end):
    write_mnist(tmp_path / place, end)
    monkeypatch.setenv("NOGD_DATA", str(tmp_path))
    inputs, targets = MnistData().load()
    assert (inputs.dtype, targets.dtype) == (torch.float32, torch.int64)
    assert torch.equal((inputs * 255).round(), torch.from_numpy(PICTURES).float())
    assert torch.equal(targets, torch.from_numpy(DIGITS).long())


def test_each_data_set_has_a_folder_of_its_own(tmp_path):
    write_mnist(tmp_path / "mnist")
    write_mnist(tmp_path / "fashion-mnist")
    (tmp_path / "fashion-mnist" / IMAGES).write_bytes(images_file(255 - PICTURES[:40]))
    digits, clothes = MnistData(tmp_path).load()[0], FashionMnistData(tmp_path).load()[0]
    torch.testing.assert_close(digits[:40], 1 - clothes[:40])


def test_fewer_examples_are_taken_evenly(tmp_path):
    write_mnist(tmp_path)
    inputs, targets = MnistData(tmp_path, examples=5).load()
    assert targets.tolist() == DIGITS[::10].tolist()
    assert torch.equal(inputs, MnistData(tmp_path).load()[0][::10])


@pytest.mark.parametrize(("kind", "labels"), [(Cifar10Data, 1), (Cifar100Data, 2)])
def test_records_of_cifar_are_read_in_order_and_the_fine_label_counts(tmp_path, kind, labels):
    written = [cifar_file(3, labels, seed) for seed, _ in enumerate(kind.batches)]
    folder = tmp_path / kind.subfolders[0]
    folder.mkdir()
    for name, records in zip(kind.batches, written, strict=True):
        (folder / name).write_bytes(records.tobytes())
    inputs, targets = kind(tmp_path).load()
    records = np.concatenate(written)
    assert targets.tolist() == records[:, labels - 1].tolist()
    assert torch.equal((inputs * 255).round(), torch.from_numpy(records[:, labels:]).float())


# What is wrong


@pytest.mark.parametrize("named", [None, ""])
def test_without_the_variable_it_is_named_with_what_to_fetch(monkeypatch, named):
    monkeypatch.delenv("NOGD_DATA", raising=False)
    if named is not None:
        monkeypatch.setenv("NOGD_DATA", named)
    with pytest.raises(
        DataError, match=r"^NOGD_DATA is not set: put the four idx files of MNIST .* into a folder"
    ):
        Mnist().problem(0)


def test_a_missing_file_is_named(tmp_path):
    write_mnist(tmp_path)
    (tmp_path / LABELS).unlink()
    with pytest.raises(DataError, match=rf"\(NOGD_DATA\) has no {LABELS}, nor has its mnist: put the four"):
        MnistData(tmp_path).load()
    with pytest.raises(DataError, match=r"has no data_batch_1\.bin.*cifar-10-binary\.tar\.gz"):
        Cifar10Data(tmp_path / "nowhere").load()


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        (IMAGES, b"", "is truncated"),
        (IMAGES, images_file()[:-1], "is truncated"),
        (IMAGES, images_file() + b"x", "more bytes"),
        (IMAGES, images_file(magic=2049), "magic number 2049 in place of 2051"),
        (IMAGES, gzip.compress(images_file()), "magic number"),
        (IMAGES, images_file(side=1 << 31), "images of 2147483648 x 2147483648 pixels"),
        (IMAGES, struct.pack(">4I", 2051, 4_000_000_000, 28, 28), "claims to have 4000000000 examples"),
        (IMAGES, struct.pack(">4I", 2051, 0, 28, 28), "claims to have 0 examples"),
        (f"{IMAGES}.gz", images_file(), "cannot be read"),
        (f"{IMAGES}.gz", gzip.compress(images_file())[:5000], "cannot be read"),
        (LABELS, labels_file(magic=1), "magic number 1 in place of 2049"),
        (LABELS, labels_file(DIGITS[:7]), "has 7 labels for 40 images"),
        (LABELS, labels_file(np.full(40, 10, dtype=np.uint8)), "has the label 10, where 9 is the largest"),
    ],
)
def test_an_idx_file_that_is_none_is_refused(tmp_path, name, data, told):
    write_mnist(tmp_path)
    (tmp_path / name.removesuffix(".gz")).unlink()
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match=rf"{name} .*{told}.*; fetch it again"):
        MnistData(tmp_path).load()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "has 0 bytes"),
        (b"\x80\x04pickle" * 100, "has 800 bytes, no whole number"),
        (bytes([99]) + bytes(3072), "has the label 99"),
    ],
)
def test_a_file_of_cifar_that_is_none_is_refused(tmp_path, data, told):
    (tmp_path / "data_batch_1.bin").write_bytes(data)
    with pytest.raises(DataError, match=rf"data_batch_1\.bin {told}"):
        Cifar10Data(tmp_path).load()


def test_a_file_of_cifar_that_is_too_large_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(user_files, "MOST", 2)
    (tmp_path / "data_batch_1.bin").write_bytes(cifar_file(3, 1, 0).tobytes())
    monkeypatch.setattr(user_files, "_opened", None)
    with pytest.raises(DataError, match=r"no whole number \(1 to 2\)"):
        Cifar10Data(tmp_path).load()


# What a run is


def test_the_contents_of_the_files_are_part_of_what_a_run_is(tmp_path, monkeypatch):
    monkeypatch.setenv("NOGD_DATA", str(tmp_path / "a"))
    without = CodeReader().of_task(Mnist())
    write_mnist(tmp_path / "a")
    before = CodeReader().of_task(Mnist())
    write_mnist(tmp_path / "b")
    monkeypatch.setenv("NOGD_DATA", str(tmp_path / "b"))
    assert CodeReader().of_task(Mnist()) == before  # wherever they lie
    (tmp_path / "b" / IMAGES).write_bytes(images_file(255 - PICTURES[:40]))
    assert len({without, before, CodeReader().of_task(Mnist())}) == 3


def test_a_task_on_such_files_can_be_learnt(tmp_path):
    records = cifar_file(10, 1, 0)
    records[:, 1:] //= 10
    records[:, 1:] += 23 * records[:, :1]  # the lighter, the larger the label
    for name in Cifar10Data.batches:
        (tmp_path / name).write_bytes(records.tobytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NOGD_DATA", str(tmp_path))
        problem = Cifar10(width=4).problem(0)
    run = nogd.fit(
        problem.module,
        problem.train.inputs,
        problem.train.targets,
        loss="cross-entropy",
        learner="adam,lr=0.01",
        budget=60,
        mode="train",
    )
    assert run.loss < 0.8 * float(run.curve["loss"].iloc[0])
