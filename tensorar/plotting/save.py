"""Write a figure to disk, atomically."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from tensorar.utils.files import write_atomically


def save(figure: Figure, path: Path | str, *, dpi: int = 150) -> None:
    """Write a PNG atomically. Raises ``RunError`` if it cannot be written; an existing file is then kept."""
    write_atomically(Path(path), _png(figure, dpi))


def _png(figure: Figure, dpi: int) -> bytes:
    """Draw in memory, so that an error while drawing leaves no file; the same figure gives the same bytes."""
    memory = BytesIO()
    figure.savefig(memory, format="png", dpi=dpi, metadata={"Software": None})
    return memory.getvalue()
