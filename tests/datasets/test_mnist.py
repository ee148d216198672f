"""MNIST: its files by hand and by download (from a server of this machine), what is wrong with them, the real ones."""

from __future__ import annotations

import gzip
import hashlib
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch

from tensorar import DataError, SpecError, load_dataset
from tensorar_plugins.datasets import binarized_mnist, fetch, mnist
from tensorar_plugins.datasets.idx import read_idx

NAMES = {"train": 12, "t10k": 3}


def idx(array):
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 28), dtype=np.uint8)


def small_files():
    """The four files of a small MNIST, compressed, by name."""
    files = {f"{name}-images-idx3-ubyte.gz": idx(images(count)) for name, count in NAMES.items()}
    files |= {f"{name}-labels-idx1-ubyte.gz": idx(np.arange(count, dtype=np.uint8)) for name, count in NAMES.items()}
    return {name: gzip.compress(content, mtime=0) for name, content in files.items()}


def small_texts():
    """The three text files of a small static binarisation, by name."""
    bits = {"train": images(4) % 2, "valid": images(2, 1) % 2, "test": images(3, 2) % 2}
    return {
        f"binarized_mnist_{part}.amat": "".join(
            " ".join(map(str, row)) + "\n" for row in rows.reshape(-1, 784)
        ).encode()
        for part, rows in bits.items()
    }


