"""Writing a picture or numbers, by the ending of the path."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from torch import Tensor

PICTURE = (".png",)
NUMBERS = (".npy", ".csv")


def check_ending(path: Path, endings: tuple[str, ...] = PICTURE) -> Path:
    """The path, if it ends in one of these; asked before anything is computed. Raises ``TensorarError``."""
    from tensorar import TensorarError

    if path.suffix not in endings:
        raise TensorarError(
            expected=f"--out to end in {' or '.join(endings)}", got=repr(str(path)), remedy="give it that ending"
        )
    return path


def write(path: Path, draw: Callable[[], Figure], numbers: Tensor, event_shape: tuple[int, ...]) -> None:
    """Write a picture, or the ``(..., *event)`` numbers that it is of: as an array, or as text with an event per row.

    Raises ``RunError`` when nothing can be written there.
    """
    if path.suffix in PICTURE:
        from tensorar import plotting

        plotting.save(draw(), path)
    else:
        write_numbers(path, numbers, event_shape)


def write_numbers(path: Path, numbers: Tensor, event_shape: tuple[int, ...]) -> None:
    """Write ``(..., *event)`` numbers as an array, or as text with an event per row. Raises ``RunError``."""
    from tensorar.utils.files import write_atomically

    content = _npy(numbers) if path.suffix == ".npy" else _csv(numbers, event_shape)
    write_atomically(path, content)


def _npy(numbers: Tensor) -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, numbers.numpy())
    return buffer.getvalue()


def _csv(numbers: Tensor, event_shape: tuple[int, ...]) -> bytes:
    import math

    # nine digits give back every float32
    rows = [",".join(f"{v:.9g}" for v in row) for row in numbers.reshape(-1, math.prod(event_shape)).tolist()]
    return ("\n".join(rows) + "\n").encode()
