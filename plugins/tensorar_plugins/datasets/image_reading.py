"""All pictures of a folder as events of one size; those that do not open are named and skipped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Integer
from torch import Tensor

from tensorar import DataError
from tensorar.utils.memory import require_memory
from tensorar.utils.words import counted
from tensorar_plugins.datasets.failures import Failures
from tensorar_plugins.datasets.image_files import DEEP_LEVELS, PictureReader, Pixels, Size, opened, oriented_size
from tensorar_plugins.datasets.image_folder import FoundImage

# images compared at a time
CHUNK = 256


@dataclass(frozen=True, eq=False)
class ReadImages:
    """The images that were read, their files, and a line for each thing that was done to them."""

    events: Integer[Tensor, "n *event"]
    files: tuple[FoundImage, ...]
    notes: tuple[str, ...]


def read_images(
    files: Sequence[FoundImage], reader: PictureReader, root: Path, *, keep_colors: bool, max_skipped: float
) -> ReadImages:
    """Every image of the files that opens, ``(n, h, w)``, or ``(n, h, w, 3)`` if there are colors to keep.

    Colors are kept if asked for, or if any image has some. Raises ``DataError`` for too many files that do not open,
    and for images of different sizes if the reader has none.
    """
    failures = Failures(len(files), max_skipped, root, "images")
    sizes = _sizes(files, failures)
    reader = replace(reader, size=reader.size or _one_size(sizes, root))
    levels, kept, pixels = _read(list(sizes), reader, failures)
    failures.check()
    if not keep_colors and all(bool((part == part[..., :1]).all()) for part in levels.split(CHUNK)):
        levels = levels[..., 0].clone()
    return ReadImages(levels, tuple(kept), (*failures.notes(), *_notes(pixels, reader)))


def black_and_white(images: Integer[Tensor, "n *event"], levels: int) -> bool:
    """Whether all values are the lowest or the highest level."""
    return all(bool(((part == 0) | (part == levels - 1)).all()) for part in images.split(CHUNK))


def _read(
    files: Sequence[FoundImage], reader: PictureReader, failures: Failures
) -> tuple[Integer[Tensor, "n h w channels"], list[FoundImage], list[Pixels]]:
    """The levels of the files that open, these files, and what was done to each (without its levels)."""
    assert reader.size is not None
    shape = (len(files), *reader.size, 3 if reader.colors else 1)
    dtype = np.dtype(np.uint8 if reader.levels <= 256 else np.int32)
    what = f"{len(files)} images of {reader.size[0]} x {reader.size[1]} pixels"
    require_memory(int(np.prod(shape, dtype=object)) * dtype.itemsize, what, error=DataError)
    levels = np.empty(shape, dtype)
    kept: list[FoundImage] = []
    found: list[Pixels] = []
    for file in files:
        try:
            pixels = reader.read(file.path)
        except DataError as error:
            failures.add(file.path, error)
        else:
            levels[len(kept)] = pixels.levels
            kept.append(file)
            found.append(pixels.summary)
    return torch.from_numpy(levels[: len(kept)]), kept, found


def _sizes(files: Sequence[FoundImage], failures: Failures) -> dict[FoundImage, Size]:
    """The size of each image by its header; those without a valid one fail."""
    found = {}
    for file in files:
        try:
            with opened(file.path) as picture:
                found[file] = oriented_size(picture)
        except DataError as error:
            failures.add(file.path, error)
    failures.check()
    return found


def _one_size(sizes: dict[FoundImage, Size], root: Path) -> Size:
    counts = Counter(sizes.values()).most_common()
    if len(counts) != 1:
        described = ", ".join(f"{w} x {h} ({n})" for (h, w), n in counts[:4]) + ", ..." * (len(counts) > 4)
        raise DataError(
            expected=f"images of one size in {root}, or size=... to bring them to",
            got=f"width x height {described}",
            remedy="choose one, such as size=32 (fit=crop, pad or stretch)",
        )
    return counts[0][0]


def _notes(pixels: Sequence[Pixels], reader: PictureReader) -> Iterator[str]:
    resized = sum(one.original_size != reader.size for one in pixels)
    if resized:
        assert reader.size is not None
        height, width = reader.size
        yield f"{resized} of {len(pixels)} images were resized to {width} x {height} pixels (fit={reader.fit})"
    if transparent := sum(one.known is not None for one in pixels):
        yield f"transparent parts of {counted(transparent, 'image')} lie on the background"
    deep = sum(one.deep for one in pixels)
    if deep and reader.levels < DEEP_LEVELS:
        yield f"{counted(deep, 'image')} of 16 bits per pixel: rounded down to {reader.levels} levels (see levels)"
