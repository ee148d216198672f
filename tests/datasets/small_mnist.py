"""Files of a small MNIST."""

from __future__ import annotations

import gzip

import numpy as np

from tests.datasets.idx_files import idx_bytes

NAMES = {"train": 12, "t10k": 3}


def images(count, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 28), dtype=np.uint8)


def small_files():
    """The four files of a small MNIST, compressed, by name."""
    files = {f"{name}-images-idx3-ubyte.gz": idx_bytes(images(count)) for name, count in NAMES.items()}
    files |= {f"{name}-labels-idx1-ubyte.gz": idx_bytes(np.arange(count)) for name, count in NAMES.items()}
    return {name: gzip.compress(content, mtime=0) for name, content in files.items()}


def small_texts():
    """The three text files of a small static binarization, by name."""
    bits = {"train": images(4) % 2, "valid": images(2, 1) % 2, "test": images(3, 2) % 2}
    return {
        f"binarized_mnist_{part}.amat": "".join(
            " ".join(map(str, row)) + "\n" for row in rows.reshape(-1, 784)
        ).encode()
        for part, rows in bits.items()
    }
