"""The small digits that come with scikit-learn."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from tensorar import DataError, Splits
from tensorar.utils.reading import open_file
from tensorar_plugins.datasets.fetch import Remote, download, file_matches, repair_advice, user_folder
from tensorar_plugins.datasets.folders import missing_files
from tensorar_plugins.datasets.labelled_images import LabelledImages

FILE = "digits.csv.gz"
SHA256 = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"
MIRRORS = tuple(
    f"https://raw.githubusercontent.com/scikit-learn/scikit-learn/{version}/sklearn/datasets/data/"
    for version in ("1.5.2", "main")
)
# the first images are for training, the next ones for validation
TRAIN, VALID = 1000, 350
MAX_BYTES = 10_000_000


@dataclass(frozen=True, kw_only=True)
class Digits(LabelledImages):
    """Handwritten digits, 1 x 8 x 8 in 17 levels: 1000 for training, 350 for validation, 447 for testing.

    The 1797 images of scikit-learn's ``load_digits`` in their order: the test set of UCI's optical recognition of
    handwritten digits (Alpaydin and Kaynak 1998). The split is that of Tomczak, Deep Generative Modeling (2022).

    Options:
        path: Folder with ``digits.csv.gz`` (none: ``$TENSORAR_DATA/digits``, then scikit-learn if it is installed, then
            the cache, then a download).
        labels: Whether to use the labels as contexts (one-hot), for models of ``p(image | digit)``.
    """

    name = "digits"
    path: str | Path | None = None
    labels: bool = False

    @property
    def axes(self) -> tuple[str, ...]:
        return "channel", "height", "width"

    def load(self) -> Splits:
        return _split(self._rows[:, :64].reshape(-1, 1, 8, 8))

    def load_labels(self) -> Splits:
        return _split(self._rows[:, 64].long())

    @cached_property
    def _rows(self) -> UInt8[Tensor, "n 65"]:
        """The pixels of each image, and its label."""
        path = _locate(self.path)
        if not file_matches(path, f"sha256:{SHA256}"):
            raise DataError(expected=f"scikit-learn's {FILE} in {path}", got="another file", remedy=repair_advice(path))
        with open_file(path, "readable", decompress=True) as file:
            rows = np.loadtxt(file.data.read(MAX_BYTES).decode().splitlines(), delimiter=",", dtype=np.float64)
        return torch.from_numpy(rows.astype(np.uint8))


def _split(rows: Tensor) -> Splits:
    """The splits of Tomczak's book."""
    return Splits(rows[:TRAIN], rows[TRAIN : TRAIN + VALID], rows[TRAIN + VALID :])


def _locate(path: str | Path | None) -> Path:
    """The file: in the user's folder, in scikit-learn, in the cache, or downloaded."""
    folder = user_folder(path, "digits")
    if folder is not None and os.path.lexists(folder / FILE):
        return folder / FILE
    if folder is not None and path is not None:
        raise missing_files(FILE, folder)
    installed = _installed_file()
    remote = Remote(FILE, f"sha256:{SHA256}", MIRRORS, folder="digits", spec="digits:")
    return download(remote) if installed is None else installed


def _installed_file() -> Path | None:
    """The file of an installed scikit-learn, which is not imported."""
    found = importlib.util.find_spec("sklearn")
    for folder in (found.submodule_search_locations or []) if found is not None else []:
        file = Path(folder) / "datasets" / "data" / FILE
        if file.is_file() and file_matches(file, f"sha256:{SHA256}"):
            return file
    return None
