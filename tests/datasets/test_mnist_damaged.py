"""Files of MNIST with something wrong in them."""

from __future__ import annotations

import gzip

import pytest

from tensorar_plugins.datasets.idx_format import read_idx
from tests.datasets.data_errors import check_error
from tests.datasets.idx_files import idx_bytes
from tests.datasets.small_mnist import images

REPLACE = "replace it by an undamaged copy"


@pytest.mark.parametrize("kept", [0, 3, 15, 16, 500])
@pytest.mark.parametrize("compressed", [False, True])
def test_errors_for_truncated_files_give_the_sizes(tmp_path, kept, compressed):
    whole = idx_bytes(images(2))
    expected = f"at least {8 if kept < 4 else 16}" if kept < 16 else str(16 + 2 * 784)
    (tmp_path / "x").write_bytes(gzip.compress(whole[:kept]) if compressed else whole[:kept])
    check_error(lambda: read_idx(tmp_path / "x", byte_axes=3), f"expected {expected} bytes", f"got {kept}; {REPLACE}")


def test_a_compressed_file_that_ends_too_early(tmp_path):
    whole = gzip.compress(idx_bytes(images(2)))
    for kept in (2, 10, 30, len(whole) // 2, len(whole) - 8, len(whole) - 4, len(whole) - 1):
        (tmp_path / "x").write_bytes(whole[:kept])
        check_error(
            lambda: read_idx(tmp_path / "x", byte_axes=3), "x to be readable, and valid gzip", "ends too early", REPLACE
        )


def test_a_compressed_file_that_is_corrupt(tmp_path):
    whole = bytearray(gzip.compress(idx_bytes(images(2))))
    whole[len(whole) // 2] ^= 255
    (tmp_path / "x").write_bytes(whole)
    check_error(lambda: read_idx(tmp_path / "x", byte_axes=3), "valid gzip", REPLACE)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>not found</html>", "starting with 3c 68 74 6d"),
        (idx_bytes(images(2)[:, 0]), "00 00 08 02"),
        (b"\0\0\x0d\x03" + bytes(12), "00 00 0d 03"),
        (idx_bytes(images(2)) + b"more", "got 1588"),
        (gzip.compress(idx_bytes(images(2)) + b"more"), "got more"),
        (gzip.compress(idx_bytes(images(2))) + gzip.compress(b"more"), "got more"),
        (gzip.compress(idx_bytes(images(2))) + b"more", "valid gzip"),
    ],
)
def test_a_file_of_another_kind(tmp_path, content, message):
    (tmp_path / "x").write_bytes(content)
    check_error(lambda: read_idx(tmp_path / "x", byte_axes=3), message)


def test_a_file_that_cannot_be_read(tmp_path):
    check_error(lambda: read_idx(tmp_path, byte_axes=3), "readable")
