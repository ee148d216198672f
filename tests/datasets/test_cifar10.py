"""CIFAR-10: files, the archive, the subset, labels; with few images in each file."""

from __future__ import annotations

import hashlib
import io
import tarfile

import numpy as np
import pytest
import torch

from tensorar import load_dataset
from tensorar_plugins.datasets import cifar10
from tests.datasets.data_errors import check_error
from tests.datasets.file_server import Server


def records(k):
    random = np.random.default_rng(k)
    return np.hstack([random.integers(0, 10, (10, 1)), random.integers(0, 256, (10, 3072))]).astype(np.uint8)


@pytest.fixture
def files(monkeypatch):
    monkeypatch.setattr(cifar10, "IMAGES_PER_FILE", 10)
    return {name: records(k).tobytes() for k, name in enumerate(cifar10.FILES)}


def archived(files):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in reversed(files.items()):
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return content.getvalue()


def test_files_and_archive_are_the_same(files, tmp_path):
    (tmp_path / "inside" / "cifar-10-batches-bin").mkdir(parents=True)
    for name, data in files.items():
        (tmp_path / "inside" / "cifar-10-batches-bin" / name).write_bytes(data)
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(archived(files))
    one, other = (load_dataset(f"cifar10:path={path},labels=true") for path in (tmp_path / "inside", tmp_path))
    assert (len(one.train), len(one.valid), len(one.test)) == (45, 5, 10)
    assert torch.equal(one.train, other.train)
    planes = torch.from_numpy(records(5)[:, 1:]).reshape(10, 3, 32, 32)
    assert torch.equal(other.test, planes.permute(0, 2, 3, 1))
    assert other.image_labels.test.tolist() == records(5)[:, 0].tolist()
    assert other.parse_context("frog").argmax() == other.parse_context("6").argmax()


def test_download(files, monkeypatch):
    content = archived(files)
    server = Server({"cifar-10-binary.tar.gz": content})
    try:
        monkeypatch.setattr(cifar10, "MIRRORS", (server.url,))
        check_error(lambda: load_dataset("cifar10").train, "wrong checksum", "cifar10:path=FOLDER")
        monkeypatch.setattr(cifar10, "MD5", hashlib.md5(content).hexdigest())
        assert load_dataset("cifar10").event_shape == (32, 32, 3)
    finally:
        server.close()


def test_damaged_files(files, tmp_path):
    path, spec = tmp_path / "cifar-10-binary.tar.gz", f"cifar10:path={tmp_path}"
    check_error(lambda: load_dataset(spec).train, "cifar-10-binary.tar.gz or data_batch_1.bin")
    whole = archived(files)
    label = files | {"test_batch.bin": b"\xff" + files["test_batch.bin"][1:]}
    short = files | {"test_batch.bin": files["test_batch.bin"][:-1]}
    fewer = dict(list(files.items())[1:])
    for content in (b"", b"no archive", whole[: len(whole) // 2], archived(label), archived(short), archived(fewer)):
        path.write_bytes(content)
        check_error(lambda: load_dataset(spec).train, "10 images each", "undamaged copy")


def test_the_subset(tmp_path):
    check_error(lambda: load_dataset("cifar10:subset=true").train, "cifar10_subset.npz")
    spec = f"cifar10:subset=true,path={tmp_path}"
    images = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    np.savez(tmp_path / "cifar10_subset.npz", train=images)
    check_error(lambda: load_dataset(spec).train, "an array test", "got none")
    np.savez(tmp_path / "cifar10_subset.npz", train=images, test=images[:4])
    assert torch.equal(load_dataset(spec).valid, torch.from_numpy(images[18:]))
    check_error(lambda: load_dataset(f"{spec},labels=true").contexts, "none", "leave out")


def test_the_real_subset(data_folder):
    data = load_dataset("cifar10:subset=true")
    assert (len(data.train), len(data.valid), len(data.test)) == (1800, 200, 500)
