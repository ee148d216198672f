"""Files of the Caltech-101 silhouettes: packed bits, or the original MATLAB files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tensorar import DataError, Splits
from tensorar.utils.reading import open_file
from tensorar_plugins.datasets.array_files import open_npz, read_packed, to_tensor
from tensorar_plugins.datasets.fetch import Remote, download, file_matches, repair_advice, user_folder
from tensorar_plugins.datasets.folders import missing_files

FOLDER = "caltech_silhouettes"
AUTHORS = "https://people.cs.umass.edu/~marlin/data/"
GITHUB = "https://raw.githubusercontent.com/"
# copies of the authors' files, which have the same MD5
MIRRORS = {
    16: (AUTHORS, GITHUB + "lmb2lmb/shape-recognition/a9917adad15d4a1b83baf61a052dc4f8133d0733/data/"),
    28: (AUTHORS, GITHUB + "markezorvaldez/rbm-experiment/df8ff2ee56ee8791f9eb5dd1910d1d272ca677eb/"),
}
MD5 = {16: "3baf9e2c023aa4a187e1d1b92b5a734a", 28: "4483e9c14b188fd09937f9ea6f9ea777"}
EVENT_COUNTS = {16: (4082, 2257, 2302), 28: (4100, 2264, 2307)}
SPLITS = ("train", "valid", "test")


@dataclass(frozen=True, eq=False)
class Silhouettes:
    """Upright images ``(n, 1, size, size)`` of bits, and their classes from 1 on."""

    images: Splits
    labels: Splits


def read_silhouettes(path: str | Path | None, size: int) -> Silhouettes:
    """Read split 1: from the user's folder, the cache or a download. Raises ``DataError``."""
    folder = user_folder(path, FOLDER)
    packed, original = f"{FOLDER}_{size}.npz", f"caltech101_silhouettes_{size}_split1.mat"
    if folder is not None and os.path.lexists(folder / packed):
        return _read_npz(folder / packed, size)
    if folder is not None and os.path.lexists(folder / original):
        return _read_mat(folder / original, size)
    if path is not None and folder is not None:
        raise missing_files(f"{packed} or {original}", folder)
    remote = Remote(original, f"md5:{MD5[size]}", MIRRORS[size], folder=FOLDER, spec=f"caltech:size={size},")
    return _read_mat(download(remote), size)


def _read_npz(path: Path, size: int) -> Silhouettes:
    with open_npz(path) as file:
        if missing := {*SPLITS, *(f"{name}_labels" for name in SPLITS)} - {*file.names}:
            raise DataError(
                expected=f"an array {min(missing)} in {path}", got="none", remedy="replace it by an undamaged copy"
            )
        images = {name: read_packed(file, name, path) for name in SPLITS}
        labels = {name: to_tensor(file.read(f"{name}_labels"), f"{name}_labels of {path}") for name in SPLITS}
    return _checked(images, labels, path, size)


def _read_mat(path: Path, size: int) -> Silhouettes:
    """The authors' file, of which only those with the published MD5 are read; images are stored by columns."""
    if not file_matches(path, f"md5:{MD5[size]}"):
        raise DataError(expected=f"the MD5 {MD5[size]} of {path}", got="another", remedy=repair_advice(path))
    file = _load_mat(path)
    by_columns = {name: file[f"{stored}_data"] for name, stored in zip(SPLITS, ("train", "val", "test"), strict=True)}
    images = {
        name: torch.from_numpy(np.ascontiguousarray(rows, np.uint8)).reshape(-1, size, size).mT.contiguous()
        for name, rows in by_columns.items()
    }
    labels = {
        name: torch.from_numpy(file[f"{stored}_labels"].ravel().astype(np.int64))
        for name, stored in zip(SPLITS, ("train", "val", "test"), strict=True)
    }
    return _checked(images, labels, path, size)


def _load_mat(path: Path) -> Mapping[str, Any]:
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise DataError(
            expected=f"scipy, to read {path}", got="none installed", remedy="pip install tensorar[matlab]"
        ) from error
    with open_file(path, "readable") as file:
        arrays: Mapping[str, Any] = loadmat(file.data)
    return arrays


def _checked(
    images: Mapping[str, Tensor],
    labels: Mapping[str, Tensor],
    path: Path,
    size: int,
) -> Silhouettes:
    """The splits, if they have the published numbers of images ``(n, size, size)`` and labels ``(n,)``."""
    for name, count in zip(SPLITS, EVENT_COUNTS[size], strict=True):
        if images[name].shape != (count, size, size) or labels[name].shape != (count,):
            raise DataError(
                expected=f"{count} images of {size} x {size} pixels and their labels in the {name} split of {path}",
                got=f"images of shape {tuple(images[name].shape)} and {tuple(labels[name].shape)} labels",
                remedy=repair_advice(path),
            )
    with_channel = Splits(*(images[name].unsqueeze(1) for name in SPLITS))
    return Silhouettes(with_channel, Splits(*(labels[name].long() for name in SPLITS)))
