"""One event as a picture of its own size: a pixel per coefficient, nothing around it."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from jaxtyping import Shaped
from torch import Tensor
from torch.distributions import constraints

from tensorar.axes import AxisNames
from tensorar.errors import ShapeError
from tensorar.head import Head
from tensorar.plotting.style import Limits, to_numpy, value_limits
from tensorar.plotting.view import view_of

# values of more levels are written with 16 bits per pixel
MAX_BYTE_LEVELS = 256


def picture_limits(head: Head, events: Shaped[Tensor, "n *event"]) -> Limits:
    """The values shown black and white: the ends of the head's support if it has both, else those of the events."""
    support = head.support
    if support is constraints.boolean:
        return 0.0, 1.0
    low, high = getattr(support, "lower_bound", None), getattr(support, "upper_bound", None)
    if low is not None and high is not None and float(high) > float(low):
        return float(low), float(high)
    return value_limits([to_numpy(events)])


def event_png(event: Shaped[Tensor, "*event"], *, axes: AxisNames | None = None, limits: Limits = (0.0, 1.0)) -> bytes:
    """A PNG file of an event, gray or in color, with 16 bits per gray pixel for more than 256 whole levels.

    Slices lie side by side. Raises ``ShapeError`` for events without height and width.
    """
    from PIL import Image

    view = view_of(tuple(event.shape), axes=axes)
    if view.kind in ("curve", "number"):
        raise ShapeError(
            expected="events with height and width, for pictures of them",
            got=f"shape {tuple(event.shape)}",
            remedy="write numbers (.npy, .csv), or one picture of all (.png)",
        )
    low, high = limits
    shares = ((to_numpy(event) - low) / (high - low)).clip(0, 1)
    cells = view.arrange(np.nan_to_num(shares), gap=1.0)
    deep = cells.ndim == 2 and high - low >= MAX_BYTE_LEVELS
    pixels = (cells * (2**16 - 1)).round().astype(np.uint16) if deep else (cells * 255).round().astype(np.uint8)
    memory = BytesIO()
    Image.fromarray(pixels).save(memory, format="PNG")
    return memory.getvalue()
