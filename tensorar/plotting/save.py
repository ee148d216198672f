"""Write a figure to disk, atomically."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from matplotlib import rc_context
from matplotlib.animation import PillowWriter
from matplotlib.figure import Figure

from tensorar.utils.files import write_atomically


def save(figure: Figure, path: Path | str, *, dpi: int = 150) -> None:
    """Write a PNG atomically. Raises ``RunError`` if it cannot be written; an existing file is then kept."""
    write_atomically(Path(path), _png(figure, dpi))


def save_gif(figure: Figure, draw: Callable[[int], None], frames: int, path: Path | str, *, fps: int, dpi: int) -> None:
    """Write a GIF atomically: ``draw(k)`` puts frame ``k`` into the figure. Raises ``RunError`` as ``save`` does."""
    writer = PillowWriter(fps=fps)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "animation.gif"
        writer.setup(figure, str(file), dpi)
        # the writer's own context manager would replace an error in the first frame, or Ctrl-C, by an IndexError
        with rc_context({"savefig.bbox": None}):
            for k in range(frames):
                draw(k)
                writer.grab_frame()
        writer.finish()
        content = file.read_bytes()
    write_atomically(Path(path), content)


def _png(figure: Figure, dpi: int) -> bytes:
    """Draw in memory, so that an error while drawing leaves no file; the same figure gives the same bytes."""
    memory = BytesIO()
    figure.savefig(memory, format="png", dpi=dpi, metadata={"Software": None})
    return memory.getvalue()
