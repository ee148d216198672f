"""The fixed stochastic binarization of MNIST by Larochelle and Murray."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from tensorar import DataError, Splits
from tensorar_plugins.datasets.array_files import open_npz, read_packed
from tensorar_plugins.datasets.fetch import DOWNLOAD_AGAIN, Remote, find_file, locate, user_folder

FOLDER = "binarized_mnist"
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


def static_split(path: str | None) -> Splits:
    """The three splits as bytes 0 and 1, from ``binarized_mnist.npz`` (packed bits) or the original text files."""
    packed = find_file(user_folder(path, FOLDER), "binarized_mnist.npz")
    return Splits(**{name: _read(name, packed, path).reshape(-1, *EVENT_SHAPE) for name in EVENT_COUNTS})


def _read(name: str, packed: Path | None, path: str | None) -> UInt8[Tensor, "..."]:
    file = f"binarized_mnist_{name}.amat"
    remote = Remote(file, SHA256[name], MIRRORS, folder=FOLDER, spec="mnist:binarize=static,")
    source = packed or locate(remote, path)
    bits = _read_npz(source, name) if packed else _read_amat(source)
    if bits.numel() != EVENT_COUNTS[name] * PIXELS:
        raise DataError(
            expected=f"{EVENT_COUNTS[name]} images of {PIXELS} pixels in the {name} split of {source}",
            got=f"{bits.numel()} pixels",
            remedy=DOWNLOAD_AGAIN,
        )
    return bits


def _read_npz(path: Path, name: str) -> UInt8[Tensor, "..."]:
    with open_npz(path) as file:
        return read_packed(file, name, path)


def _read_amat(path: Path) -> UInt8[Tensor, " bits"]:
    """Zeros and ones from a text file, separated by white space."""
    try:
        text = np.fromfile(path, np.uint8)
    except OSError as error:
        raise DataError(expected=f"{path} to be readable", got=str(error), remedy=DOWNLOAD_AGAIN) from error
    digits = text[text > ord(" ")] - ord("0")
    if (digits > 1).any():
        raise DataError(expected=f"zeros and ones in {path}", got="other characters", remedy=DOWNLOAD_AGAIN)
    return torch.from_numpy(digits)
