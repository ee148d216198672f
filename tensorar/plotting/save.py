"""A picture on disk, whole or not at all."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from tensorar.utils.files import write_atomically


def save(figure: Figure, path: Path | str, *, dpi: int = 150) -> None:
    """Write a PNG atomically. Raises ``RunError`` when it cannot be written; what was there is then untouched."""
    write_atomically(Path(path), _png(figure, dpi))


def _png(figure: Figure, dpi: int) -> bytes:
    """The figure drawn in memory, so that a failure to draw touches no file; the same figure gives the same bytes."""
    memory = BytesIO()
    figure.savefig(memory, format="png", dpi=dpi, metadata={"Software": None})
    return memory.getvalue()
