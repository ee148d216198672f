"""Damages of any file: of its bytes, and of what its path leads to."""

from __future__ import annotations

import gzip
import os
import pickle
import random
import shutil
import socket
import zlib
from collections.abc import Callable
from pathlib import Path

from .values import TEXTS

Damage = Callable[[random.Random, Path], None]
MEMBER = 64 * 1024**2
FOREIGN = (b"\x89PNG\r\n\x1a\n" + bytes(40), b"PK\x03\x04" + bytes(40), b"\x1f\x8b\x08" + bytes(40), pickle.dumps([1]))
FOREIGN += (
    b"",
    b"\n",
    b"\0",
    b"{}",
    b"null",
    b"[[[[",
    b"version https://git-lfs.github.com/spec/v1\n",
    b"\xff\xfe" * 20,
)


def on_bytes(change: Callable[[random.Random, bytes], bytes]) -> Damage:
    """The damage that replaces the bytes of a file."""

    def damage(chance: random.Random, path: Path) -> None:
        path.write_bytes(change(chance, path.read_bytes()))

    damage.__name__ = change.__name__
    return damage


def _flipped(chance: random.Random, data: bytes, start: int, end: int) -> bytes:
    changed = bytearray(data)
    if changed:
        changed[min(chance.randrange(start, max(end, start + 1)), len(changed) - 1)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def flip(chance: random.Random, data: bytes) -> bytes:
    """One bit, anywhere."""
    return _flipped(chance, data, 0, len(data))


def flip_header(chance: random.Random, data: bytes) -> bytes:
    """One bit near the beginning."""
    return _flipped(chance, data, 0, min(len(data), 160))


def flip_end(chance: random.Random, data: bytes) -> bytes:
    """One bit near the end."""
    return _flipped(chance, data, max(0, len(data) - 40), len(data))


def flip_many(chance: random.Random, data: bytes) -> bytes:
    """Several bits."""
    for _ in range(chance.choice((2, 8, 64))):
        data = flip(chance, data)
    return data


def cut(chance: random.Random, data: bytes) -> bytes:
    """The beginning only."""
    return data[: chance.randrange(len(data) + 1)]


def cut_end(chance: random.Random, data: bytes) -> bytes:
    """Without the last bytes."""
    return data[: -chance.choice((1, 2, 4, 7, 8, 16))]


def cut_start(chance: random.Random, data: bytes) -> bytes:
    """Without the first bytes."""
    return data[chance.choice((1, 2, 8)) :]


def extended(chance: random.Random, data: bytes) -> bytes:
    """With something after the end."""
    return data + chance.choice((b"\0", b"\n", chance.randbytes(100), data, bytes(4096)))


def without_block(chance: random.Random, data: bytes) -> bytes:
    """Without some bytes in the middle."""
    at = chance.randrange(len(data) + 1)
    return data[:at] + data[at + chance.choice((1, 4, 64)) :]


def inserted(chance: random.Random, data: bytes) -> bytes:
    """With more bytes in the middle."""
    at = chance.randrange(len(data) + 1)
    return data[:at] + chance.choice((b"\0", b"\n", b"\x1b[31m", b"\xff", chance.randbytes(50))) + data[at:]


def overwritten(chance: random.Random, data: bytes) -> bytes:
    """With zeros or noise over a block, as after a crash of the machine."""
    size, at = chance.choice((4, 64, 512)), chance.randrange(len(data) + 1)
    block = chance.choice((bytes(size), b"\xff" * size, chance.randbytes(size)))
    return data[:at] + block[: len(data) - at] + data[at + size :]


def swapped(chance: random.Random, data: bytes) -> bytes:
    """With two blocks in each other's place."""
    size = chance.choice((1, 4, 64))
    one, other = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    if one + size > other:
        return data[::-1]
    return (
        data[:one]
        + data[other : other + size]
        + data[one + size : other]
        + data[one : one + size]
        + data[other + size :]
    )


def foreign(chance: random.Random, data: bytes) -> bytes:
    """Another kind of file."""
    return chance.choice(
        (*FOREIGN, chance.randbytes(len(data)), gzip.compress(data), zlib.compress(data), data.hex().encode())
    )


def text(chance: random.Random, data: bytes) -> bytes:
    """Some text."""
    return chance.choice(TEXTS).encode("utf-8", "surrogateescape")


def encoded(chance: random.Random, data: bytes) -> bytes:
    """The same in another encoding of text."""
    readable = data.decode("latin-1")
    return readable.encode(chance.choice(("utf-16", "utf-32", "utf-8-sig", "utf-7"))).replace(
        b"\n", chance.choice((b"\n", b"\r\n"))
    )


def missing(chance: random.Random, path: Path) -> None:
    """No file."""
    path.unlink()


def folder(chance: random.Random, path: Path) -> None:
    """A folder in place of the file."""
    path.unlink()
    path.mkdir()


def link(chance: random.Random, path: Path) -> None:
    """A link to a device, to itself, to nothing or to the folder."""
    path.unlink()
    path.symlink_to(
        chance.choice(
            ("/dev/zero", "/dev/null", "/dev/full", "/dev/stdin", path.name, "nowhere", ".", "/proc/self/mem")
        )
    )


def pipe(chance: random.Random, path: Path) -> None:
    """A pipe or a socket, which nothing writes to."""
    path.unlink()
    if chance.random() < 0.5:
        os.mkfifo(path)
        return
    with socket.socket(socket.AF_UNIX) as unconnected:
        before = Path.cwd()
        os.chdir(path.parent)  # the addresses of sockets are short
        try:
            unconnected.bind(path.name)
        finally:
            os.chdir(before)


def moved(chance: random.Random, path: Path) -> None:
    """A link to the same file elsewhere: no damage."""
    elsewhere = path.with_name(f"{path.name}-elsewhere")
    path.rename(elsewhere)
    path.symlink_to(elsewhere.name)


def other_file(chance: random.Random, path: Path) -> None:
    """Another file of the user's."""
    root = path.parents[1] if path.parent.name != "training" else path.parents[2]
    files = sorted(file for file in root.rglob("*") if file.is_file() and file != path and file.stat().st_size < 1e6)
    shutil.copyfile(chance.choice(files), path)


def gzip_bomb(chance: random.Random, path: Path) -> None:
    """Five gigabytes of zeros in a few megabytes."""
    path.write_bytes(gzip.compress(bytes(MEMBER), 9) * 80)


def on_header_then_bomb(header: bytes) -> bytes:
    """A gzip file that begins with a header and goes on with five gigabytes of zeros."""
    return gzip.compress(header) + gzip.compress(bytes(MEMBER), 9) * 80


BYTES: tuple[Damage, ...] = tuple(
    map(
        on_bytes,
        (flip, flip, flip, flip_header, flip_header, flip_end, flip_many, cut, cut, cut_end, cut_start, extended),
    )
)
BYTES += tuple(map(on_bytes, (without_block, inserted, overwritten, overwritten, swapped, foreign, text, encoded)))
PATHS: tuple[Damage, ...] = (missing, folder, link, link, pipe, moved, other_file)
