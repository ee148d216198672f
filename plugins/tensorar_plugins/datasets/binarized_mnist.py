"""The fixed stochastic binarization of MNIST by Larochelle and Murray."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from tensorar import DataError, Splits
from tensorar.utils.reading import CHUNK_BYTES, open_file
from tensorar_plugins.datasets.array_files import open_npz, read_packed
from tensorar_plugins.datasets.fetch import Remote, download, repair_advice, user_folder
from tensorar_plugins.datasets.folders import missing_files

FOLDER = "binarized_mnist"
PACKED = "binarized_mnist.npz"
MIRRORS = tuple(
    f"{scheme}://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/" for scheme in ("http", "https")
)
SHA256 = {
    "train": "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d",
    "valid": "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2",
    "test": "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c",
}
EVENT_COUNTS = {"train": 50_000, "valid": 10_000, "test": 10_000}
EVENT_SHAPE = (1, 28, 28)
PIXELS = 28 * 28


def static_split(path: str | Path | None) -> Splits:
    """The three splits as bytes 0 and 1, from ``binarized_mnist.npz`` (packed bits) or the original text files."""
    folder = user_folder(path, FOLDER)
    if folder is not None and os.path.lexists(folder / PACKED):
        return Splits(**{name: _read_npz(folder / PACKED, name) for name in EVENT_COUNTS})
    return Splits(**{name: _read_amat(_locate(name, folder, required=path is not None), name) for name in EVENT_COUNTS})


def _locate(name: str, folder: Path | None, *, required: bool) -> Path:
    """The text file of a split: in the user's folder, in the cache, or downloaded."""
    file = f"binarized_mnist_{name}.amat"
    if folder is not None and os.path.lexists(folder / file):
        return folder / file
    if folder is not None and required:
        raise missing_files(f"{PACKED} or {file}", folder)
    return download(Remote(file, f"sha256:{SHA256[name]}", MIRRORS, folder=FOLDER, spec="mnist:binarize=static,"))


def _read_npz(path: Path, name: str) -> UInt8[Tensor, "n *event"]:
    with open_npz(path) as file:
        bits = read_packed(file, name, path) if name in file.names else torch.empty(0, dtype=torch.uint8)
    if bits.numel() != EVENT_COUNTS[name] * PIXELS:
        raise _wrong_count(path, name, str(bits.numel()))
    return bits.reshape(-1, *EVENT_SHAPE)


def _read_amat(path: Path, name: str) -> UInt8[Tensor, "n *event"]:
    """Zeros and ones from a text file, separated by white space; reading stops when there are too many."""
    bits, done = np.empty(EVENT_COUNTS[name] * PIXELS, np.uint8), 0
    with open_file(path, "readable") as file:
        while text := file.data.read(CHUNK_BYTES):
            digits = _digits(text, path)
            if done + len(digits) > len(bits):
                raise _wrong_count(path, name, "more")
            bits[done : done + len(digits)] = digits
            done += len(digits)
    if done < len(bits):
        raise _wrong_count(path, name, str(done))
    return torch.from_numpy(bits).reshape(-1, *EVENT_SHAPE)


def _digits(text: bytes, path: Path) -> UInt8[np.ndarray, " n"]:
    characters = np.frombuffer(text, np.uint8)
    digits = characters[characters > ord(" ")] - ord("0")
    if (digits > 1).any():
        raise DataError(expected=f"zeros and ones in {path}", got="other characters", remedy=repair_advice(path))
    return digits


def _wrong_count(path: Path, name: str, got: str) -> DataError:
    return DataError(
        expected=f"{EVENT_COUNTS[name]} images of {PIXELS} pixels in the {name} split of {path}",
        got=f"{got} pixels",
        remedy=repair_advice(path),
    )
