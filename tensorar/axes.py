"""Names of the axes of events: ``height``, ``width``, ``channel``, ``depth``, ``time``, said by a dataset or guessed.

Pictures and regions follow the names: the top of an image is along its height, wherever that axis is.
"""

from __future__ import annotations

import re

from tensorar.errors import ShapeError

AxisNames = tuple[str, ...]

# axes of which pictures show the first position at the bottom
UPWARD = ("pitch", "frequency")

AXIS_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
# of an axis that is small beside the others, and so holds the channels of pixels
MAX_CHANNELS = 4


def guess_axes(event_shape: tuple[int, ...]) -> AxisNames:
    """Names for the axes of events of a shape: images are guessed for two axes, and for three with one of few channels.

    >>> guess_axes((28, 28)), guess_axes((3, 32, 32)), guess_axes((32, 32, 3))
    (('height', 'width'), ('channel', 'height', 'width'), ('height', 'width', 'channel'))
    >>> guess_axes((16, 16, 16)), guess_axes((60,))
    (('depth', 'height', 'width'), ('position',))
    """
    rank = len(event_shape)
    if rank < 2:
        return ("position",) * rank
    channel = _channel_axis(event_shape)
    others = [axis for axis in range(rank) if axis != channel]
    names = dict(zip(reversed(others), ("width", "height", "depth", "time"), strict=False))
    if channel is not None:
        names[channel] = "channel"
    return tuple(names.get(axis, f"axis{axis}") for axis in range(rank))


def _channel_axis(event_shape: tuple[int, ...]) -> int | None:
    """The axis that holds channels by its size: the last one, or the one before height and width."""
    rank = len(event_shape)
    if rank < 3:
        return None
    if event_shape[-1] <= MAX_CHANNELS < min(event_shape[-3:-1]):
        return rank - 1
    few, large = event_shape[-3] <= MAX_CHANNELS, min(event_shape[-2:]) > MAX_CHANNELS
    if (few and large) or (rank == 3 and event_shape[0] in (1, 3)):
        return rank - 3
    return 0 if rank > 3 and event_shape[0] in (1, 3) and large else None


def check_axes(axes: AxisNames, event_shape: tuple[int, ...]) -> None:
    """Raise ``ShapeError`` unless there is a different name for every axis."""
    named = len(axes) == len(event_shape) == len(set(axes))
    if not named or not all(isinstance(name, str) and AXIS_NAME.fullmatch(name) for name in axes):
        raise ShapeError(
            expected=f"a different name (small letters) for each axis of events of shape {event_shape}",
            got=repr(" ".join(map(str, axes))),
            remedy="name them in order, as in height width channel",
        )


def vertical_axis(axes: AxisNames) -> int | None:
    """The axis that pictures show from top to bottom: the height, else the last that is free; None if none is."""
    if "height" in axes:
        return axes.index("height")
    taken = ("channel", axes[horizontal_axis(axes)] if axes else "")
    return next((axis for axis in reversed(range(len(axes))) if axes[axis] not in taken), None)


def horizontal_axis(axes: AxisNames) -> int:
    """The axis that pictures show from left to right: the width, else the time, else the last without channels.

    >>> horizontal_axis(("time", "pitch")), horizontal_axis(("height", "width", "channel"))
    (0, 1)
    """
    for name in ("width", "time"):
        if name in axes:
            return axes.index(name)
    avoided = {"height": 2, "channel": 1}
    return min(reversed(range(len(axes))), key=lambda axis: avoided.get(axes[axis], 0), default=0)


def points_up(axes: AxisNames) -> bool:
    """Whether pictures show the vertical axis from bottom to top, as that of a pitch or a frequency.

    >>> points_up(("time", "pitch")), points_up(("height", "width"))
    (True, False)
    """
    vertical = vertical_axis(axes)
    return vertical is not None and axes[vertical] in UPWARD


def describe_axes(axes: AxisNames, event_shape: tuple[int, ...]) -> str:
    """The axes with their sizes, in words.

    >>> describe_axes(("height", "width", "channel"), (32, 24, 3))
    'height 32 x width 24 x channel 3'
    """
    return " x ".join(f"{name} {size}" for name, size in zip(axes, event_shape, strict=True)) or "a single number"
