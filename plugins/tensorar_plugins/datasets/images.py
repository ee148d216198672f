"""Pictures of the user's own, in a folder."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tensorar import FileEvents, SpecError, Splits
from tensorar.utils.reading import escaped, expand, shorten
from tensorar_plugins.datasets.file_classes import NamedClasses
from tensorar_plugins.datasets.image_files import DEEP_LEVELS, Fit, PictureReader
from tensorar_plugins.datasets.image_folder import FoundImage, ImageFolder, find_images, holds_images, require_classes
from tensorar_plugins.datasets.image_reading import ReadImages, black_and_white, read_images
from tensorar_plugins.datasets.splitting import SplitFolder, split
from tensorar_plugins.heads.levels import MAX_FREE_LEVELS

Mode = Literal["grey", "rgb", "bits"]
COLOR_NAMES = {"white": (255, 255, 255), "black": (0, 0, 0), "grey": (128, 128, 128), "gray": (128, 128, 128)}


@dataclass(frozen=True, kw_only=True)
class Images(SplitFolder):
    """Your own images from a folder (PNG, JPEG, WebP, GIF, BMP, TIFF, PPM): resized, with class folders as labels.

    Events are ``(height, width)``, or ``(height, width, 3)`` in color, of integers from 0 to ``levels - 1``: 8 bits are
    256 levels, whichever of them occur. Images are turned as EXIF says, transparent parts lie on the ``background``,
    and of an animation the first frame is used. If the folder has folders ``train``, ``valid`` and ``test``, these are
    the splits; other folders in it are classes. A file that does not open is skipped, and named.

    Options:
        path: Folder of the images, or one file.
        size: Height and width of the events, as in 32 or "24 32" (none: that of the images, if all have the same).
        mode: Whether events are gray levels, colors or bits (none: colors if any image has colors, else gray levels).
        levels: Number of levels per channel, at most 65536 (none: 256, or 2 for bits).
        fit: How images of another shape come to ``size``: cropped around their center, padded with the background, or
            stretched; it matters if there are any.
        background: Color behind transparent parts and of padding: white, black, grey or "r g b" from 0 to 255; it
            matters if there are any.
        labels: Whether the folders in the folder are classes, used as contexts (one-hot), for models of ``p(image |
            class)`` (none: if every image lies in one of several).
        recursive: Whether to read folders in the folders, too, if there are any.
        max_skipped: Largest share of the files that may fail to open and are skipped, if any do.
    """

    name = "images"
    size: tuple[int, ...] = ()
    mode: Mode | None = None
    levels: int | None = None
    fit: Fit = "crop"
    background: str = "white"
    labels: bool | None = None
    recursive: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _require(
            len(self.size) <= 2 and all(1 <= n <= 2**15 for n in self.size),
            "size",
            self.size,
            "one number or two, height and width",
            32,
        )
        most = DEEP_LEVELS if self.mode == "grey" else 2 if self.mode == "bits" else 256
        _require(self.levels is None or 2 <= self.levels <= most, "levels", self.levels, f"from 2 to {most}", most)
        _color(self.background)

    @classmethod
    def accepts_folder(cls, path: Path) -> bool:
        return holds_images(path)

    # --- events -----------------------------------------------------------------------------------------------------

    def load(self) -> Splits:
        events, files = self._read.events, self._read.files
        rows = self._rows(files)
        return Splits(*(events[rows[name]] for name in ("train", "valid", "test")))

    @property
    def axes(self) -> tuple[str, ...]:
        return ("height", "width", "channel")[: self._read.events.ndim - 1]

    @property
    def suggested_head(self) -> str:
        return suggested_head(self._level_count)

    @property
    def notes(self) -> list[str]:
        return [*self._folder.notes, *self._read.notes]

    # --- classes ----------------------------------------------------------------------------------------------------

    def load_contexts(self) -> Splits | None:
        if not self._has_labels:
            return None
        files = self._read.files
        one_hot, rows = self._classes.one_hot([file.label for file in files]), self._rows(files)
        return Splits(*(one_hot[rows[name]] for name in ("train", "valid", "test")))

    @property
    def class_names(self) -> list[str] | None:
        return self._classes.names if self._has_labels else None

    def parse_context(self, text: str) -> Float[Tensor, " context"]:
        """A class by the name of its folder, as a one-hot vector."""
        return self._classes.parse(text) if self._has_labels else super().parse_context(text)

    @cached_property
    def _classes(self) -> NamedClasses:
        return NamedClasses(file.label for file in self._folder.files)

    @property
    def _has_labels(self) -> bool:
        if self.labels:
            require_classes(self._folder, self.path)
        return self._folder.has_classes if self.labels is None else self.labels

    # --- a file of the user's ---------------------------------------------------------------------------------------

    def read_events(self, path: str | Path, event_shape: tuple[int, ...], mask: str | Path | None = None) -> FileEvents:
        mode = self.mode or ("rgb" if len(event_shape) == 3 else "grey")
        reader = replace(self._reader(mode), size=(event_shape[0], event_shape[1]))
        axes = ("height", "width", "channel")[: len(event_shape)]
        return reader.read_event(expand(path), None if mask is None else expand(mask), axes, event_shape)

    # --- reading ----------------------------------------------------------------------------------------------------

    @cached_property
    def _folder(self) -> ImageFolder:
        return find_images(self.path, recursive=self.recursive)

    @cached_property
    def _read(self) -> ReadImages:
        reader, root = self._reader(self.mode or "rgb"), expand(self.path)
        colors = self.mode == "rgb"
        found = read_images(self._folder.files, reader, root, keep_colors=colors, max_skipped=self.max_skipped)
        return replace(found, notes=(*found.notes, *self._notes_on(found)))

    @property
    def _level_count(self) -> int:
        return self.levels or (2 if self.mode == "bits" else 256)

    def _reader(self, mode: Mode) -> PictureReader:
        size = (self.size[0], self.size[-1]) if self.size else None
        return PictureReader(
            size=size,
            colors=mode == "rgb",
            levels=self._level_count,
            fit=self.fit,
            background=_color(self.background),
        )

    def _notes_on(self, found: ReadImages) -> Iterator[str]:
        if self.mode is None:
            gray = found.events.ndim == 3
            yield f"mode={'grey, since no image has colors' if gray else 'rgb, since images have colors'}"
            if gray and self._level_count > 2 and black_and_white(found.events, self._level_count):
                yield "all pixels are black or white: mode=bits models them as bits"
        if self._has_labels:
            counts = Counter(file.label for file in found.files)
            classes = shorten(", ".join(f"{escaped(name)} {n}" for name, n in sorted(counts.items())), 120)
            yield f"{len(counts)} classes, of folders, as contexts: {classes} (labels=false for none)"

    def _rows(self, files: Sequence[FoundImage]) -> dict[str, Int[Tensor, " n"]]:
        """The rows of the images in each split; what the folder has no folders for is split off the training images."""
        rows = {
            name: torch.tensor([row for row, file in enumerate(files) if file.split == name], dtype=torch.int64)
            for name in ("train", "valid", "test")
        }
        fractions = {"valid": self.valid_fraction, "test": self.test_fraction}
        absent = [name for name in fractions if not len(rows[name])]
        if absent:
            cut = split(rows["train"].unsqueeze(1), [fractions[name] for name in absent], self.seed, where=self.path)
            rows |= {name: part[:][:, 0] for name, part in zip(["train", *absent], cut, strict=True)}
        return rows


def suggested_head(levels: int) -> str:
    """The spec of the head for so many levels: free probabilities for a few, a smooth distribution for many."""
    if levels == 2:
        return "bernoulli"
    return f"categorical:levels={levels}" if levels <= MAX_FREE_LEVELS else f"logistic_mixture:levels={levels}"


def _color(text: str) -> tuple[int, int, int]:
    """A color by name, or as three numbers. Raises ``SpecError``."""
    if text in COLOR_NAMES:
        return COLOR_NAMES[text]
    numbers = [int(word) for word in text.split()] if re.fullmatch(r"[0-9]{1,3}( [0-9]{1,3}){2}", text) else []
    _require(
        len(numbers) == 3 and max(numbers) < 256, "background", text, "white, black, grey or '255 255 255'", "white"
    )
    return numbers[0], numbers[1], numbers[2]


def _require(holds: bool, option: str, got: object, wanted: str, example: object) -> None:
    if not holds:
        raise SpecError(
            expected=f"{option} of images to be {wanted}", got=str(got), remedy=f"write for example {option}={example}"
        )
