"""Tensors on disk, as safetensors (never pickle, which could execute code), with a checksum."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from tensorar.errors import RunError
from tensorar.utils.files import write_atomically
from tensorar.utils.memory import require_memory
from tensorar.utils.reading import escaped, shorten

CHECKSUM = "checksum"
# safetensors: the length of the header in so many bytes, the header as JSON, the tensors
HEADER_START, METADATA = 8, "__metadata__"
# names, dtypes and shapes of about 50,000 tensors
MAX_HEADER_BYTES = 8_000_000
DTYPES = {
    "BOOL": torch.bool,
    "U8": torch.uint8,
    "I8": torch.int8,
    "I16": torch.int16,
    "I32": torch.int32,
    "I64": torch.int64,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F32": torch.float32,
    "F64": torch.float64,
    "C64": torch.complex64,
}


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write tensors as safetensors, atomically, with a checksum of them and of the metadata."""
    stored = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
    described = metadata or {}
    write_atomically(path, *_in_order(save(stored, described | {CHECKSUM: checksum(stored, described)})))


def _in_order(content: bytes) -> tuple[bytes, memoryview]:
    """The header with its metadata sorted, so that equal runs have equal files, and the tensors."""
    end = HEADER_START + int.from_bytes(content[:HEADER_START], "little")
    header = json.loads(content[HEADER_START:end])
    header[METADATA] = dict(sorted(header[METADATA].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    # the tensors begin at a multiple of eight bytes
    text += b" " * (-len(text) % HEADER_START)
    return len(text).to_bytes(HEADER_START, "little") + text, memoryview(content)[end:]


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a safetensors file.

    Raises ``RunError`` when it is missing or damaged, or needs more memory than there is.
    """
    with open_tensors(path) as file:
        return file.read(), file.metadata


def checksum(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """The BLAKE2 hash of names, dtypes, shapes and bytes of tensors, and of metadata."""
    names = sorted(tensors)
    layout = [(name, str(tensors[name].dtype), list(tensors[name].shape)) for name in names]
    digest = hashlib.blake2b(json.dumps([layout, sorted(metadata.items())]).encode(), digest_size=32)
    for name in names:
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return f"blake2b:{digest.hexdigest()}"


Value = TypeVar("Value")
Layout = dict[str, tuple[torch.dtype | None, tuple[int, ...]]]


class TensorFile:
    """An open file of tensors: their metadata and layout, and the tensors once they are read."""

    def __init__(self, path: Path, file: Any) -> None:
        self.path, self._file = path, file
        metadata: dict[str, str] = file.metadata() or {}
        if CHECKSUM not in metadata:
            raise _damaged(f"{path} to have a checksum", "none")
        self.checksum = metadata[CHECKSUM]
        self.metadata = {key: text for key, text in metadata.items() if key != CHECKSUM}
        slices = {key: file.get_slice(key) for key in file.keys()}  # noqa: SIM118
        self.layout: Layout = {
            key: (DTYPES.get(found.get_dtype()), tuple(found.get_shape())) for key, found in slices.items()
        }

    def require_layout(self, expected: Layout, *, prefix: str = "") -> None:
        """Raise ``RunError`` unless the tensors below ``prefix`` have these names, dtypes and shapes."""
        found = strip_prefix(prefix, self.layout)
        differing = sorted(key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key))
        if differing:
            more = f" and {len(differing) - 3} more" if differing[3:] else ""
            names = ", ".join(_difference(key, expected.get(key), found.get(key)) for key in differing[:3])
            raise RunError(
                expected=f"the tensors of {self.path} to fit its recipe",
                got=f"others for {names}{more}",
                remedy="restore recipe.toml and this file from one copy, or train again",
            )

    def read(self) -> dict[str, Tensor]:
        """All tensors. Raises ``RunError`` when they are not those that were written."""
        require_memory(2 * self.path.stat().st_size, f"the tensors of {self.path}", error=RunError)
        tensors = {key: self._file.get_tensor(key) for key in self.layout}
        if checksum(tensors, self.metadata) != self.checksum:
            raise _damaged(f"{self.path} to contain what was written", "another checksum")
        return tensors


@contextmanager
def open_tensors(path: Path) -> Iterator[TensorFile]:
    """Open a safetensors file. Raises ``RunError`` when it is missing or damaged, errors in the body included."""
    if not path.is_file():
        raise RunError(expected=f"the file {path}", got="no such file", remedy="train again, or choose another run")
    try:
        _check_header(path)
        with safe_open(path, framework="pt") as file:
            yield TensorFile(path, file)
    except RunError:
        raise
    except Exception as error:  # safetensors and torch raise several kinds for a damaged file
        raise _damaged(f"{path} to be a complete safetensors file", shorten(escaped(str(error)), 200)) from error


def layout_of(tensors: Mapping[str, Tensor]) -> Layout:
    """The dtypes and shapes of tensors by name."""
    return {key: (tensor.dtype, tuple(tensor.shape)) for key, tensor in tensors.items()}


def require_finite(tensors: Mapping[str, Tensor], built: Mapping[str, Tensor], path: Path) -> None:
    """Raise ``RunError`` for the first tensor with NaN or infinity, unless a new model has these there too."""
    for key, tensor in tensors.items():
        if not bool(tensor.isfinite().all()) and (key not in built or bool(built[key].isfinite().all())):
            raise RunError(
                expected=f"finite numbers in {path}",
                got=f"NaN or infinity in {escaped(key)}",
                remedy="restore it from a copy, or train again with a lower `learning_rate`",
            )


def strip_prefix(prefix: str, tensors: dict[str, Value]) -> dict[str, Value]:
    """The tensors (or what is known of them) whose names start with ``prefix``, by the rest of their names."""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _check_header(path: Path) -> None:
    """Check the size that the header claims before memory is asked for."""
    with path.open("rb") as file:
        claimed = int.from_bytes(file.read(8), "little")
    available = path.stat().st_size - 8
    if not 0 < claimed <= min(available, MAX_HEADER_BYTES):
        got = f"a header of {claimed} bytes in a file of {available + 8}"
        raise _damaged(f"{path} to be a complete safetensors file", got)


def _difference(key: str, expected: Any, found: Any) -> str:
    """A tensor and how it differs; dtypes only where shapes are the same."""
    if expected is None or found is None or expected[1] != found[1]:
        return escaped(key)
    return f"{escaped(key)} ({found[0]} instead of {expected[0]})".replace("torch.", "")


def _damaged(expected: str, got: str) -> RunError:
    return RunError(expected=expected, got=got, remedy="the file is damaged: restore it from a copy, or train again")
