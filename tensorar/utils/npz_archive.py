"""Archives of arrays (``.npz``): only the arrays asked for are read, and no more bytes than they claim."""

from __future__ import annotations

import zipfile
from collections import Counter
from io import BufferedIOBase
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from tensorar.errors import DataError
from tensorar.utils.memory import require_memory
from tensorar.utils.npy_format import read_npy_array, read_npy_header
from tensorar.utils.reading import CHUNK_BYTES, MAX_DEFLATE_RATIO, shorten

ENCRYPTED = 1
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Archive:
    """The arrays of a ``.npz`` file. Damaged archives raise almost any exception."""

    def __init__(self, file: BufferedIOBase, size: int, path: str | Path) -> None:
        wrapped: Any = _BoundedReads(file)
        self._zip, self._size, self._path = zipfile.ZipFile(wrapped), size, path
        members = [info for info in self._zip.infolist() if info.filename.endswith(".npy")]
        self._members = {info.filename.removesuffix(".npy"): info for info in members}
        repeated = [name for name, count in Counter(info.filename for info in members).items() if count > 1]
        if repeated:
            raise ValueError(f"several arrays named {shorten(repeated[0].removesuffix('.npy'), 80)}")

    @property
    def names(self) -> list[str]:
        """The names of the arrays."""
        return list(self._members)

    def read(self, name: str, *, texts: bool = False) -> Shaped[np.ndarray, "..."]:
        """An array, with ``texts`` also one of text. Raises ``DataError`` if its sizes contradict each other."""
        info = self._members[name]
        self._check(info, f"{name} of {self._path}")
        with self._zip.open(info) as member:
            stream: Any = member
            return read_npy_array(stream, info.file_size, f"{name} of {self._path}", texts=texts)

    def dtype(self, name: str) -> np.dtype[Any]:
        """The dtype of an array, by its header. Raises ``DataError`` for other than numbers."""
        info = self._members[name]
        self._check(info, f"{name} of {self._path}")
        with self._zip.open(info) as member:
            stream: Any = member
            return read_npy_header(stream, info.file_size, f"{name} of {self._path}").dtype

    def content(self, name: str) -> bytes:
        """The bytes of an array's file, whatever it holds. Raises ``DataError`` if its sizes contradict each other."""
        info = self._members[name]
        self._check(info, f"{name} of {self._path}")
        require_memory(info.file_size, f"{name} of {self._path}", error=DataError)
        return self._zip.read(info)

    def _check(self, info: zipfile.ZipInfo, where: str) -> None:
        if info.flag_bits & ENCRYPTED:
            raise ValueError("an encrypted archive")
        if info.compress_type not in METHODS:
            raise ValueError("an archive compressed by another method than deflate")
        ratio = MAX_DEFLATE_RATIO if info.compress_type == zipfile.ZIP_DEFLATED else 1
        if info.file_size > ratio * min(info.compress_size, self._size):
            raise DataError(
                expected=f"at most {ratio * min(info.compress_size, self._size)} bytes in {where}",
                got=f"a claim of {info.file_size}",
                remedy="save it again with numpy.savez",
            )


class _BoundedReads:
    """A file that refuses to read much at once, which ``zipfile`` does for a huge list of members."""

    def __init__(self, file: BufferedIOBase) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """At most ``CHUNK_BYTES``."""
        if size > CHUNK_BYTES:
            raise ValueError(f"a list of members of {size} bytes")
        return self._file.read(CHUNK_BYTES if size < 0 else size)
