"""Arrays in ``.npy`` and ``.npz`` files: the same dtypes, shapes and names come back."""

from __future__ import annotations

import io
import math
import zipfile
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Real, Shaped
from torch import Tensor

from tensorar.errors import DataError, TensorarError
from tensorar.runs.run import Run
from tensorar.utils.files import write_atomically
from tensorar.utils.npy_format import read_npy_array, read_npy_header
from tensorar.utils.npz_archive import Archive
from tensorar.utils.reading import describe, open_file
from tensorar.workflows.source_files.source import Source, SourceKind, pack_rest, require_ending, unpack_rest

WHAT = "a valid .npy/.npz file"
# torch has hardly any operation on its own unsigned integers
WIDENED = {"bool": np.uint8, "uint16": np.int32, "uint32": np.int64, "uint64": np.int64}


class NpyFile(SourceKind):
    """One array of events."""

    name = "npy"

    def accepts(self, run: Run, path: Path) -> bool:
        """Whether this is the kind of a file that exists."""
        return path.name.lower().endswith(".npy")

    def read(self, run: Run, path: Path) -> Source:
        """The events of a file. Raises ``TensorarError``."""
        with open_file(path, WHAT) as file:
            dtype = _guarded(path, lambda: read_npy_header(file.data, file.size, str(path))).dtype
            file.data.seek(0)
            array = _guarded(path, lambda: read_npy_array(file.data, file.size, str(path)))
        if array.shape != run.event_shape and (array.shape[1:] != run.event_shape or not array.size):
            raise DataError(
                expected=f"events of shape {run.event_shape}, as those of {run.folder}, in {path}",
                got=f"an array of shape {array.shape}",
                remedy="save an array of that shape, with the events along the first axis",
            )
        return Source(to_events(array, run.event_shape, path), None, {"kind": self.name, **form_of(array, dtype)})

    def check_out(self, form: Mapping[str, Any], out: Path) -> None:
        """Raise ``TensorarError`` for a path of another kind."""
        require_ending(out, ".npy")

    def write(self, run: Run, source: Source, out: Path) -> None:
        """Write a file of the same kind."""
        write_atomically(out, npy_bytes(to_array(source.events[source.kept], source.form)))


class NpzFile(SourceKind):
    """An archive of arrays: those of events are coded, all others kept as they are."""

    name = "npz"

    def accepts(self, run: Run, path: Path) -> bool:
        """Whether this is the kind of a file that exists."""
        return path.name.lower().endswith(".npz")

    def read(self, run: Run, path: Path) -> Source:
        """The events of a file. Raises ``TensorarError``."""
        with open_file(path, WHAT) as file:
            archive = _guarded(path, lambda: Archive(file.data, file.size, path))
            arrays, others = _guarded(path, lambda: _split(archive, run.event_shape))
        if not arrays:
            raise DataError(
                expected=f"an array of events of shape {run.event_shape} in {path}",
                got=", ".join(archive.names) or "no arrays",
                remedy="save the events with the shape that the run was trained on",
            )
        forms = [form_of(array, dtype) | {"name": name, "packed": packed} for name, array, dtype, packed in arrays]
        events = [
            to_events(_unpacked(array, run.event_shape) if packed else array, run.event_shape, path)
            for _, array, _, packed in arrays
        ]
        rest, size = pack_rest({name: b64encode(content).decode() for name, content in others.items()})
        form = {"kind": self.name, "arrays": forms, "names": archive.names, "rest": size}
        return Source(torch.cat(events), None, form, rest)

    def check_out(self, form: Mapping[str, Any], out: Path) -> None:
        """Raise ``TensorarError`` for a path of another kind."""
        require_ending(out, ".npz")

    def write(self, run: Run, source: Source, out: Path) -> None:
        """Write a file of the same kind."""
        contents = {name: b64decode(text) for name, text in unpack_rest(source.rest, source.form["rest"]).items()}
        start = 0
        for form in source.form["arrays"]:
            n = form["shape"][0]
            events, start = source.events[start : start + n][source.kept[start : start + n]], start + n
            values = _packed(events) if form["packed"] else to_array(events, form)
            contents[form["name"]] = npy_bytes(values)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
            for name in source.form["names"]:
                file.writestr(f"{name}.npy", contents[name])
        write_atomically(out, buffer.getvalue())


