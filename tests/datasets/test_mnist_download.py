"""MNIST by download, from local servers."""

from __future__ import annotations

import hashlib
import socket

import numpy as np
import pytest
import torch

from tensorar import load_dataset
from tensorar_plugins.datasets import binarized_mnist, fetch, mnist
from tests.datasets.data_errors import check_error
from tests.datasets.file_server import Server
from tests.datasets.small_mnist import images, small_files, small_texts


@pytest.fixture
def serve(monkeypatch):
    """Start servers as mirrors; by default the checksums are those of the last one's files."""
    servers = []

    def start(*mirrors, checksums=None):
        servers.extend(map(Server, mirrors))
        known = {name: hashlib.sha256(content).hexdigest() for name, content in (checksums or mirrors[-1]).items()}
        urls = tuple(server.url for server in servers)
        monkeypatch.setattr(mnist, "SHA256", known)
        monkeypatch.setattr(mnist, "MIRRORS", urls)
        monkeypatch.setattr(binarized_mnist, "MIRRORS", urls)
        texts = {part: known.get(f"binarized_mnist_{part}.amat") for part in ("train", "valid", "test")}
        monkeypatch.setattr(binarized_mnist, "SHA256", texts)
        monkeypatch.setattr(binarized_mnist, "EVENT_COUNTS", {"train": 4, "valid": 2, "test": 3})
        return servers

    yield start
    for server in servers:
        server.close()


def unreachable_url():
    """The URL of a closed port."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}/"


def test_a_download_is_cached(serve, tmp_path):
    (server,) = serve(small_files())
    assert len(load_dataset("mnist").train) == 10
    assert sorted(server.requests) == ["t10k-images-idx3-ubyte.gz", "train-images-idx3-ubyte.gz"]
    assert sorted(path.name for path in (tmp_path / "cache" / "mnist").iterdir()) == sorted(server.requests)
    assert len(load_dataset("mnist").train) == 10
    assert len(server.requests) == 2


def test_the_second_mirror_is_used_if_the_first_lacks_the_file(serve):
    first, second = serve({}, small_files())
    assert len(load_dataset("mnist").test) == 3
    assert len(first.requests) == len(second.requests) == 2


def test_the_second_mirror_is_used_if_the_first_is_unreachable(serve, monkeypatch):
    (server,) = serve(small_files())
    monkeypatch.setattr(mnist, "MIRRORS", (unreachable_url(), server.url))
    assert len(load_dataset("mnist").test) == 3


def test_a_damaged_cached_file_is_downloaded_again(serve, tmp_path):
    serve(small_files())
    _ = load_dataset("mnist").train
    (tmp_path / "cache" / "mnist" / "t10k-images-idx3-ubyte.gz").write_bytes(b"damaged")
    assert len(load_dataset("mnist").test) == 3


def test_a_file_with_the_wrong_checksum_is_rejected_and_not_cached(serve, tmp_path):
    wrong = {name: content + b"!" for name, content in small_files().items()}
    serve(wrong, wrong, checksums=small_files())
    check_error(lambda: load_dataset("mnist").train, "train-images-idx3-ubyte.gz", "wrong checksum")
    assert not list((tmp_path / "cache").rglob("*ubyte*"))


def test_no_reachable_mirror_is_one_error_with_a_remedy(monkeypatch):
    mirrors = unreachable_url(), unreachable_url()
    monkeypatch.setattr(mnist, "MIRRORS", mirrors)
    message = check_error(lambda: load_dataset("mnist").train, *mirrors, "unreachable")
    assert message.endswith("provide the files yourself: mnist:path=FOLDER, or put them into $TENSORAR_DATA/mnist")


def test_a_mirror_that_sends_too_much(serve, monkeypatch, tmp_path):
    monkeypatch.setattr(fetch, "MAX_DOWNLOAD_BYTES", 1000)
    serve(small_files())
    check_error(lambda: load_dataset("mnist").train, "(more than 1 kB)", "provide the files yourself")
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_a_cache_that_cannot_be_written(serve, tmp_path):
    serve(small_files())
    (tmp_path / "cache").write_text("a file in the way")
    check_error(lambda: load_dataset("mnist").train, "provide the files yourself")


def test_the_static_split_is_downloaded_as_text(serve):
    (server,) = serve(small_texts())
    data = load_dataset("mnist:binarize=static")
    assert (len(data.train), len(data.valid), len(data.test)) == (4, 2, 3)
    assert torch.equal(data.test[:, 0], torch.from_numpy(images(3, 2) % 2))
    assert len(server.requests) == 3


def test_static_split_without_a_mirror(serve):
    serve({}, {}, checksums=small_texts())
    check_error(
        lambda: load_dataset("mnist:binarize=static").train,
        "status 404",
        "mnist:binarize=static,path=FOLDER, or put them into $TENSORAR_DATA/binarized_mnist",
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[:1000], "got 500 pixels"),
        (lambda text: text + b"0", "got more pixels"),
        (lambda text: text.replace(b"1", b"2"), "zeros and ones"),
    ],
)
def test_damaged_static_texts(tmp_path, monkeypatch, change, message):
    monkeypatch.setattr(binarized_mnist, "EVENT_COUNTS", {"train": 4, "valid": 2, "test": 3})
    for name, text in small_texts().items():
        (tmp_path / name).write_bytes(change(text))
    check_error(
        lambda: load_dataset(f"mnist:binarize=static,path={tmp_path}").train, message, "replace it by an undamaged copy"
    )


def test_static_from_packed_bits(tmp_path, monkeypatch):
    parts = {"train": images(4) % 2, "valid": images(2, 1) % 2, "test": images(3, 2) % 2}
    packed = {part: np.packbits(bits.reshape(-1, 784), axis=1) for part, bits in parts.items()}
    np.savez(tmp_path / "binarized_mnist.npz", shape=[28, 28], **packed)
    path = f"mnist:binarize=static,path={tmp_path}"
    check_error(lambda: load_dataset(path).train, "50000 images")
    monkeypatch.setattr(binarized_mnist, "EVENT_COUNTS", {"train": 4, "valid": 2, "test": 3})
    assert torch.equal(load_dataset(path).valid[:, 0], torch.from_numpy(parts["valid"]))
