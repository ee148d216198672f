"""The wine quality tables of the UCI repository (Cortez et al. 2009)."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from tensorar_plugins.datasets.array_files import open_npz
from tensorar_plugins.datasets.fetch import Remote, download, user_folder
from tensorar_plugins.datasets.folders import missing_files
from tensorar_plugins.datasets.verified_rows import other_rows, read_lines, require_digest

FOLDER = "uci_continuous"
MIRRORS = (
    "https://archive.ics.uci.edu/ml/machine-learning-databases/wine-quality/",
    "https://raw.githubusercontent.com/jbrownlee/Datasets/d20fcb6402ae34e653d4513b00f39257bb37ed7f/",
)
FILES = {"wine_red": "winequality-red.csv", "wine_white": "winequality-white.csv"}
# of the columns below as float64, row by row
DIGESTS = {
    "wine_red": "9f40e7499030fb1aebbaed39a614fdac96d1c997b6abad2502f6386d1734ed9b",
    "wine_white": "5393cba454473d4e293134f2d8c84069f9b23907830cc83c9f8c8363ddf3377f",
}
COLUMNS = (
    "fixed acidity",
    "volatile acidity",
    "citric acid",
    "residual sugar",
    "chlorides",
    "free sulfur dioxide",
    "total sulfur dioxide",
    "density",
    "pH",
    "sulphates",
    "alcohol",
)


def read_wine(name: str, path: str | Path | None) -> Float64[Tensor, "n columns"]:
    """The rows of a table: from the user's folder, the cache or a download. Raises ``DataError``."""
    folder, file = user_folder(path, FOLDER), FILES[name]
    if folder is not None and os.path.lexists(folder / f"{name}.npz"):
        return _read_npz(folder / f"{name}.npz", name)
    if folder is not None and os.path.lexists(folder / file):
        return _read_csv(folder / file, name)
    if folder is not None and path is not None:
        raise missing_files(f"{name}.npz or {file}", folder)
    spec = f"uci:table={name},"
    return _read_csv(download(Remote(file, None, MIRRORS, FOLDER, spec, lambda path: _read_csv(path, name))), name)


def _read_npz(path: Path, name: str) -> Float64[Tensor, "n columns"]:
    with open_npz(path) as file:
        if "data" not in file.names:
            raise other_rows(path)
        return _verified(file.read("data"), name, path)


def _read_csv(path: Path, name: str) -> Float64[Tensor, "n columns"]:
    """The columns before the quality; separated by semicolons or commas, with a header or without."""
    cells = [line.replace(";", ",").split(",")[: len(COLUMNS)] for line in read_lines(path)]
    try:
        rows = np.array([[float(cell) for cell in row] for row in cells if row[0].strip('"') != COLUMNS[0]])
    except ValueError as error:
        raise other_rows(path) from error
    return _verified(rows, name, path)


def _verified(rows: np.ndarray, name: str, path: Path) -> Float64[Tensor, "n columns"]:
    if rows.dtype != np.float64 or rows.ndim != 2 or rows.shape[1] != len(COLUMNS):
        raise other_rows(path)
    require_digest(rows, DIGESTS[name], path)
    return torch.from_numpy(rows)
