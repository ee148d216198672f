"""Files whose format is right and whose claims are not, by format."""

from __future__ import annotations

import io
import json
import math
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from .damages import MEMBER, Damage, gzip_bomb, on_header_then_bomb
from .values import TEXTS

ODD_JSON = (-1, math.nan, math.inf, -math.inf, "x", "", None, True, 1e30, 10**30, [], {}, 0, 0.5, 2**63, "\x1b[31m")
DTYPES = ("F64", "F16", "BF16", "I64", "I32", "U8", "BOOL", "C64", "F8_E4M3", "X", "f32", "")


# --- safetensors ------------------------------------------------------------------------------------------------------


def header_of_tensors(chance: random.Random, path: Path) -> None:
    """Another dtype, shape, offset or name in the header."""
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header: dict[str, Any] = json.loads(data[8 : 8 + size])
    name = chance.choice([key for key in header if key != "__metadata__"])
    entry = header[name]
    how = chance.randrange(7)
    if how == 0:
        entry["dtype"] = chance.choice(DTYPES)
    elif how == 1:
        entry["shape"] = chance.choice(
            ([-1], [2**62, 2**62], entry["shape"][::-1], [*entry["shape"], 1], [0], [], ["x"])
        )
    elif how == 2:
        entry["data_offsets"] = chance.choice(([0, 2**40], [-1, 3], [4, 0], [0, 4], [0], "x", [1.5, 2]))
    elif how == 3:
        header[chance.choice(("x", "", "\x1b[31m", "a" * 5000, name + "x"))] = header.pop(name)
    elif how == 4:
        del header[name]
    elif how == 5:
        header["__metadata__"] = chance.choice(
            ({}, {"state": "{}"}, {"format": "pt"}, None, {"state": 3}, {"x": "y" * 5000})
        )
    else:
        names = [key for key in header if key != "__metadata__"]
        other = chance.choice(names)
        header[name], header[other] = header[other], header[name]
    text = json.dumps(header).encode()
    sizes = (len(text), len(text), len(text), len(text), 2**40, 2**63, 0)
    path.write_bytes(struct.pack("<Q", chance.choice(sizes)) + text + data[8 + size :])


def cast_tensors(chance: random.Random, path: Path) -> None:
    """A whole file of tensors with one of them cast, changed or without value."""
    with safe_open(path, framework="pt") as file:
        tensors, metadata = {key: file.get_tensor(key) for key in file.keys()}, file.metadata()  # noqa: SIM118
    name = chance.choice(sorted(tensors))
    tensors[name] = chance.choice(_TENSOR_CHANGES)(tensors[name].clone()).contiguous()
    if chance.random() < 0.15:
        del tensors[name]
    if chance.random() < 0.15:
        tensors[chance.choice(("x", "model/x", "optimizer/99/step", "optimizer/x/y", "average/n_averaged2"))] = (
            torch.ones(2)
        )
    save_file(tensors, path, metadata)


def _with_first(number: float) -> Callable[[torch.Tensor], torch.Tensor]:
    def change(tensor: torch.Tensor) -> torch.Tensor:
        if tensor.is_floating_point() and tensor.numel():
            tensor.view(-1)[0] = number
        return tensor

    return change


_TENSOR_CHANGES: tuple[Callable[[torch.Tensor], torch.Tensor], ...] = (
    *(map(_with_first, (math.nan, math.inf, -math.inf, 1e38, -1e38, 0.0, 1e-40))),
    *(lambda t, d=dtype: t.to(d) for dtype in (torch.int64, torch.float64, torch.float16, torch.complex64, torch.bool)),
    lambda t: t.flatten(),
    lambda t: t.unsqueeze(0),
    lambda t: t[:0] if t.ndim else t,
    lambda t: t.flip(0) if t.ndim else -t,
    lambda t: -t if t.dtype != torch.bool else ~t,
)


