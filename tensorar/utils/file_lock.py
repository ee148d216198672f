"""Locks of open files that the operating system releases when the process ends."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import msvcrt
    import os

    # beyond what is written, since others cannot read a locked byte
    PLACE = 2**20

    def try_lock(descriptor: int, *, exclusive: bool) -> None:
        """Lock a file. Raises ``BlockingIOError`` when another process holds the lock."""
        os.lseek(descriptor, PLACE, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError from error

else:
    import fcntl

    def try_lock(descriptor: int, *, exclusive: bool) -> None:
        """Lock a file. Raises ``BlockingIOError`` when another process holds the lock."""
        fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
