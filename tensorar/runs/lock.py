"""The lock of a run folder: one process at a time writes to it."""

from __future__ import annotations

import json
import os
import shlex
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tensorar.errors import RunError
from tensorar.utils.file_lock import try_lock
from tensorar.utils.files import write_error

LOCK_FILE = "training.lock"
# the time in which another process may test whether the folder is locked
ATTEMPTS, PAUSE_SECONDS = 5, 0.02
MAX_OWNER_BYTES = 4096
# a pipe in place of the file must not block
NO_WAIT = getattr(os, "O_NONBLOCK", 0)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a folder; the kernel releases the lock when the process ends, however it ends.

    Raises ``RunError``, with the process that holds the lock, when there is one, and when no lock file can be written.
    """
    path = folder / LOCK_FILE
    try:
        descriptor = _acquire(path)
    except OSError as error:
        raise write_error(path, error) from error
    try:
        yield
    finally:
        if _is_open_at(path, descriptor):
            # Windows does not remove open files; the file that stays is not locked
            with suppress(PermissionError):
                path.unlink()
        os.close(descriptor)


def require_unlocked(folder: Path) -> None:
    """Raise ``RunError`` when a process holds the lock of a folder; changes nothing."""
    try:
        descriptor = os.open(folder / LOCK_FILE, os.O_RDONLY | NO_WAIT)
    except OSError:
        return
    try:
        try_lock(descriptor, exclusive=False)
    except BlockingIOError as error:
        raise _busy(folder, _read_owner(descriptor)) from error
    except OSError:
        return
    finally:
        os.close(descriptor)


def _acquire(path: Path) -> int:
    """The descriptor of the locked file, which contains its owner."""
    owner = ""
    for attempt in range(ATTEMPTS):
        time.sleep(PAUSE_SECONDS if attempt else 0)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | NO_WAIT, 0o666)
        try:
            try_lock(descriptor, exclusive=True)
            # the last owner may have removed the file between the two calls
            if _is_open_at(path, descriptor):
                _write_owner(descriptor)
                return descriptor
        except BlockingIOError:
            owner = _read_owner(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
    raise _busy(path.parent, owner)


def _is_open_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _write_owner(descriptor: int) -> None:
    owner = {"pid": os.getpid(), "host": socket.gethostname(), "command": shlex.join(sys.argv)[:200]}
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, json.dumps(owner).encode())


def _read_owner(descriptor: int) -> str:
    """The owner in words, of printable characters only."""
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        owner = json.loads(os.read(descriptor, MAX_OWNER_BYTES))
        text = f"process {owner['pid']} on {owner['host']} ({owner['command']})"
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        # it may have been locked just now
        return "another process"
    return "".join(character if character.isprintable() else "?" for character in text)


def _busy(folder: Path, owner: str) -> RunError:
    return RunError(
        expected=f"a run that no other process is writing in {folder}",
        got=f"one that is trained by {owner or 'another process'}",
        remedy="wait until it ends, stop it, or choose another folder",
    )
