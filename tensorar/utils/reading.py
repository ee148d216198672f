"""Bounded reading: regular files only, and arrays no larger than their file or the memory can hold."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Shaped

from tensorar.errors import DataError
from tensorar.utils.memory import format_bytes, require_memory

CHUNK_BYTES = 2**20
SMALLER_FILE = "use a smaller file, or a machine with more memory"
GZIP = b"\x1f\x8b"
# deflate codes 258 bytes in two bits at best
MAX_DEFLATE_RATIO = 1032
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")
FILE_TYPES = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(frozen=True)
class OpenFile:
    """An open regular file. ``data`` reads its content, decompressed if it is gzipped.

    ``size`` is the content's size in bytes; if ``compressed``, the largest size that it can have.
    """

    data: BufferedReader | gzip.GzipFile
    size: int
    compressed: bool


def expand(path: str | Path) -> Path:
    """Expand ``~`` and ``$VARIABLES`` in a path, as a shell does, unless a file of the literal name exists.

    Raises ``DataError`` for a variable that is not set, and for the home of an unknown user.
    """
    try:
        literal, expanded = Path(path).expanduser(), Path(os.path.expandvars(path)).expanduser()
    except RuntimeError as error:
        raise DataError(
            expected=f"the home of a user in the path {path}", got="no such user", remedy="write the path in full"
        ) from error
    if os.path.lexists(literal):
        return literal
    unset = re.search(r"\$(\w+)", str(expanded))
    if unset is not None and not os.path.lexists(expanded):
        raise DataError(
            expected=f"the environment variable {unset[1]}, used in the path {path}",
            got="no such variable",
            remedy=f"set it: export {unset[1]}=FOLDER",
        )
    return expanded


def digest_of(path: str | Path, what: str) -> str:
    """The size and the BLAKE2 hash of a file's content. Raises ``DataError`` if it cannot be read."""
    with open_file(path, what) as file:
        return f"{file.size} bytes, blake2b:{hashlib.file_digest(file.data, 'blake2b').hexdigest()}"


def is_picture(path: str | Path) -> bool:
    """Whether a file is a picture by its name."""
    return Path(path).suffix.lower() in PICTURE_ENDINGS


def visible_files(folder: Path) -> list[Path]:
    """The files in a folder and in its folders, sorted, without hidden ones and those in hidden folders."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts))


@contextmanager
def open_file(path: str | Path, what: str, *, decompress: bool = False) -> Iterator[OpenFile]:
    """Open a regular file for reading. Raises ``DataError`` ("expected PATH to be ``what``") if it cannot be read."""
    located = expand(path)
    _require_regular(located, path, what)
    try:
        with located.open("rb") as file:
            size, compressed = os.fstat(file.fileno()).st_size, decompress and file.peek(2)[:2] == GZIP
            if compressed:
                yield OpenFile(gzip.GzipFile(fileobj=file), MAX_DEFLATE_RATIO * size, compressed)
            else:
                yield OpenFile(file, size, compressed)
    except OSError as error:
        raise unreadable(path, what, error) from error


def _require_regular(located: Path, path: str | Path, what: str) -> None:
    try:
        file_type = stat.S_IFMT(located.stat().st_mode)
    except (OSError, ValueError) as error:  # ValueError for a path with a NUL character
        raise unreadable(path, what, error) from error
    if file_type != stat.S_IFREG:
        # opening a pipe would wait for a writer, and a device may never end
        raise DataError(
            expected=f"{path} to be {what}",
            got=FILE_TYPES.get(file_type, "a special file"),
            remedy="pass the path of a regular file",
        )


def unreadable(path: str | Path, what: str, error: Exception) -> DataError:
    """The error for a file that cannot be read as ``what``."""
    missing = isinstance(error, FileNotFoundError)
    return DataError(
        expected=f"{path} to be {what}",
        got=describe(error),
        remedy="check the path" if missing else "check the path and the file",
    )


def describe(error: BaseException) -> str:
    """An exception in a few words, on one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return shorten(" ".join(str(error).split()) or type(error).__name__, 200)


def shorten(text: str, length: int) -> str:
    """The beginning of a text that is too long for a message.

    >>> shorten("abcdefgh", 6)
    'abc...'
    """
    return text if len(text) <= length else text[: length - 3] + "..."


def escaped(text: str) -> str:
    r"""Text of a file with everything that is not printed, and backslashes, as escape sequences.

    >>> escaped("é\x1b")
    'é\\x1b'
    """
    return "".join(c if c.isprintable() and c != "\\" else c.encode("unicode_escape").decode() for c in text)


def read_array(
    file: BufferedIOBase, dtype: np.dtype[Any], count: int, where: str
) -> tuple[Shaped[np.ndarray, " n"], int]:
    """``count`` numbers in native byte order, and how many bytes of them the file had.

    Raises ``DataError`` if they take more memory than is available.
    """
    require_memory(
        count * dtype.itemsize,
        f"{count} numbers of type {dtype.newbyteorder('=').name} in {where}",
        remedy=SMALLER_FILE,
        error=DataError,
    )
    array = _allocate(count, dtype, where)
    buffer, done = array.view(np.uint8).data, 0
    while chunk := file.readinto(buffer[done : done + CHUNK_BYTES]):
        done += chunk
    if not dtype.isnative:
        array = array.byteswap(inplace=True).view(dtype.newbyteorder("="))
    return array, done


def _allocate(count: int, dtype: np.dtype[Any], where: str) -> Shaped[np.ndarray, " n"]:
    try:
        return np.empty(count, dtype)
    except MemoryError as error:
        raise DataError(
            expected=f"{where} to fit in memory",
            got=f"numbers that take {format_bytes(count * dtype.itemsize)}",
            remedy=SMALLER_FILE,
        ) from error
