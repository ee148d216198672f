"""Files of volumes: arrays (.npy) and NIfTI, through nibabel, turned so that all lie the same way."""

from __future__ import annotations

import gzip
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Shaped

from tensorar import DataError, TensorarError
from tensorar.utils.memory import require_memory
from tensorar.utils.reading import describe, expand, open_file
from tensorar_plugins.datasets.array_files import read_npy

NIFTI = (".nii", ".nii.gz")
ENDINGS = (".npy", *NIFTI)
WHAT = "a volume (.npy, .nii, .nii.gz)"


@dataclass(frozen=True, eq=False)
class Volume:
    """A volume by depth, height and width: of NIfTI, from above, from the front and from the left.

    ``affine`` maps voxels of NIfTI, from the left, the back and below, to millimetres; None for an array.
    """

    voxels: Shaped[np.ndarray, "depth height width"]
    affine: Float64[np.ndarray, "4 4"] | None


def read_volume(path: str | Path) -> Volume:
    """The volume in a file. Raises ``DataError`` for a file of another kind, or with other axes than three."""
    is_nifti = str(path).lower().endswith(NIFTI)
    voxels, affine = _read_nifti(path) if is_nifti else (read_npy(path).numpy(), None)
    if voxels.ndim != 3 or not voxels.size:
        raise DataError(
            expected=f"a volume of three axes in {path}",
            got=f"shape {voxels.shape}",
            remedy="save each volume in a file of its own (an array of several is read by npy)",
        )
    return Volume(voxels, affine)


def nifti(voxels: Shaped[np.ndarray, "depth height width"], affine: Float64[np.ndarray, "4 4"]) -> bytes:
    """A compressed NIfTI file of a volume; the same volume gives the same bytes."""
    # other programs do not read 64-bit integers
    voxels = voxels.astype(np.int32) if voxels.dtype == np.int64 else voxels
    image = import_nibabel().Nifti1Image(_from_below(voxels), affine)
    return gzip.compress(image.to_bytes(), mtime=0)


def npy(voxels: Shaped[np.ndarray, "depth height width"]) -> bytes:
    """A .npy file of a volume."""
    memory = io.BytesIO()
    np.save(memory, voxels)
    return memory.getvalue()


def _read_nifti(path: str | Path) -> tuple[Shaped[np.ndarray, "..."], Float64[np.ndarray, "4 4"]]:
    nibabel = import_nibabel()
    try:
        with open_file(path, WHAT) as file:
            size = file.size
        image = nibabel.load(expand(path))
        _require_size(image, size, path)
        canonical = nibabel.as_closest_canonical(image)
        voxels = np.asarray(canonical.dataobj)
    except TensorarError:
        raise
    except Exception as error:  # nibabel raises several exceptions for damaged files
        raise DataError(expected=f"{path} to be {WHAT}", got=describe(error), remedy="check the file") from error
    # a fourth axis of one time
    voxels = voxels[..., 0] if voxels.ndim == 4 and voxels.shape[-1] == 1 else voxels
    native = voxels.astype(voxels.dtype.newbyteorder("="))
    turned = np.ascontiguousarray(_from_above(native)) if voxels.ndim == 3 else voxels
    return turned, np.asarray(canonical.affine, np.float64)


def _require_size(image: Any, size: int, path: str | Path) -> None:
    """Raise ``DataError`` for a volume that would not fit in memory, before it is read."""
    count = math.prod(map(int, image.shape))
    require_memory(16 * count, f"{count} voxels in {path} ({size} bytes)", error=DataError)


def _from_above(voxels: Shaped[np.ndarray, "x y z"]) -> Shaped[np.ndarray, "depth height width"]:
    """A volume that begins left, at the back and below, as one that begins above, at the front and left."""
    return voxels.transpose(2, 1, 0)[::-1, ::-1]


def _from_below(voxels: Shaped[np.ndarray, "depth height width"]) -> Shaped[np.ndarray, "x y z"]:
    """The inverse."""
    return voxels[::-1, ::-1].transpose(2, 1, 0)


def import_nibabel() -> Any:
    """The module ``nibabel``. Raises ``DataError`` where it is not installed."""
    try:
        import nibabel
    except ImportError as error:
        raise DataError(
            expected="the package nibabel, which reads and writes NIfTI",
            got=describe(error),
            remedy="install it: pip install tensorar[volumes]",
        ) from error
    return nibabel
