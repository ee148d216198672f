"""Atomic writes: a file is written completely or not at all."""

from __future__ import annotations

import json
import math
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from tensorar.errors import RunError

# a file that is being written, with the name it will have
TEMPORARY = re.compile(r"\.(?P<name>.+)\.\w{8}\.tmp")

# more than any schema or result has
MAX_JSON_BYTES = 2**26


def write_atomically(path: Path, *content: bytes | memoryview) -> None:
    """Write a file of these parts atomically: temporary file, fsync, rename.

    Raises ``RunError`` and leaves everything as it was when the file cannot be written.
    """
    temporary = None
    new_folders = [folder for folder in path.parents if not folder.exists()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp", delete=False) as file:
            temporary = Path(file.name)
            file.writelines(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~umask())
        temporary.replace(path)
    except BaseException as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        remove_empty(new_folders)
        if not isinstance(error, OSError):
            raise
        raise write_error(path, error) from error


def remove_temporary_files(folder: Path, names: re.Pattern[str]) -> None:
    """Remove what killed processes left of files with these names; nobody else may be writing them."""
    for path in folder.glob(".*.tmp"):
        found = TEMPORARY.fullmatch(path.name)
        if found and names.fullmatch(found["name"]):
            with suppress(OSError):
                path.unlink()


def remove_empty(folders: list[Path]) -> None:
    """Remove those of the folders that exist and are empty."""
    # another process may have put a file there
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def write_error(path: Path, error: OSError) -> RunError:
    """The error for a file that cannot be written."""
    file_in_path = isinstance(error, FileExistsError | NotADirectoryError)
    return RunError(
        expected=f"to write {path}",
        got="a file, not a folder" if file_in_path else error.strerror or str(error),
        remedy="choose another folder, free disk space, or set its permissions; nothing was changed",
    )


def json_line(values: Any) -> str:
    """Values as one line of JSON. NaN and infinity, which JSON does not have, become null.

    >>> json_line({"nats": float("inf"), "path": Path("runs")})
    '{"nats": null, "path": "runs"}'
    """
    return json.dumps(_finite(values), default=str, allow_nan=False)


def json_text(values: Any) -> bytes:
    """Values as indented JSON, for a file that people read, too."""
    return (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode()


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file. Raises ``RunError`` when it cannot be read, or holds something else."""
    # a device may never end
    if path.exists() and not (path.is_file() and path.stat().st_size <= MAX_JSON_BYTES):
        got = "a larger file" if path.is_file() else "something else than a file"
        raise RunError(
            expected=f"JSON in {path}, of at most {MAX_JSON_BYTES >> 20} MB", got=got, remedy="restore it from a copy"
        )
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(expected=f"JSON in {path}", got="damaged text", remedy="restore it from a copy") from error
    if not isinstance(found, dict):
        raise RunError(expected=f"a JSON object in {path}", got="another value", remedy="restore it from a copy")
    return found


def _finite(values: Any) -> Any:
    if isinstance(values, dict):
        return {key: _finite(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [_finite(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values


def umask() -> int:
    """The permission bits that the process removes from new files and folders."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