Named = tuple[str, Shaped[np.ndarray, "..."], np.dtype[Any], bool]
T = TypeVar("T")


def _split(archive: Archive, event_shape: tuple[int, ...]) -> tuple[list[Named], dict[str, bytes]]:
    """The arrays of events by name, and whether they are packed bits; and the contents of all others."""
    events: list[Named] = []
    others: dict[str, bytes] = {}
    packed_width = -(-math.prod(event_shape) // 8)
    packed = "shape" in archive.names and tuple(archive.read("shape").ravel().tolist()) == event_shape
    for name in archive.names:
        content = archive.content(name)
        array, dtype = _numbers(content)
        is_packed = packed and array.dtype == np.uint8 and array.shape[1:] == (packed_width,)
        if array.size and name != "shape" and (array.shape[1:] == event_shape or is_packed):
            events.append((name, array, dtype, array.shape[1:] != event_shape))
        else:
            others[name] = content
    return events, others


def _numbers(content: bytes) -> tuple[Shaped[np.ndarray, "..."], np.dtype[Any]]:
    """The array in the content of a file, and its dtype there; an empty one for texts and objects."""
    try:
        header = read_npy_header(io.BytesIO(content), len(content), "")
        return read_npy_array(io.BytesIO(content), len(content), ""), header.dtype
    except Exception:
        return np.empty(0), np.dtype(np.float64)


def _guarded(path: Path, read: Callable[[], T]) -> T:
    """What a function returns. Raises ``DataError`` for the exceptions of damaged files, which may be any."""
    try:
        return read()
    except TensorarError:
        raise
    except Exception as error:
        raise DataError(
            expected=f"{path} to be {WHAT}", got=describe(error), remedy="save it again with numpy.save or numpy.savez"
        ) from error


def form_of(array: Shaped[np.ndarray, "..."], dtype: np.dtype[Any]) -> dict[str, Any]:
    """The dtype in the file, the shape and the order of the numbers of an array."""
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    return {"dtype": dtype.str, "shape": list(array.shape), "fortran": fortran}


def to_events(array: Shaped[np.ndarray, "..."], event_shape: tuple[int, ...], path: Path) -> Real[Tensor, "n *event"]:
    """Numbers as events, in a dtype of torch that holds them. Raises ``DataError`` for integers of 64 bits."""
    widened = np.ascontiguousarray(array, WIDENED.get(array.dtype.name, array.dtype))
    if array.dtype == np.uint64 and array.size and int(array.max()) >= 2**63:
        raise DataError(expected=f"integers below 2**63 in {path}", got=str(array.max()), remedy="subtract a constant")
    return torch.from_numpy(widened.reshape(-1, *event_shape))


def to_array(events: Real[Tensor, "n *event"], form: Mapping[str, Any]) -> Shaped[np.ndarray, "..."]:
    """Events as the array that they were; of fewer events, if some were lost."""
    whole = math.prod(form["shape"]) == events.numel()
    array = events.numpy().astype(form["dtype"]).reshape(form["shape"] if whole else events.shape)
    return np.asfortranarray(array) if form["fortran"] else array


def npy_bytes(array: Shaped[np.ndarray, "..."]) -> bytes:
    """The content of a ``.npy`` file."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def _unpacked(array: Shaped[np.ndarray, "n bytes"], event_shape: tuple[int, ...]) -> Shaped[np.ndarray, "..."]:
    bits = np.unpackbits(array, axis=1, count=math.prod(event_shape))
    return bits.reshape(len(array), *event_shape)


def _packed(events: Real[Tensor, "n *event"]) -> Shaped[np.ndarray, "n bytes"]:
    found: Shaped[np.ndarray, "n bytes"] = np.packbits(events.numpy().astype(bool).reshape(len(events), -1), axis=1)
    return found
