"""Arrays and archives whose headers claim something else, and bombs."""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np

from ..damages import MEMBER


def npy_header(chance: random.Random, path: Path) -> None:
    """A header of a .npy file that claims something else."""
    path.write_bytes(_npy(chance))


def _npy(chance: random.Random) -> bytes:
    shapes = (
        "(60, 4, 4)",
        "(2**40,)",
        "(1099511627776,)",
        "(60, 1000000000000)",
        "(-1, 4)",
        "(0, 4)",
        "()",
        "(60,)",
        "(60,0)",
    )
    shapes += (
        "(59, 4, 4)",
        "(61, 4, 4)",
        "'x'",
        "(1.5,)",
        "(True,)",
        "(99999999999999999999,)",
        "(1,)*3000",
        "[60]",
        "None",
    )
    dtypes = (
        "|u1",
        "<f8",
        ">f8",
        "<f2",
        "<c8",
        "|O",
        "<U4",
        "|V8",
        "<M8[s]",
        "<i8",
        ">i4",
        "?",
        "x",
        "<f16",
        "|b1",
        "",
    )
    dtypes += ("('<f4', (2,))", "[('a', '<f4')]", "<u8")
    dtype = chance.choice(dtypes)
    described = dtype if dtype.startswith(("(", "[")) else repr(dtype)
    header = f"{{'descr': {described}, 'fortran_order': {chance.choice(('False', 'False', 'True', 'x'))}, "
    header += f"'shape': {chance.choice(shapes)}, }}"
    header = chance.choice(
        (header, header, header, header, "__import__('os').getcwd()", "(" * 300, "{}", header[:-3], "x" * 20000)
    )
    version = chance.choice((b"\x01\0", b"\x01\0", b"\x01\0", b"\x02\0", b"\x09\0"))
    text = header.encode()
    size = struct.pack("<H" if version[0] == 1 else "<I", chance.choice((len(text), len(text), len(text), 65535)))
    return b"\x93NUMPY" + version + size + text + bytes(chance.choice((960, 960, 959, 0, 7680)))


def zip_claims(chance: random.Random, path: Path) -> None:
    """An archive with odd members."""
    buffer = io.BytesIO()
    plain, name = (
        io.BytesIO(),
        chance.choice(("train.npy", "data.npy", "data", "../data.npy", "/data.npy", "shape.npy", "\x1b[31m.npy")),
    )
    np.save(plain, chance.choice(_ARRAYS), allow_pickle=True)
    with zipfile.ZipFile(
        buffer, "w", chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
    ) as archive:
        archive.writestr(name, chance.choice((plain.getvalue(), plain.getvalue(), _npy(chance), b"", b"x")))
        for extra in range(chance.choice((0, 0, 1, 500))):
            archive.writestr(f"extra{extra}.npy", plain.getvalue()[:200])
        archive.comment = chance.choice((b"", b"x" * 60000))
    path.write_bytes(buffer.getvalue())


_ARRAYS = (
    np.zeros((60, 4, 4), np.uint8),
    np.array([{}] * 60, dtype=object),
    np.zeros((60, 2), np.float32),
    np.float64(3),
)
_ARRAYS += (
    np.zeros((0, 4)),
    np.full((60, 2), np.nan),
    np.array(["x"] * 60),
    np.full((60, 2), 1e300),
    np.full((60, 2), 2**62),
)


def zip_bomb(chance: random.Random, path: Path) -> None:
    """An archive with an array of five gigabytes in a few megabytes, whatever its header claims."""
    count = 80 * MEMBER
    shape = chance.choice((f"({count},)", f"(60, {count // 60})", "(60, 4)"))
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    header = b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text.encode()
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    start = packer.compress(header) + packer.flush(zlib.Z_FULL_FLUSH)
    member = packer.compress(bytes(MEMBER)) + packer.flush(zlib.Z_FULL_FLUSH)
    packed, size = start + member * 80 + packer.flush(), len(header) + count
    name = b"data.npy"
    extra = struct.pack("<HHQQ", 1, 16, size, len(packed))
    fields = (45, 0, 8, 0, 0, 0, 2**32 - 1, 2**32 - 1, len(name), len(extra))
    local = b"PK\x03\x04" + struct.pack("<HHHHHIIIHH", *fields) + name + extra
    central = b"PK\x01\x02" + struct.pack("<HHHHHHIIIHHHHHII", 45, *fields, 0, 0, 0, 0, 0) + name + extra
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local) + len(packed), 0)
    path.write_bytes(local + packed + central + end)
