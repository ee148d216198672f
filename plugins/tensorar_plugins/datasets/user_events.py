"""Events of the user's own for a model of other data: arrays of the event's shape, and pictures."""

from __future__ import annotations

from pathlib import Path

from jaxtyping import Real
from torch import Tensor

from tensorar import DataError, Dataset, FileEvents
from tensorar.utils.reading import expand, is_picture
from tensorar_plugins.datasets.array_files import read_npy
from tensorar_plugins.datasets.image_files import PictureReader


def read_own_events(
    dataset: Dataset, path: str | Path, event_shape: tuple[int, ...], mask: str | Path | None
) -> FileEvents:
    """Events in a file for a dataset of arrays: a ``.npy`` array, or one picture. Raises ``DataError``."""
    if is_picture(path):
        return read_picture(dataset, path, event_shape, mask)
    return as_events(read_npy(path), event_shape, path)


def as_events(events: Real[Tensor, "..."], event_shape: tuple[int, ...], path: str | Path) -> FileEvents:
    """The events in an array: one of the event's shape, or several along its first axis; missing ones (NaN) unknown.

    Raises ``DataError`` for other shapes.
    """
    shape = tuple(events.shape)
    if shape == event_shape:
        events = events.unsqueeze(0)
    elif shape[1:] != event_shape or not len(events):
        raise DataError(
            expected=f"an event of shape {event_shape}, or several, in {path}",
            got=f"shape {shape}",
            remedy="save an array of that shape",
        )
    known = ~events.isnan()
    return FileEvents(events, None if bool(known.all()) else known)


def read_picture(
    dataset: Dataset, path: str | Path, event_shape: tuple[int, ...], mask: str | Path | None
) -> FileEvents:
    """A picture as an event of a dataset of bits or of 256 levels, with its axes.

    Raises ``DataError`` for events that have no height and width, or other axes than one of three channels.
    """
    axes = dataset.axis_names
    sizes = dict(zip(axes, event_shape, strict=True))
    channels = sizes.get("channel", 1)
    if not {"height", "width"} <= sizes.keys() <= {"height", "width", "channel"} or channels not in (1, 3):
        raise DataError(
            expected=f"a model of images, for the picture {path}",
            got=f"events of axes {' '.join(axes)} and shape {event_shape}",
            remedy="pass an array of that shape (.npy)",
        )
    train = dataset.sampled.train
    whole = not train.is_floating_point()
    bits = all(bool(((part == 0) | (part == 1)).all()) for part in train.split(1024))
    if not whole and not bits:
        raise DataError(
            expected=f"a model of bits or of 256 levels, for the picture {path}",
            got=f"real values ({str(train.dtype).removeprefix('torch.')})",
            remedy="pass an array in the data's units (.npy)",
        )
    reader = PictureReader(
        size=(sizes["height"], sizes["width"]),
        colors=channels == 3,
        levels=2 if bits else 256,
        fit="crop",
        background=(255, 255, 255),
    )
    return reader.read_event(expand(path), None if mask is None else expand(mask), axes, event_shape)
