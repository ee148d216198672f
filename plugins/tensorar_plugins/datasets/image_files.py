"""One picture from a file, as levels of given size: any mode, orientation and depth, transparent parts on a color."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, cast

import numpy as np
import torch
from jaxtyping import Bool, Integer

from tensorar import DataError, FileEvents, TensorarError
from tensorar.utils.reading import describe, open_file

if TYPE_CHECKING:
    from PIL.Image import Image

Fit = Literal["crop", "pad", "stretch"]
Size = tuple[int, int]  # height and width

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
# decoded, a picture of this size takes half a gigabyte
MAX_PIXELS = 2**27
WHAT = f"a picture ({', '.join(FORMATS)})"
ORIENTATION, TURNED = 0x0112, (5, 6, 7, 8)
DEEP_MODES = ("I", "I;16", "I;16B", "I;16L", "I;16N")
DEEP_LEVELS = 2**16


@dataclass(frozen=True)
class Pixels:
    """The levels of a picture, ``(h, w, channels)`` with one or three channels, and what was done to it.

    ``known`` is False where a pixel is transparent, or white in a mask; None if the picture has no such pixels.
    """

    levels: Integer[np.ndarray, "h w channels"]
    known: Bool[np.ndarray, "h w"] | None
    original_size: Size
    deep: bool

    @property
    def summary(self) -> Pixels:
        """What was done to the picture, without its pixels."""
        known = None if self.known is None else self.known[:0, :0]
        return Pixels(self.levels[:0, :0], known, self.original_size, self.deep)


@dataclass(frozen=True, kw_only=True)
class PictureReader:
    """Reads pictures of any size and mode: to ``size``, with ``levels`` levels in one channel or three."""

    size: Size | None
    colors: bool
    levels: int
    fit: Fit
    background: tuple[int, int, int]

    def read(self, path: Path, mask: Path | None = None) -> Pixels:
        """The picture in a file, and of a ``mask``, its black pixels as known. Raises ``DataError``."""
        with opened(path) as picture:
            original = oriented_size(picture)
            upright = _upright(picture)
            deep = upright.mode in DEEP_MODES
            alpha = _alpha(upright) if mask is None else _known_in(mask, upright.size)
            resized = self._resized(self._flattened(upright))
            known = None if alpha is None else self._known(alpha)
            return Pixels(self._levels(resized, deep), known, original, deep)

    def read_event(
        self, path: Path, mask: Path | None, axes: tuple[str, ...], event_shape: tuple[int, ...]
    ) -> FileEvents:
        """A picture as one event of a shape, whose axes are ``height``, ``width`` and at most ``channel``.

        Pixels are unknown where it is transparent, or white or transparent in the ``mask``. Raises ``DataError``.
        """
        pixels = self.read(path, mask)
        levels = torch.from_numpy(pixels.levels)
        known = None if pixels.known is None else torch.from_numpy(pixels.known).unsqueeze(-1).expand(levels.shape)
        places = [("height", "width", "channel").index(name) for name in axes]
        places += [axis for axis in range(3) if axis not in places]
        event, known = (None if x is None else x.permute(places).reshape(1, *event_shape) for x in (levels, known))
        assert event is not None
        return FileEvents(event, known, tuple(self._notes(path, pixels)))

    def _notes(self, path: Path, pixels: Pixels) -> Iterator[str]:
        if self.size is not None and pixels.original_size != self.size:
            (h, w), (height, width) = pixels.original_size, self.size
            how = "" if h * width == w * height else f" ({self.fit})"
            yield f"{path} was resized from {w} x {h} to {width} x {height} pixels{how}"

    def _flattened(self, picture: Image) -> Image:
        """One channel of floats for 16 bits, else gray or RGB, with transparent parts on the background."""
        from PIL import Image

        if picture.mode in DEEP_MODES:
            values = np.asarray(picture).astype(np.float32)
            if values.min() < 0 or values.max() >= DEEP_LEVELS:
                raise ValueError(f"pixels from {values.min():.0f} to {values.max():.0f}, beyond 16 bits")
            return Image.fromarray(values)
        if _alpha(picture) is not None:
            ground = Image.new("RGBA", picture.size, (*self.background, 255))
            picture = Image.alpha_composite(ground, picture.convert("RGBA"))
        return picture.convert("RGB" if self.colors else "L")

    def _resized(self, picture: Image, *, resampling: int | None = None, around: int | None = None) -> Image:
        from PIL import Image, ImageOps

        if self.size is None or picture.size == self.size[::-1]:
            return picture
        method = Image.Resampling.LANCZOS if resampling is None else Image.Resampling(resampling)
        if self.fit == "crop":
            return ImageOps.fit(picture, self.size[::-1], method)
        if self.fit == "pad":
            return self._padded(picture, method, around)
        return picture.resize(self.size[::-1], method)

    def _padded(self, picture: Image, method: int, around: int | None) -> Image:
        from PIL import Image, ImageOps

        assert self.size is not None
        inside = ImageOps.contain(picture, self.size[::-1], Image.Resampling(method))
        ground = Image.new("RGB", self.size[::-1], self.background).convert("L" if inside.mode == "F" else inside.mode)
        if inside.mode == "F":
            ground = Image.fromarray(np.asarray(ground).astype(np.float32) * (DEEP_LEVELS - 1) / 255)
        if around is not None:
            ground.paste(around, (0, 0, *ground.size))
        corner = ((ground.width - inside.width) // 2, (ground.height - inside.height) // 2)
        ground.paste(inside, corner)
        return ground

    def _known(self, alpha: Image) -> Bool[np.ndarray, "h w"]:
        from PIL import Image

        # a pixel is known if nothing unknown has a part in it
        shrunk = self._resized(alpha, resampling=Image.Resampling.BOX, around=255)
        return np.asarray(shrunk) >= 254

    def _levels(self, picture: Image, deep: bool) -> Integer[np.ndarray, "h w channels"]:
        values = np.asarray(picture)
        if deep:
            values = values.round().clip(0, DEEP_LEVELS - 1).astype(np.int64)
        elif self.levels > 256:
            values, deep = values.astype(np.int64) * 257, True
        levels = values.astype(np.int64) * self.levels // (DEEP_LEVELS if deep else 256)
        if levels.ndim == 2:
            levels = levels[..., None].repeat(3 if self.colors else 1, axis=-1)
        return levels.astype(np.uint8 if self.levels <= 256 else np.int32)


@contextmanager
def opened(path: Path) -> Iterator[Image]:
    """An open picture, of which only the header is read. Errors in the body become a ``DataError`` with the path."""
    try:
        with open_file(path, WHAT) as file, warnings.catch_warnings():
            # of very many pixels, which are refused here, and of damaged metadata, which is not used
            warnings.simplefilter("ignore")
            picture = _open(cast("IO[bytes]", file.data))
            if picture.width * picture.height > MAX_PIXELS:
                raise ValueError(f"{picture.width} x {picture.height} pixels, more than {MAX_PIXELS}")
            if picture.mode == "F":
                raise ValueError("floating-point pixels")
            yield picture
    except TensorarError:
        raise
    except Exception as error:  # Pillow raises nearly any exception for a damaged file
        raise DataError(
            expected=f"{path} to be {WHAT}", got=describe(error), remedy="save it again as PNG, or remove it"
        ) from error


def _open(data: IO[bytes]) -> Image:
    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(data, formats=FORMATS)
    except UnidentifiedImageError as error:
        raise ValueError("a file of another kind, or a damaged one") from error


def oriented_size(picture: Image) -> Size:
    """Height and width as the picture is seen, by its EXIF orientation."""
    turned = picture.getexif().get(ORIENTATION) in TURNED
    return (picture.width, picture.height) if turned else (picture.height, picture.width)


def has_alpha(picture: Image) -> bool:
    """Whether a picture may have transparent parts, by its header."""
    return picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info


def _upright(picture: Image) -> Image:
    from PIL import ImageOps

    return ImageOps.exif_transpose(picture)


def _alpha(picture: Image) -> Image | None:
    """The opacity of every pixel, or None if all are opaque."""
    if not has_alpha(picture) or picture.mode in DEEP_MODES:
        return None
    alpha = picture.convert("RGBA").getchannel("A")
    low, _ = cast("tuple[int, int]", alpha.getextrema())
    return None if low == 255 else alpha


def _known_in(mask: Path, size: tuple[int, int]) -> Image:
    """A mask as opacity: 0 where it is white or transparent, 255 where it is black. Raises ``DataError``."""
    from PIL import ImageChops

    with opened(mask) as picture:
        upright = _upright(picture)
        if upright.size != size:
            raise DataError(
                expected=f"the mask {mask} to have the image's size, {size[0]} x {size[1]} pixels",
                got=f"{upright.width} x {upright.height}",
                remedy="save it in that size",
            )
        alpha = _alpha(upright)
        if alpha is not None:
            return alpha.point([0] + [255] * 255)
        return ImageChops.invert(upright.convert("L")).point([0] * 128 + [255] * 128)
