"""Tensors on disk, as safetensors (never pickle, which could execute code)."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from tensorar.errors import RunError
from tensorar.utils.files import write_atomically


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write tensors as safetensors, atomically."""
    write_atomically(path, save({k: t.detach().cpu().contiguous() for k, t in tensors.items()}, metadata))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors and the metadata of a safetensors file. Raises ``RunError`` when it is missing or damaged."""
    if not path.is_file():
        raise RunError(expected=f"the file {path}", got="no such file", remedy="train again, or choose another run")
    try:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise RunError(
            expected=f"{path} to be a complete safetensors file",
            got=str(error).splitlines()[0],
            remedy="the file is damaged: restore it from a copy, or train again",
        ) from error


def strip_prefix(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names start with ``prefix``, by the rest of their names."""
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
