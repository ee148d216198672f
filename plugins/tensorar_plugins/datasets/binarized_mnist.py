"""The fixed stochastic binarisation of MNIST by Larochelle and Murray."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tensorar import DataError, Splits
from tensorar_plugins.datasets.array_files import open_npz, read_packed
from tensorar_plugins.datasets.fetch import AGAIN, Remote, find, given_folder, locate

FOLDER = "binarized_mnist"
MIRRORS = tuple(f"{way}://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/" for way in ("http", "https"))
SHA256 = {
    "train": "ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d",
    "valid": "1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2",
    "test": "e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c",
}
EVENTS = {"train": 50_000, "valid": 10_000, "test": 10_000}
EVENT_SHAPE = (1, 28, 28)
PIXELS = 28 * 28


def static_split(path: str | None) -> Splits:
    """The three parts as bytes 0 and 1, from ``binarized_mnist.npz`` (packed bits) or the original text files."""
    packed = find(given_folder(path, FOLDER), "binarized_mnist.npz")
    return Splits(**{part: _part(part, packed, path).reshape(-1, *EVENT_SHAPE) for part in EVENTS})


def _part(part: str, packed: Path | None, path: str | None) -> Tensor:
    file = f"binarized_mnist_{part}.amat"
    remote = Remote(file, SHA256[part], MIRRORS, folder=FOLDER, spec="mnist:binarize=static,")
    source = packed or locate(remote, path)
    bits = _unpacked(source, part) if packed else _read_amat(source)
    if bits.numel() != EVENTS[part] * PIXELS:
        raise DataError(
            expected=f"{EVENTS[part]} images of {PIXELS} pixels in the {part} part of {source}",
            got=f"{bits.numel()} pixels",
            remedy=AGAIN,
        )
    return bits


def _unpacked(path: Path, part: str) -> Tensor:
    with open_npz(path) as file:
        return read_packed(file, part, path)


def _read_amat(path: Path) -> Tensor:
    """The digits of a text of zeros and ones separated by white space."""
    try:
        text = np.fromfile(path, np.uint8)
    except OSError as error:
        raise DataError(expected=f"{path} to be readable", got=str(error), remedy=AGAIN) from error
    digits = text[text > ord(" ")] - ord("0")
    if (digits > 1).any():
        raise DataError(expected=f"zeros and ones in {path}", got="other characters", remedy=AGAIN)
    return torch.from_numpy(digits)
