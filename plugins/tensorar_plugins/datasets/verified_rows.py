"""Rows of tables of which no checksum was published: verified by their content, whatever file they come from."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from tensorar import DataError
from tensorar.utils.reading import open_file
from tensorar_plugins.datasets.fetch import repair_advice

MAX_TEXT_BYTES = 50_000_000


def require_digest(rows: Shaped[np.ndarray, "n columns"], digest: str, path: Path) -> None:
    """Raise ``DataError`` unless ``digest`` is the SHA-256 of the rows."""
    if hashlib.sha256(np.ascontiguousarray(rows).tobytes()).hexdigest() != digest:
        raise other_rows(path)


def in_order(rows: Shaped[np.ndarray, "n columns"]) -> Shaped[np.ndarray, "n columns"]:
    """The rows in lexicographic order, for tables whose copies differ in the order of their rows."""
    return rows[np.lexsort(rows.T[::-1])]


def read_lines(path: Path) -> list[str]:
    """The lines of a text file that are not blank. Raises ``DataError`` if it is much larger than the tables are."""
    with open_file(path, "a text file") as file:
        if file.size > MAX_TEXT_BYTES:
            raise other_rows(path)
        text = file.data.read().decode("utf-8", errors="replace")
    return [line for line in text.splitlines() if line.strip()]


def other_rows(path: Path) -> DataError:
    """The error for a file of other rows than the published ones."""
    return DataError(expected=f"the published rows in {path}", got="others", remedy=repair_advice(path))
