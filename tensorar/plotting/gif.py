"""Animated pictures: frames drawn one after another into one figure, written as a GIF."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from matplotlib.animation import PillowWriter
from matplotlib.figure import Figure

from tensorar.utils.files import write_atomically

FRAMES_PER_SECOND = 6


def save_gif(
    path: Path | str,
    figure: Figure,
    draw: Callable[[int], None],
    frames: int,
    *,
    dpi: int,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write a GIF atomically; ``draw(k)`` draws frame ``k`` into the figure.

    ``progress(frames_done, frames)`` is called on the way. Raises ``RunError`` if the file cannot be written.
    """
    writer = PillowWriter(fps=FRAMES_PER_SECOND)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "animation.gif"
        with writer.saving(figure, str(file), dpi):
            for k in range(frames):
                draw(k)
                writer.grab_frame()
                if progress is not None:
                    progress(k + 1, frames)
        content = file.read_bytes()
    write_atomically(Path(path), content)
