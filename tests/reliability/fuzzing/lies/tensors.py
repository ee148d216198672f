"""Files of tensors and their states with other dtypes, shapes, offsets, names and fields."""

from __future__ import annotations

import json
import math
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from .odd_values import ODD_JSON

DTYPES = ("F64", "F16", "BF16", "I64", "I32", "U8", "BOOL", "C64", "F8_E4M3", "X", "f32", "")


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