@pytest.fixture(autouse=True)
def _nothing_at_hand(request, monkeypatch, tmp_path):
    """No files of the user's, an empty cache, and no proxy between the tests and their server."""
    if "data_folder" not in request.fixturenames:
        monkeypatch.delenv("TENSORAR_DATA", raising=False)
    monkeypatch.setattr(fetch, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def folder(tmp_path):
    for name, content in small_files().items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def said(call, *words):
    with pytest.raises(DataError) as raised:
        call()
    message = str(raised.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message
    return message


# --- files by hand --------------------------------------------------------------------------------------------------


def test_files_of_a_folder(folder):
    data = load_dataset(f"mnist:path={folder}")
    assert data.event_shape == (1, 28, 28)
    assert data.train.dtype == torch.uint8
    whole = torch.from_numpy(images(12))
    assert torch.equal(torch.cat([data.train, data.valid])[:, 0], whole)
    assert (len(data.valid), len(data.test)) == (2, 3)
    assert data.digits.valid.tolist() == [10, 11]


def test_files_that_are_not_compressed(folder):
    for path in folder.glob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert len(load_dataset(f"mnist:path={folder}").train) == 10


def test_files_of_the_environment_variable(tmp_path, monkeypatch):
    (tmp_path / "mnist").mkdir()
    for name, content in small_files().items():
        (tmp_path / "mnist" / name).write_bytes(content)
    monkeypatch.setenv("TENSORAR_DATA", str(tmp_path))
    assert len(load_dataset("mnist").test) == 3


@pytest.mark.parametrize("got", ["no such file", "no such folder"])
def test_a_path_without_the_files(tmp_path, got):
    path = tmp_path if got == "no such file" else tmp_path / "none"
    said(lambda: load_dataset(f"mnist:path={path}").train, "train-images-idx3-ubyte.gz", got)
    said(lambda: load_dataset(f"mnist:binarize=static,path={path}").train, "binarized_mnist_train.amat", got)


def test_threshold(folder):
    data = load_dataset(f"mnist:binarize=threshold,path={folder}")
    assert torch.equal(data.test[:, 0], torch.from_numpy((images(3) > 127).astype(np.uint8)))


def test_dynamic_bits_are_drawn_anew_for_training_and_once_for_the_rest(folder):
    def load(seed=0):
        return load_dataset(f"mnist:binarize=dynamic,path={folder}", seed=seed)

    a, b = load(), load()
    assert set(a.train.unique().tolist()) == {0, 1}
    assert torch.equal(a.valid, b.valid)
    assert torch.equal(a.test, b.test)
    assert not torch.equal(a.test, load(seed=1).test)
    generator = torch.Generator().manual_seed(0)
    images = torch.arange(10)
    first, second = a.visit(images, generator), a.visit(images, generator)
    assert not torch.equal(first, second)
    assert torch.equal(first, b.visit(images, torch.Generator().manual_seed(0)))
    grey = load_dataset(f"mnist:path={folder}")
    assert torch.equal(grey.visit(images, generator), grey.train[images])


def test_a_bit_is_one_as_often_as_its_grey_level_says():
    grey = torch.tensor([0, 1, 64, 128, 254, 255], dtype=torch.uint8)
    n = 50_000
    bits = mnist.draw_bits(grey.expand(n, 6), torch.Generator().manual_seed(0))
    p = grey.double() / 255
    assert ((bits.double().mean(0) - p).abs() <= 5 * (p * (1 - p) / n).sqrt()).all()


def test_a_visited_image_is_the_training_image_binarised(folder):
    grey = load_dataset(f"mnist:path={folder}").train
    images = torch.arange(len(grey)).flip(0)
    bits = load_dataset(f"mnist:binarize=dynamic,path={folder}").visit(images, torch.Generator().manual_seed(0))
    # a bit drawn from grey level 0 is 0, and from 255 is 1
    assert bits[grey[images] == 0].max() == 0
    assert bits[grey[images] == 255].min() == 1


@pytest.mark.usefixtures("without_shape_checks")
def test_a_word_that_binarize_does_not_know():
    with pytest.raises(SpecError, match="dynamic"):
        load_dataset("mnist:binarize=sometimes")
    with pytest.raises(SpecError, match="dynamic"):
        mnist.MNIST(binarize="sometimes")


@pytest.mark.parametrize(
    ("options", "bits"),
    [
        ("", "binarize=static"),
        ("seed=3", "seed=3,binarize=static"),
        ("labels=true", "labels=true,binarize=dynamic"),
        ("path='a folder',labels=true", 'path="a folder",labels=true,binarize=dynamic'),
        ("binarize=none,path=files", "path=files,binarize=dynamic"),
    ],
)
def test_what_is_suggested_for_other_values_keeps_the_options(options, bits):
    data = load_dataset(f"mnist:{options}" if options else "mnist")
    assert data.variants[f"mnist:{bits}"] == (0, 1)


def test_static_has_no_labels():
    said(lambda: mnist.MNIST(binarize="static").digits, "labels")


# --- damaged files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [0, 3, 15, 16, 500])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_truncated_file_says_how_much_is_missing(tmp_path, kept, compressed):
    whole = idx(images(2))
    expected = "at least 16" if kept < 16 else str(16 + 2 * 784)
    (tmp_path / "x").write_bytes(gzip.compress(whole[:kept]) if compressed else whole[:kept])
    said(lambda: read_idx(tmp_path / "x", 3), f"expected {expected} bytes", f"got {kept}; delete it and let tensorar")


def test_a_compressed_file_that_ends_too_early(tmp_path):
    whole = gzip.compress(idx(images(2)))
    for kept in (2, 10, 30, len(whole) // 2):
        (tmp_path / "x").write_bytes(whole[:kept])
        said(lambda: read_idx(tmp_path / "x", 3), "bytes", "x, got ", "delete it and let tensorar download it again")


def test_a_compressed_file_that_is_corrupt(tmp_path):
    whole = bytearray(gzip.compress(idx(images(2))))
    whole[len(whole) // 2] ^= 255
    (tmp_path / "x").write_bytes(whole)
    said(lambda: read_idx(tmp_path / "x", 3), "sound", "delete it and let tensorar download it again")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<html>not found</html>", "starts with 3c 68 74 6d"),
        (idx(images(2)[:, 0]), "00 00 08 02"),
        (b"\0\0\x0d\x03" + bytes(12), "00 00 0d 03"),
        (idx(images(2)) + b"more", "got 1588"),
    ],
)
def test_a_file_of_another_kind(tmp_path, content, says):
    (tmp_path / "x").write_bytes(content)
    said(lambda: read_idx(tmp_path / "x", 3), says)


def test_a_file_that_cannot_be_read(tmp_path):
    said(lambda: read_idx(tmp_path, 3), "readable")


# --- downloads ------------------------------------------------------------------------------------------------------


class Server:
    """Files over HTTP on this machine, for as long as a test takes."""

    def __init__(self, files):
        self.asked = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.rpartition("/")[2]
                outer.asked.append(name)
                content = files.get(name)
                self.send_response(404 if content is None else 200)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                self.wfile.write(content or b"")

            def log_message(self, *_):
                """Be quiet."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/data/"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def serve(monkeypatch):
    """Make servers, each a mirror; the checksums are those of the first one's files, unless others are given."""
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
        monkeypatch.setattr(binarized_mnist, "EVENTS", {"train": 4, "valid": 2, "test": 3})
        return servers

    yield start
    for server in servers:
        server.close()


def nobody():
    """The address of a port where nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}/"


def test_a_download_is_kept(serve, tmp_path):
    (server,) = serve(small_files())
    assert len(load_dataset("mnist").train) == 10
    assert sorted(server.asked) == ["t10k-images-idx3-ubyte.gz", "train-images-idx3-ubyte.gz"]
    assert sorted(path.name for path in (tmp_path / "cache" / "mnist").iterdir()) == sorted(server.asked)
    assert len(load_dataset("mnist").train) == 10
    assert len(server.asked) == 2


def test_the_second_mirror_is_asked_where_the_first_has_nothing(serve):
    first, second = serve({}, small_files())
    assert len(load_dataset("mnist").test) == 3
    assert len(first.asked) == len(second.asked) == 2


def test_the_second_mirror_is_asked_where_the_first_cannot_be_reached(serve, monkeypatch):
    (server,) = serve(small_files())
    monkeypatch.setattr(mnist, "MIRRORS", (nobody(), server.url))
    assert len(load_dataset("mnist").test) == 3


def test_a_damaged_file_of_the_cache_is_downloaded_again(serve, tmp_path):
    serve(small_files())
    _ = load_dataset("mnist").train
    (tmp_path / "cache" / "mnist" / "t10k-images-idx3-ubyte.gz").write_bytes(b"damaged")
    assert len(load_dataset("mnist").test) == 3


def test_a_file_with_the_wrong_checksum_is_refused_and_not_kept(serve, tmp_path):
    wrong = {name: content + b"!" for name, content in small_files().items()}
    serve(wrong, wrong, checksums=small_files())
    said(lambda: load_dataset("mnist").train, "train-images-idx3-ubyte.gz", "the wrong checksum")
    assert not list((tmp_path / "cache").rglob("*ubyte*"))


def test_nothing_reachable_is_one_error_that_says_what_to_do(monkeypatch):
    mirrors = nobody(), nobody()
    monkeypatch.setattr(mnist, "MIRRORS", mirrors)
    message = said(lambda: load_dataset("mnist").train, *mirrors, "cannot be reached")
    assert message.endswith("give the files by hand: write mnist:path=FOLDER, or put them into $TENSORAR_DATA/mnist")


def test_a_cache_that_cannot_be_written(serve, tmp_path):
    serve(small_files())
    (tmp_path / "cache").write_text("a file in the way")
    said(lambda: load_dataset("mnist").train, "give the files by hand")


def test_the_static_split_is_downloaded_as_text(serve):
    (server,) = serve(small_texts())
    data = load_dataset("mnist:binarize=static")
    assert (len(data.train), len(data.valid), len(data.test)) == (4, 2, 3)
    assert torch.equal(data.test[:, 0], torch.from_numpy(images(3, 2) % 2))
    assert len(server.asked) == 3


def test_static_not_reachable(serve):
    serve({}, {}, checksums=small_texts())
    said(
        lambda: load_dataset("mnist:binarize=static").train,
        "answers 404",
        "write mnist:binarize=static,path=FOLDER, or put them into $TENSORAR_DATA/binarized_mnist",
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [(lambda text: text[:1000], "got 500 pixels"), (lambda text: text.replace(b"1", b"2"), "zeros and ones")],
)
def test_static_texts_that_are_damaged(tmp_path, monkeypatch, change, says):
    monkeypatch.setattr(binarized_mnist, "EVENTS", {"train": 4, "valid": 2, "test": 3})
    for name, text in small_texts().items():
        (tmp_path / name).write_bytes(change(text))
    said(lambda: load_dataset(f"mnist:binarize=static,path={tmp_path}").train, says, "delete it and let tensorar")


def test_static_from_packed_bits(tmp_path, monkeypatch):
    parts = {"train": images(4) % 2, "valid": images(2, 1) % 2, "test": images(3, 2) % 2}
    packed = {part: np.packbits(bits.reshape(-1, 784), axis=1) for part, bits in parts.items()}
    np.savez(tmp_path / "binarized_mnist.npz", shape=[28, 28], **packed)
    path = f"mnist:binarize=static,path={tmp_path}"
    said(lambda: load_dataset(path).train, "50000 images")
    monkeypatch.setattr(binarized_mnist, "EVENTS", {"train": 4, "valid": 2, "test": 3})
    assert torch.equal(load_dataset(path).valid[:, 0], torch.from_numpy(parts["valid"]))


# --- the real files -------------------------------------------------------------------------------------------------


def test_real_grey_levels(data_folder):
    data = load_dataset("mnist")
    assert (len(data.train), len(data.valid), len(data.test)) == (50_000, 10_000, 10_000)
    assert data.train.dtype == torch.uint8
    whole = (data.train.sum().item() + data.valid.sum().item()) / (60_000 * 784 * 255)
    assert whole == pytest.approx(0.13066, abs=1e-5)
    assert data.test.sum().item() / (10_000 * 784 * 255) == pytest.approx(0.13251, abs=1e-5)
    assert data.digits.train[:5].tolist() == [5, 0, 4, 1, 9]


def test_real_static_split(data_folder):
    data = load_dataset("mnist:binarize=static")
    means = [part.sum().item() / part.numel() for part in (data.train, data.valid, data.test)]
    assert means == pytest.approx([0.1306, 0.1311, 0.1325], abs=1e-4)
    # the likelihood of independent pixels that is known for this split
    p = (data.train.sum(0) + 0.1) / (len(data.train) + 0.2)
    nats = torch.nn.functional.binary_cross_entropy(p.expand(data.test.shape), data.test.float(), reduction="sum")
    assert nats.item() / len(data.test) == pytest.approx(205.79, abs=0.1)


def test_real_dynamic_bits_have_the_mean_of_the_grey_levels(data_folder):
    data = load_dataset("mnist:binarize=dynamic")
    assert data.test.sum().item() / data.test.numel() == pytest.approx(0.13251, abs=1e-3)
