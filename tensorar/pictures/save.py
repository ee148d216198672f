"""A picture on disk, whole or not at all."""

from __future__ import annotations

import os
import secrets
from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure


def save(figure: Figure, path: Path | str, *, dpi: int = 150) -> None:
    """Write a PNG atomically: a temporary file in the same folder, made durable, then renamed.

    Raises ``OSError`` when the file cannot be written; what was there before is then untouched and nothing is left.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    picture = _png(figure, dpi)
    try:
        with part.open("xb") as file:
            file.write(picture)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _png(figure: Figure, dpi: int) -> bytes:
    """The figure drawn in memory, so that a failure to draw touches no file; the same figure gives the same bytes."""
    memory = BytesIO()
    figure.savefig(memory, format="png", dpi=dpi, metadata={"Software": None})
    return memory.getvalue()
