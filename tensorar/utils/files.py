"""Files written whole or not at all."""

from __future__ import annotations

import json
import math
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from tensorar.errors import RunError


def is_main_process() -> bool:
    """Whether this process is the one that writes, where a launcher has started several."""
    return os.environ.get("RANK", "0") == "0"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or leave all as it was: temporary file, fsync, rename. Raises ``RunError``."""
    temporary = None
    new_folders = [folder for folder in path.parents if not folder.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~umask())
        temporary.replace(path)
    except BaseException as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        _remove_empty(new_folders)
        if not isinstance(error, OSError):
            raise
        raise write_error(path, error) from error


def _remove_empty(folders: list[Path]) -> None:
    # another process may have put something there, or the folder may never have been made
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def write_error(path: Path, error: OSError) -> RunError:
    """The error to raise when a file cannot be written."""
    in_the_way = isinstance(error, FileExistsError | NotADirectoryError)
    return RunError(
        expected=f"to write {path}",
        got="a file where a folder is wanted" if in_the_way else error.strerror or str(error),
        remedy="choose another folder, or make room and set its permissions; nothing there was changed",
    )


def json_line(values: Any) -> str:
    """Values as one line of JSON, in which NaN and infinity, unknown to it, are null.

    >>> json_line({"nats": float("inf"), "path": Path("runs")})
    '{"nats": null, "path": "runs"}'
    """
    return json.dumps(_finite(values), default=str, allow_nan=False)


def _finite(values: Any) -> Any:
    if isinstance(values, dict):
        return {key: _finite(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [_finite(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values


def umask() -> int:
    """The permissions that a new file or folder is not to have."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
