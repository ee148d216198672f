"""Where the files of a benchmark are: given by hand, or downloaded once, checked and kept in the user's cache."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tensorar import DataError

HAND = "TENSORAR_DATA"
AGAIN = "delete it and let tensorar download it again"
SECONDS_TO_ANSWER = 15


@dataclass(frozen=True)
class Remote:
    """A file that can be had from any of several addresses, known by its SHA-256.

    ``folder`` is its place in the cache and in ``$TENSORAR_DATA``, ``spec`` the dataset that wants it, up to its path.
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


def given_folder(path: str | None, folder: str) -> Path | None:
    """The folder of files given by hand: the path option, else ``$TENSORAR_DATA/<folder>``, else None."""
    if path is not None:
        return Path(path).expanduser()
    return Path(os.environ[HAND]).expanduser() / folder if os.environ.get(HAND) else None


def locate(remote: Remote, path: str | None) -> Path:
    """The file in a given folder, as it is or without ``.gz``, else in the cache, to which it is downloaded if need be.

    Raises ``DataError`` when a path was given that does not hold it, or no mirror has it.
    """
    found = find(given_folder(path, remote.folder), remote.file, remote.file.removesuffix(".gz"))
    if found:
        return found
    if path is not None:
        raise DataError(
            expected=f"{remote.file} in the folder {path}",
            got="no such file" if Path(path).expanduser().is_dir() else "no such folder",
            remedy="give the folder that holds the files, or leave path out to download them",
        )
    return download(remote)


def find(folder: Path | None, *files: str) -> Path | None:
    """The first of some files that a folder has."""
    return next((folder / file for file in files if folder and (folder / file).is_file()), None)


def download(remote: Remote) -> Path:
    """The file in the cache, downloaded from the first mirror that has it. Raises ``DataError`` when none has."""
    import pooch

    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(timeout=SECONDS_TO_ANSWER)
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
        remedy=f"check the network, or give the files by hand: write {remote.spec}path=FOLDER, or put them into "
        f"${HAND}/{remote.folder}",
    )


def _reason(error: Exception) -> str:
    from requests import exceptions

    if isinstance(error, exceptions.HTTPError) and error.response is not None:
        return f"answers {error.response.status_code}"
    if isinstance(error, exceptions.Timeout):
        return "does not answer"
    if isinstance(error, exceptions.RequestException):
        return "cannot be reached"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return "sends a file with the wrong checksum"