def state_fields(chance: random.Random, path: Path) -> None:
    """A field of the metadata replaced, removed or added."""
    with safe_open(path, framework="pt") as file:
        tensors, metadata = {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
    key = chance.choice(sorted(metadata)) if metadata else "state"
    try:
        fields = json.loads(metadata.get(key, "{}"))
    except ValueError:
        fields = None
    if isinstance(fields, dict) and fields:
        field = chance.choice(sorted(fields))
        fields[chance.choice((field, field, field, "nothing"))] = chance.choice(ODD_JSON)
        if chance.random() < 0.1:
            del fields[field]
        metadata[key] = json.dumps(fields)
    else:
        metadata[key] = chance.choice(("", "x", "0" * 64, "[]", "null"))
    save_file(tensors, path, metadata)


# --- numpy ------------------------------------------------------------------------------------------------------------


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


# --- IDX, gzip, tables ------------------------------------------------------------------------------------------------


def idx_header(chance: random.Random, path: Path) -> None:
    """Another type, number of axes or size."""
    sizes = chance.choice(
        ((40, 3, 3), (2**32 - 1,) * 3, (0, 3, 3), (40, 0, 3), (40,), (41, 3, 3), (39, 3, 3), (9, 40), (1,) * 255)
    )
    kind = chance.choice((8, 8, 8, 9, 11, 12, 13, 14, 0, 255))
    start = bytes([chance.choice((0, 0, 0, 1)), 0, kind, chance.choice((len(sizes), len(sizes), 0, 4, 255))])
    path.write_bytes(start + struct.pack(f">{len(sizes)}I", *sizes) + chance.randbytes(360))


def idx_bomb(chance: random.Random, path: Path) -> None:
    """A gzip file with a small header of IDX, and five gigabytes behind it; or a large header."""
    sizes = chance.choice(((12, 3, 3), (80, 8192, 8192)))
    path.write_bytes(on_header_then_bomb(bytes([0, 0, 8, 3]) + struct.pack(">3I", *sizes)))


def cells(chance: random.Random, path: Path) -> None:
    """Odd cells, rows and line ends of a table."""
    rows = [line.split(",") for line in path.read_text().splitlines()]
    odd = (
        *TEXTS,
        "nan",
        "inf",
        "-inf",
        "1e999",
        "1e-400",
        "1e30",
        "1e300",
        "0x10",
        "1_0",
        "٣",
        "1,2",
        '"',
        '"1"',
        "1e40",
        "x" * 200000,
    )
    for _ in range(chance.choice((1, 1, 5))):
        row = chance.choice(rows)
        row[chance.randrange(len(row))] = chance.choice(odd)
    if chance.random() < 0.2:
        rows.insert(chance.randrange(len(rows)), chance.choice(([], ["1"], ["1"] * 4, ["1"] * 100000, ["# note"])))
    text = chance.choice(("\n", "\n", "\r\n", "\r")).join(",".join(row) for row in rows)
    path.write_bytes(text.encode(chance.choice(("utf-8", "utf-8", "utf-16", "utf-8-sig")), "surrogatepass"))


# --- TOML and lines of JSON -------------------------------------------------------------------------------------------


def toml_values(chance: random.Random, path: Path) -> None:
    """A value replaced, a key removed, renamed or doubled."""
    lines = path.read_text().splitlines()
    number = chance.choice([i for i, line in enumerate(lines) if " = " in line])
    key, _, value = lines[number].partition(" = ")
    odd = (
        "-1",
        "0",
        "nan",
        "inf",
        "-inf",
        "1e999",
        "9" * 30,
        "true",
        '""',
        "[]",
        "{}",
        "1979-05-27",
        '"\\u001b[31m"',
        "[1, 2]",
    )
    odd += (
        '"x"',
        '"pip; rm -rf /"',
        "'a\tb'",
        f'"{"x" * 5000}"',
        "{a = 1}",
        "0x10",
        "1.5",
        '"none"',
        "2",
        '"\\u202e"',
        '"a:b=c"',
    )
    edited = re.sub(r"\d", lambda digit: chance.choice(("1", "2", "9", digit[0])), value)
    lines[number] = chance.choice(
        (
            *[f"{key} = {chance.choice(odd)}"] * 2,
            *[f"{key} = {edited}"] * 2,
            *("", f"[{key}]", f"x{key} = {value}", f"{key}.x = {value}", f"{lines[number]}\n{lines[number]}"),
        )
    )
    path.write_text("\n".join(lines) + "\n")


def toml_bomb(chance: random.Random, path: Path) -> None:
    """Small text that takes much memory, or deep recursion."""
    bombs = (
        ".".join(["a"] * 50000) + " = 1",
        "\n".join(f"{'a.' * 400}b{i} = 1" for i in range(120)),
        "x = " + "[" * 5000,
    )
    bombs += (
        "x = " + "{a=" * 5000,
        "\n".join(f"[{'a.' * 300}b{i}]" for i in range(150)),
        "[[" + "a." * 5000 + "b]]",
        "x = 1e" + "9" * 50000,
    )
    bombs += ("x = " + "9" * 100000, "x = '''" + "\n" * 100000)
    path.write_text(chance.choice((path.read_text() + "\n", "")) + chance.choice(bombs) + "\n")


def json_rows(chance: random.Random, path: Path) -> None:
    """A row of the metrics with other fields."""
    rows = path.read_text().splitlines()
    number = chance.randrange(len(rows))
    row = json.loads(rows[number])
    row[chance.choice((*row, "step", "nothing"))] = chance.choice(ODD_JSON)
    odd = (
        json.dumps(row),
        json.dumps(row),
        json.dumps(row),
        "",
        "{}",
        "[]",
        "null",
        "3",
        "{",
        '{"step": ' + "[" * 3000,
        "9" * 5000,
    )
    rows[number] = chance.choice(odd)
    if chance.random() < 0.2:
        rows.insert(chance.randrange(len(rows)), chance.choice(rows))
    path.write_text("\n".join(rows) + "\n")


LIES: dict[str, tuple[Damage, ...]] = {
    "safetensors": (header_of_tensors, header_of_tensors, cast_tensors, cast_tensors, state_fields),
    "npy": (npy_header,),
    "npz": (zip_claims, zip_claims, zip_bomb, gzip_bomb),
    "idx": (idx_header, idx_header, idx_bomb, gzip_bomb),
    "csv": (cells, cells),
    "toml": (toml_values, toml_values, toml_values, toml_bomb),
    "jsonl": (json_rows,),
    "py": (),
}
