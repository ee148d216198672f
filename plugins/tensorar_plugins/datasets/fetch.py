"""Files of benchmarks: in a folder of the user's, or downloaded once, verified and cached."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tensorar import DataError

DATA_VARIABLE = "TENSORAR_DATA"
DOWNLOAD_AGAIN = "delete it and let tensorar download it again"
TIMEOUT_SECONDS = 15


@dataclass(frozen=True)
class Remote:
    """A file on several mirrors, verified by its SHA-256.

    ``folder`` is its folder in the cache and in ``$TENSORAR_DATA``; ``spec`` is the beginning of the dataset's spec, to
    which ``path=FOLDER`` can be appended.
    """

    file: str
    sha256: str
    mirrors: tuple[str, ...]
    folder: str
    spec: str


def cache_folder() -> Path:
    """The user's cache for downloads."""
    import pooch

    return Path(pooch.os_cache("tensorar"))


def user_folder(path: str | None, folder: str) -> Path | None:
    """The user's folder of files: the option ``path``, else ``$TENSORAR_DATA/<folder>``, else None."""
    if path is not None:
        return Path(path).expanduser()
    return Path(os.environ[DATA_VARIABLE]).expanduser() / folder if os.environ.get(DATA_VARIABLE) else None


def locate(remote: Remote, path: str | None) -> Path:
    """The file in the user's folder, with or without ``.gz``, or else in the cache; downloaded if necessary.

    Raises ``DataError`` if ``path`` is given and does not contain the file, or no mirror has it.
    """
    found = find_file(user_folder(path, remote.folder), remote.file, remote.file.removesuffix(".gz"))
    if found:
        return found
    if path is not None:
        raise DataError(
            expected=f"{remote.file} in the folder {path}",
            got="no such file" if Path(path).expanduser().is_dir() else "no such folder",
            remedy="pass the folder that contains the files, or omit path to download them",
        )
    return download(remote)


def find_file(folder: Path | None, *files: str) -> Path | None:
    """The first of the files that exists in the folder, or None."""
    return next((folder / file for file in files if folder and (folder / file).is_file()), None)


def download(remote: Remote) -> Path:
    """Download the file to the cache from the first mirror that has it. Raises ``DataError`` if none has."""
    import pooch

    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(timeout=TIMEOUT_SECONDS)
    failures = []
    for mirror in remote.mirrors:
        try:
            return Path(
                pooch.retrieve(
                    mirror + remote.file,
                    known_hash=f"sha256:{remote.sha256}",
                    fname=remote.file,
                    path=cache_folder() / remote.folder,
                    downloader=downloader,
                )
            )
        except (OSError, ValueError) as error:
            failures.append(f"{mirror} ({_reason(error)})")
    raise DataError(
        expected=f"{remote.file} from one of its mirrors",
        got=" and ".join(failures),
        remedy=f"check the network, or provide the files yourself: {remote.spec}path=FOLDER, or put them into "
        f"${DATA_VARIABLE}/{remote.folder}",
    )


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
