"""Write IDX files, and the small EMNIST that several tests read."""

from __future__ import annotations

import gzip
import struct

import numpy as np

NAME = "{part}-{kind}-idx{axes}-ubyte.gz"
TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def idx_bytes(array, code=8):
    """An array as an IDX file with elements of the type ``code``."""
    return (
        bytes([0, 0, code, array.ndim])
        + struct.pack(f">{array.ndim}I", *array.shape)
        + array.astype(TYPES[code]).tobytes()
    )


def labelled(labels):
    """Images of 2 x 3 pixels that are 7 times their label, apart from their first pixel, which is 0."""
    images = np.repeat(7 * np.asarray(labels, np.uint8), 6).reshape(-1, 2, 3)
    images[:, 0, 0] = 0
    return images


def write_set(folder, name=NAME, *, labels=range(1, 27), test="t10k", kinds=("images", "labels")):
    """Training and test files of images and labels of the same 26 classes, by default those of EMNIST letters."""
    folder.mkdir(parents=True, exist_ok=True)
    labels = np.array(list(labels), np.uint8)
    for part, values in (("train", np.tile(labels, 3)), (test, labels[::-1])):
        for kind, array in (("images", labelled(values)), ("labels", values)):
            if kind in kinds:
                file = folder / name.format(part=part, kind=kind, axes=array.ndim)
                content = idx_bytes(array)
                file.write_bytes(gzip.compress(content, mtime=0) if file.suffix == ".gz" else content)
    return folder
