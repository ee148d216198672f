"""Caltech silhouettes: packed bits, the authors' files, downloads, classes."""

from __future__ import annotations

import hashlib
import sys

import numpy as np
import pytest
import torch
from scipy.io import savemat

from tensorar import load_dataset
from tensorar_plugins.datasets import caltech_files
from tests.datasets.data_errors import check_error
from tests.datasets.file_server import Server

COUNTS = {"train": 202, "valid": 3, "test": 4}


def bits(split):
    return np.random.default_rng(COUNTS[split]).integers(0, 2, (COUNTS[split], 16, 16), dtype=np.uint8)


def labels(split):
    return np.arange(COUNTS[split]) % 101 + 1


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(caltech_files, "EVENT_COUNTS", {16: tuple(COUNTS.values())})


@pytest.fixture
def packed(small, tmp_path):
    arrays = {split: np.packbits(bits(split).reshape(-1, 256), axis=1) for split in COUNTS}
    arrays |= {f"{split}_labels": labels(split).astype(np.uint8) for split in COUNTS}
    np.savez(tmp_path / "caltech_silhouettes_16.npz", shape=[16, 16], **arrays)
    return f"caltech:size=16,path={tmp_path}"


@pytest.fixture
def original(small, tmp_path, monkeypatch):
    """The authors' kind of file, with images by columns, and its MD5 as the published one."""
    path = tmp_path / "caltech101_silhouettes_16_split1.mat"
    stored = {"train": "train", "valid": "val", "test": "test"}
    arrays = {f"{stored[split]}_data": bits(split).transpose(0, 2, 1).reshape(-1, 256) for split in COUNTS}
    arrays |= {f"{stored[split]}_labels": labels(split)[:, None] for split in COUNTS}
    savemat(path, arrays, do_compression=True)
    monkeypatch.setattr(caltech_files, "MD5", {16: hashlib.md5(path.read_bytes()).hexdigest()})
    return path


def test_packed_bits_and_classes(packed):
    data = load_dataset(f"{packed},labels=true")
    assert torch.equal(data.test[:, 0], torch.from_numpy(bits("test")))
    assert data.contexts.train.argmax(1).tolist() == [value % 101 for value in range(202)]
    assert data.parse_context("Faces 2").argmax() == data.parse_context("2").argmax() == 1
    assert torch.equal(load_dataset(f"{packed},transpose=true").valid.mT, data.valid)


def test_the_authors_file_is_upright(original):
    data = load_dataset(f"caltech:size=16,path={original.parent}")
    assert torch.equal(data.train[:, 0], torch.from_numpy(bits("train")))
    assert data.image_labels.test.tolist() == [1, 2, 3, 4]


def test_the_authors_file_is_downloaded_and_verified(original, monkeypatch):
    server = Server({original.name: original.read_bytes()})
    try:
        monkeypatch.setattr(caltech_files, "MIRRORS", {16: (server.url,)})
        assert len(load_dataset("caltech:size=16").valid) == 3
        assert server.requests == [original.name]
    finally:
        server.close()


def test_only_the_published_file_is_read(original):
    original.write_bytes(original.read_bytes() + b"!")
    check_error(lambda: load_dataset(f"caltech:size=16,path={original.parent}").train, "MD5", "undamaged copy")


@pytest.mark.usefixtures("original")
def test_without_scipy(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    check_error(lambda: load_dataset(f"caltech:size=16,path={tmp_path}").train, "pip install tensorar[matlab]")


def test_other_counts_and_missing_arrays(packed, tmp_path, monkeypatch):
    monkeypatch.setattr(caltech_files, "EVENT_COUNTS", {16: (5, 3, 4)})
    check_error(lambda: load_dataset(packed).train, "5 images of 16 x 16 pixels", "(202, 16, 16)")
    np.savez(tmp_path / "caltech_silhouettes_16.npz", shape=[16, 16])
    check_error(lambda: load_dataset(packed).train, "got none")


def test_a_folder_without_the_files(tmp_path):
    check_error(lambda: load_dataset(f"caltech:path={tmp_path}").train, "caltech_silhouettes_28.npz or caltech101")


@pytest.mark.parametrize(("size", "mean"), [(16, 0.461), (28, 0.551)])
def test_real_silhouettes(data_folder, size, mean):
    data = load_dataset(f"caltech:size={size},labels=true")
    assert tuple(len(part) for part in (data.train, data.valid, data.test)) == caltech_files.EVENT_COUNTS[size]
    assert data.event_shape == (1, size, size)
    assert data.train.float().mean().item() == pytest.approx(mean, abs=1e-3)
    assert data.context_features == 101
