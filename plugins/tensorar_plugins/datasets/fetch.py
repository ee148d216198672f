"""Files of benchmarks: in a folder of the user's, or downloaded once, verified and cached."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tensorar import DataError
from tensorar.utils.memory import format_bytes
from tensorar.utils.reading import expand, open_file

DATA_VARIABLE = "TENSORAR_DATA"
TIMEOUT_SECONDS = 15
# the largest file that is fetched has 170.1 MB
MAX_DOWNLOAD_BYTES = 200_000_000
CHUNK_BYTES = 2**16


@dataclass(frozen=True)
class Remote:
    """A file on several mirrors, verified by its checksum (``sha256:...`` or ``md5:...``), by its content, or by both.

    ``folder`` is its folder in the cache and in ``$TENSORAR_DATA``; ``spec`` is the beginning of the dataset's spec, to
    which ``path=FOLDER`` can be appended. ``verify`` raises ``ValueError`` for a file whose content is another; it is
    for files of which no checksum was published.
    """

    file: str
    checksum: str | None
    mirrors: tuple[str, ...]
    folder: str
    spec: str
    verify: Callable[[Path], object] | None = None


def cache_folder() -> Path:
    """The user's cache for downloads."""
    import pooch

    return Path(pooch.os_cache("tensorar"))


def repair_advice(path: Path) -> str:
    """What to do about a damaged file: only those that tensorar downloaded may be deleted."""
    if path.resolve().is_relative_to(cache_folder().resolve()):
        return "delete it and let tensorar download it again"
    return "replace it by an undamaged copy"


def user_folder(path: str | Path | None, folder: str) -> Path | None:
    """The user's folder of files: the option ``path``, else ``$TENSORAR_DATA/<folder>``, else None."""
    if path is not None:
        return expand(path)
    return expand(os.environ[DATA_VARIABLE]) / folder if os.environ.get(DATA_VARIABLE) else None


def file_matches(path: Path, checksum: str) -> bool:
    """Whether a file has a checksum: ``sha256:...`` or ``md5:...``. Raises ``DataError`` if it cannot be read."""
    import hashlib

    algorithm, _, expected = checksum.partition(":")
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with open_file(path, "readable") as file:
        while chunk := file.data.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest() == expected


def download(remote: Remote) -> Path:
    """Download the file to the cache from the first mirror that has it. Raises ``DataError`` if none has."""
    import pooch

    pooch.get_logger().setLevel("WARNING")
    failures = []
    for mirror in remote.mirrors:
        try:
            return Path(
                pooch.retrieve(
                    mirror + remote.file,
                    known_hash=remote.checksum,
                    fname=remote.file,
                    path=cache_folder() / remote.folder,
                    downloader=lambda url, output, _: _download(url, output, remote.verify),
                )
            )
        except (OSError, ValueError) as error:
            failures.append(f"{mirror} ({_reason(error)})")
    _remove_empty(cache_folder() / remote.folder)
    raise DataError(
        expected=f"{remote.file} from one of its mirrors",
        got=" and ".join(failures),
        remedy=f"check the network, or provide the files yourself: {remote.spec}path=FOLDER, or put them into "
        f"${DATA_VARIABLE}/{remote.folder}",
    )


def _remove_empty(folder: Path) -> None:
    """Remove the folders that a failed download leaves, up to the user's cache."""
    with suppress(OSError):
        folder.rmdir()
        folder.parent.rmdir()


def _download(url: str, output: str, verify: Callable[[Path], object] | None) -> None:
    """Write what a server sends to a file. Raises ``OSError`` if it sends too much, ``ValueError`` if it is wrong."""
    import requests

    size = 0
    with requests.get(url, stream=True, timeout=TIMEOUT_SECONDS) as response, Path(output).open("wb") as file:
        response.raise_for_status()
        for chunk in response.iter_content(CHUNK_BYTES):
            size += len(chunk)
            if size > MAX_DOWNLOAD_BYTES:
                raise OSError(errno.EFBIG, f"more than {format_bytes(MAX_DOWNLOAD_BYTES)}")
            file.write(chunk)
    if verify is not None:
        verify(Path(output))


def _reason(error: Exception) -> str:
    from requests import exceptions

    if isinstance(error, exceptions.HTTPError) and error.response is not None:
        return f"status {error.response.status_code}"
    if isinstance(error, exceptions.Timeout):
        return "timeout"
    if isinstance(error, exceptions.RequestException):
        return "unreachable"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "wrong checksum"
