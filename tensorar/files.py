"""Files written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tensorar.errors import RunError


def is_main_process() -> bool:
    """Whether this process is the one that writes, where a launcher has started several."""
    return os.environ.get("RANK", "0") == "0"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or leave it as it was: temporary file, fsync, rename. Raises ``RunError``."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> RunError:
    """The error to raise when a file cannot be written."""
    return RunError(
        expected=f"to write {path}",
        got=error.strerror or str(error),
        remedy="choose another folder, or make room and set its permissions; nothing there was changed",
    )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
