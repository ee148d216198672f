"""Binary tables of the UCI repository, in the splits of Larochelle and Murray (AISTATS 2011)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from tensorar import Splits
from tensorar_plugins.datasets.array_files import open_npz, read_packed
from tensorar_plugins.datasets.fetch import Remote, download, user_folder
from tensorar_plugins.datasets.folders import missing_files
from tensorar_plugins.datasets.verified_rows import in_order, other_rows, read_lines, require_digest

SPLITS = ("train", "valid", "test")
FOLDER = "uci_binary"
MIRRORS = tuple(f"{scheme}://www.cs.toronto.edu/~larocheh/public/datasets/" for scheme in ("http", "https"))


@dataclass(frozen=True)
class BinaryTable:
    """A table of bits: the name of its original files, its columns, and the rows and the digest of each split.

    A digest is the SHA-256 of the packed rows in lexicographic order.
    """

    files: str
    columns: int
    rows: dict[str, int]
    digests: dict[str, str]


TABLES = {
    "adult": BinaryTable(
        "adult",
        123,
        {"train": 5000, "valid": 1414, "test": 26147},
        {
            "train": "05a2f2360f58bc94e6ce24da1c5a4d9b919f0f789f44b5732e5988a9660ecd7f",
            "valid": "089d992826f3d2b329cc297726eb11a4400e0cdf88281a31d0ddbcaa50b72ecc",
            "test": "da8f06c5dd0926c534fadf31e2a1f64d11ad783a18d839ad6e0d72c7a90a9b5f",
        },
    ),
    "connect4": BinaryTable(
        "connect-4",
        126,
        {"train": 16000, "valid": 4000, "test": 47557},
        {
            "train": "a0b72dd7af70828c0c06cd2f1d30f4c0a61b91aec9ebc0e98f29a0320faa7cfc",
            "valid": "f8532cade072a97566719907ed3f15ad158bb1e06103fb5720fdc8b2d449e611",
            "test": "e6529c6497b4e8683598a30168ec58809a6458ba8a07ea8cf7abf7ff6f5a6564",
        },
    ),
    "mushrooms": BinaryTable(
        "mushrooms",
        112,
        {"train": 2000, "valid": 500, "test": 5624},
        {
            "train": "5f4228c538defab39785bd973842fda39a4c4a848acd2db643b7b34c90d406df",
            "valid": "da85fbc4cafc6272fce107af6e5197e2ef0c640e3fc695cbeb97b275f006e7bf",
            "test": "a71e27a4fb68c6b024d6d68f0f180e505f860cda5b0adb255ab51ce2a7ca934a",
        },
    ),
}


def read_binary_table(name: str, path: str | Path | None) -> Splits:
    """The splits ``(n, columns)`` of bits: from the user's folder, the cache or a download. Raises ``DataError``."""
    folder = user_folder(path, FOLDER)
    packed = None if folder is None else folder / f"{name}.npz"
    if packed is not None and os.path.lexists(packed):
        return Splits(**{split: _read_packed(packed, name, split) for split in SPLITS})
    files = {split: _locate(name, split, folder, required=path is not None) for split in SPLITS}
    return Splits(**{split: _read_lines(file, name, split) for split, file in files.items()})


def _locate(name: str, split: str, folder: Path | None, *, required: bool) -> Path:
    """The original file of a split: in the user's folder, in the cache, or downloaded."""
    files = TABLES[name].files
    file = f"{files}_{split}.libsvm"
    if folder is not None and os.path.lexists(folder / file):
        return folder / file
    if folder is not None and required:
        raise missing_files(f"{name}.npz or {file}", folder)
    return download(
        Remote(
            file,
            None,
            tuple(f"{mirror}{files}/" for mirror in MIRRORS),
            folder=FOLDER,
            spec=f"uci:table={name},",
            verify=lambda path: _read_lines(path, name, split),
        )
    )


def _read_packed(path: Path, name: str, split: str) -> UInt8[Tensor, "n columns"]:
    with open_npz(path) as file:
        if split not in file.names:
            raise other_rows(path)
        bits = read_packed(file, split, path)
    _verify(bits.numpy(), name, split, path)
    return bits


def _read_lines(path: Path, name: str, split: str) -> UInt8[Tensor, "n columns"]:
    """The bits in lines ``target column:1 column:1 ...``, columns from 1 on."""
    table = TABLES[name]
    bits = np.zeros((table.rows[split], table.columns), np.uint8)
    try:
        for row, line in zip(bits, read_lines(path), strict=True):
            row[[int(item.partition(":")[0]) - 1 for item in line.split()[1:]]] = 1
    except (ValueError, IndexError) as error:
        raise other_rows(path) from error
    _verify(bits, name, split, path)
    return torch.from_numpy(bits)


def _verify(bits: UInt8[np.ndarray, "..."], name: str, split: str, path: Path) -> None:
    table = TABLES[name]
    if bits.shape != (table.rows[split], table.columns):
        raise other_rows(path)
    require_digest(in_order(np.packbits(bits, axis=1)), table.digests[split], path)
