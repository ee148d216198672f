"""CIFAR-10: the archive of the authors, or a subset of it for trying things out."""

from __future__ import annotations

import os
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from tensorar import DataError, Splits
from tensorar.utils.reading import open_file
from tensorar_plugins.datasets.array_files import open_npz, to_tensor
from tensorar_plugins.datasets.class_labels import ClassLabels
from tensorar_plugins.datasets.fetch import Remote, download, repair_advice, user_folder
from tensorar_plugins.datasets.folders import missing_files
from tensorar_plugins.datasets.labelled_images import LabelledImages

ARCHIVE, INSIDE = "cifar-10-binary.tar.gz", "cifar-10-batches-bin"
MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
MIRRORS = ("https://www.cs.toronto.edu/~kriz/",)
FILES = (*(f"data_batch_{k}.bin" for k in range(1, 6)), "test_batch.bin")
IMAGES_PER_FILE, RECORD_BYTES = 10_000, 1 + 3 * 32 * 32
SUBSET = "cifar10_subset.npz"
NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True, kw_only=True)
class Cifar10(LabelledImages):
    """CIFAR-10, color images of 32 x 32 x 3 in 256 levels: 45000 for training, 5000 for validation, 10000 for testing.

    Krizhevsky, Learning Multiple Layers of Features from Tiny Images (2009). The last tenth of the training images is
    used for validation. Published results train on all 50000. In raster order a pixel's red, green and blue are visited
    one after another.

    Options:
        path: Folder with ``cifar-10-binary.tar.gz`` or the files in it (none: ``$TENSORAR_DATA/cifar10``, then the
            cache, then a download of 170 MB).
        subset: Whether to use 2500 of the training images, from ``cifar10_subset.npz`` in ``path`` or
            ``$TENSORAR_DATA/cifar10_subset``: for trying things out, not for results. They have no labels.
        labels: Whether to use the labels as contexts (one-hot), for models of ``p(image | class)``.
    """

    name = "cifar10"
    path: str | Path | None = None
    subset: bool = False
    labels: bool = False

    @property
    def axes(self) -> tuple[str, ...]:
        return "height", "width", "channel"

    def load(self) -> Splits:
        if self.subset:
            return _read_subset(self.path)
        return Splits(*(_as_images(part) for part in self._records))

    def load_labels(self) -> Splits:
        if self.subset:
            raise DataError(
                expected="a dataset with labels", got="the subset, which has none", remedy="leave out subset or labels"
            )
        return Splits(*(part[:, 0].long() for part in self._records))

    @cached_property
    def classes(self) -> ClassLabels:
        labels = self.image_labels
        return ClassLabels(torch.cat([labels.train, labels.valid, labels.test]), names=NAMES)

    @cached_property
    def _records(self) -> tuple[UInt8[Tensor, "n record"], ...]:
        """The label and the planes of each image of the three splits."""
        files = list(_read_files(self.path))
        train = torch.cat(files[:-1])
        valid = len(train) // 10
        return train[: len(train) - valid], train[len(train) - valid :], files[-1]


def _as_images(records: UInt8[Tensor, "n record"]) -> UInt8[Tensor, "n height width channel"]:
    return records[:, 1:].reshape(-1, 3, 32, 32).permute(0, 2, 3, 1).contiguous()


def _read_files(path: str | Path | None) -> Iterator[UInt8[Tensor, "n record"]]:
    """The records of each file: from the user's folder, its archive, or the downloaded one. Raises ``DataError``."""
    folder = user_folder(path, "cifar10")
    for place in [] if folder is None else [folder, folder / INSIDE]:
        if os.path.lexists(place / FILES[0]):
            yield from (_read_file(place / name) for name in FILES)
            return
    if folder is not None and os.path.lexists(folder / ARCHIVE):
        yield from _read_archive(folder / ARCHIVE)
    elif folder is not None and path is not None:
        raise missing_files(f"{ARCHIVE} or {FILES[0]}", folder)
    else:
        yield from _read_archive(download(Remote(ARCHIVE, f"md5:{MD5}", MIRRORS, folder="cifar10", spec="cifar10:")))


def _read_file(path: Path) -> UInt8[Tensor, "n record"]:
    with open_file(path, "readable") as file:
        return _records_of(file.data.read(IMAGES_PER_FILE * RECORD_BYTES + 1), path)


def _read_archive(path: Path) -> Iterator[UInt8[Tensor, "n record"]]:
    """The records of each file of the archive, none of which is written to disk."""
    with open_file(path, "readable") as file:
        try:
            found = {}
            with tarfile.open(fileobj=file.data, mode="r|gz") as archive:
                for member in archive:
                    name, content = Path(member.name).name, archive.extractfile(member)
                    if name in FILES and content is not None:
                        found[name] = _records_of(content.read(IMAGES_PER_FILE * RECORD_BYTES + 1), path)
        except (tarfile.TarError, EOFError, zlib.error) as error:
            raise _damaged(path) from error
    if len(found) < len(FILES):
        raise _damaged(path)
    yield from (found[name] for name in FILES)


def _records_of(content: bytes, path: Path) -> UInt8[Tensor, "n record"]:
    if len(content) != IMAGES_PER_FILE * RECORD_BYTES:
        raise _damaged(path)
    records = torch.from_numpy(np.frombuffer(content, np.uint8).copy()).reshape(-1, RECORD_BYTES)
    if int(records[:, 0].max()) >= len(NAMES):
        raise _damaged(path)
    return records


def _damaged(path: Path) -> DataError:
    return DataError(
        expected=f"{' '.join(FILES)} of {IMAGES_PER_FILE} images each in {path}",
        got="another content",
        remedy=repair_advice(path),
    )


def _read_subset(path: str | Path | None) -> Splits:
    """2000 images, of which the last tenth is for validation, and 500 for testing."""
    folder = user_folder(path, "cifar10_subset")
    if folder is None or not os.path.lexists(folder / SUBSET):
        raise missing_files(SUBSET, Path("$TENSORAR_DATA/cifar10_subset") if folder is None else folder)
    with open_npz(folder / SUBSET) as file:
        if missing := {"train", "test"} - {*file.names}:
            raise DataError(expected=f"an array {min(missing)} in {folder / SUBSET}", got="none", remedy="replace it")
        train, test = (to_tensor(file.read(name), f"{name} of {folder / SUBSET}") for name in ("train", "test"))
    valid = len(train) // 10
    return Splits(train[: len(train) - valid], train[len(train) - valid :], test)
