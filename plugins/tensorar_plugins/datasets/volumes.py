"""Volumes of the user's own, in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64, Real, Shaped
from torch import Tensor

from tensorar import DataError, FileEvents, SpecError, Splits
from tensorar.utils.memory import require_memory
from tensorar.utils.reading import expand
from tensorar_plugins.datasets.array_files import to_tensor
from tensorar_plugins.datasets.failures import Failures
from tensorar_plugins.datasets.file_classes import find_files
from tensorar_plugins.datasets.splitting import SplitFolder
from tensorar_plugins.datasets.user_events import as_events
from tensorar_plugins.datasets.volume_files import ENDINGS, NIFTI, Volume, import_nibabel, nifti, npy, read_volume

WHAT = "volumes"
# values of a scan that are whole but too many for classes are averaged like real ones
MAX_CLASSES = 256


@dataclass(frozen=True, kw_only=True)
class Volumes(SplitFolder):
    """Volumes of your own from a folder of .npy arrays or NIfTI files, one in each; shuffled and split.

    Events are ``(depth, height, width)``; NIfTI is turned so that they begin above, at the front and left, whatever its
    orientation. Pictures show slices through the center; ``tensorar sample --out FOLDER`` writes files of the same
    kind.

    Options:
        path: Folder of the volumes; of a folder in it, those in that one too.
        size: Depth, height and width of the events, as in "16 32 32" (none: those of the files, if all have the same).
            Real values are averaged, classes (whole numbers, at most 256 of them) are picked.
        max_skipped: Largest share of the files that may fail to open and are skipped, if any do.
        valid_fraction: Fraction of the volumes used for validation.
        test_fraction: Fraction of the volumes used for testing.
        seed: Seed of the shuffle before the volumes are split.
    """

    name = "volumes"
    size: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.size) not in (0, 1, 3) or min(self.size, default=1) < 1:
            raise SpecError(
                expected=f"size of {self.name} to be one or three sizes above 0",
                got=" ".join(map(str, self.size)),
                remedy='write for example size="16 32 32"',
            )

    @classmethod
    def accepts_folder(cls, path: Path) -> bool:
        return any(file.name.lower().endswith(NIFTI) for pattern in ("*", "*/*") for file in path.glob(pattern))

    @classmethod
    def folder_hint(cls, path: Path) -> str:
        found = any(any(path.glob(f"{pattern}.npy")) for pattern in ("*", "*/*"))
        return "each file is one event, a volume of three axes" if found else ""

    @property
    def axes(self) -> tuple[str, ...]:
        return ("depth", "height", "width")

    def load(self) -> Splits:
        volumes, first = [], self._first[0]
        for file, volume in self._failures.reading(self._files, self._read):
            volumes.append(volume)
            if volume.shape != volumes[0].shape:
                raise DataError(
                    expected=f"volumes of one shape in {self.path}, or the option size",
                    got=f"{tuple(volumes[0].shape)} in {first.name} and {tuple(volumes[-1].shape)} in {file.name}",
                    remedy='write for example size="16 32 32"',
                )
            if len(volumes) == 1:
                count = len(self._files) * volumes[0].numel()
                require_memory(8 * count, f"{count} voxels of {self.path}", error=DataError)
        self._failures.check()
        events = torch.stack([volume.to(_common_dtype(volumes)) for volume in volumes])
        return Splits(*(events[rows] for rows in self.split_rows(len(events))))

    @property
    def notes(self) -> list[str]:
        shape = " x ".join(map(str, self.event_shape))
        original = self._first[1].voxels.shape
        count = len(self.train) + len(self.valid) + len(self.test)
        notes = [f"{count} volumes of {shape} voxels (depth, height, width)"]
        resized = " x ".join(map(str, original))
        notes += [f"resized, the first one from {resized}"] * (original != self.event_shape)
        return [*notes, *self._failures.notes()]

    def read_events(self, path: str | Path, event_shape: tuple[int, ...], mask: str | Path | None = None) -> FileEvents:
        return as_events(self._read(path, event_shape), event_shape, path)

    @property
    def event_ending(self) -> str:
        return ".nii.gz" if self._affine is not None else ".npy"

    def event_file(self, event: Shaped[Tensor, "depth height width"]) -> bytes:
        """A NIfTI file with the place and the size of the first volume, or a .npy array."""
        voxels = event.to(self.train.dtype).numpy()
        if self._affine is None:
            return npy(voxels)
        original = np.array(self._first[1].voxels.shape[::-1])
        return nifti(voxels, self._affine @ _scaled(original / np.array(voxels.shape[::-1])))

    @cached_property
    def _files(self) -> list[Path]:
        files = find_files(self.path, ENDINGS, WHAT)
        if any(file.name.lower().endswith(NIFTI) for file in files):
            import_nibabel()
        return files

    @cached_property
    def _failures(self) -> Failures:
        return Failures(len(self._files), self.max_skipped, expand(self.path), WHAT)

    @cached_property
    def _first(self) -> tuple[Path, Volume]:
        """The first file that opens. Raises ``DataError`` if none does."""
        failures = Failures(len(self._files), 1.0, expand(self.path), WHAT)
        for found in failures.reading(self._files, read_volume):
            return found
        failures.check()
        raise AssertionError("unreachable")

    @property
    def _affine(self) -> Float64[np.ndarray, "4 4"] | None:
        return self._first[1].affine

    def _read(self, path: str | Path, shape: tuple[int, ...] | None = None) -> Real[Tensor, "depth height width"]:
        """The volume in a file, in the size of the events. Raises ``DataError``."""
        volume = to_tensor(read_volume(path).voxels, str(path))
        size = shape if shape is not None and self.size else self.size * (3 // len(self.size)) if self.size else ()
        return volume if not size or tuple(volume.shape) == size else _resized(volume, size)


def _scaled(sizes: Float64[np.ndarray, " 3"]) -> Float64[np.ndarray, "4 4"]:
    """The map from larger voxels to those of the file: centers to centers."""
    scale = np.diag([*sizes, 1.0])
    scale[:3, 3] = (sizes - 1) / 2
    return scale


def _common_dtype(volumes: Sequence[Tensor]) -> torch.dtype:
    dtype = volumes[0].dtype
    for volume in volumes:
        dtype = torch.promote_types(dtype, volume.dtype)
    return dtype


def _resized(
    volume: Real[Tensor, "depth height width"], size: tuple[int, ...]
) -> Real[Tensor, "new_depth new_height new_width"]:
    """A volume in another size: means of boxes, or of classes the values in the middle of the boxes."""
    whole = not volume.is_floating_point()
    if whole and int(volume.max()) - int(volume.min()) < MAX_CLASSES:
        index = [((2 * torch.arange(n) + 1) * old // (2 * n)) for n, old in zip(size, volume.shape, strict=True)]
        return volume[index[0][:, None, None], index[1][:, None], index[2]]
    return torch.nn.functional.interpolate(volume.float()[None, None], size=size, mode="area")[0, 0]
