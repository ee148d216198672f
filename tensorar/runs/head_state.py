"""The numbers that a head found in the training data: in the recipe where they are few, else in a file of the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tensorar.errors import RunError, SpecError
from tensorar.head import Head
from tensorar.runs.tensors import read_tensors, write_tensors

FILE = "head.safetensors"
# more numbers would make a recipe unreadable
MAX_IN_RECIPE = 16


def state_in_recipe(state: dict[str, Tensor]) -> dict[str, list[float]] | str | None:
    """What the recipe says of a head's state: its numbers, the name of the file that holds them, or nothing."""
    if not state:
        return None
    few = all(tensor.ndim == 1 and len(tensor) <= MAX_IN_RECIPE for tensor in state.values())
    return {name: tensor.tolist() for name, tensor in state.items()} if few else FILE


def save_head_state(folder: Path, state: dict[str, Tensor]) -> None:
    """Write the file, if there are many numbers. Raises ``RunError`` when it cannot be written."""
    if state_in_recipe(state) == FILE:
        write_tensors(folder / FILE, state)


def restore_head(head: Head, written: Any, folder: Path) -> Head:
    """The head with the state that a recipe in ``folder`` names. Raises ``RunError`` when it is missing or invalid."""
    if written is None:
        return head
    try:
        return head.with_data_state(read_tensors(folder / FILE)[0] if written == FILE else _numbers(written))
    except SpecError as error:
        raise RunError(
            expected=f"the numbers that the head {head.name!r} of {folder} found in its data: {error.expected}",
            got=error.got,
            remedy="restore the run from a copy, or train again",
        ) from error


def _numbers(written: Any) -> dict[str, Tensor]:
    table = written if isinstance(written, dict) else {}
    sound = all(isinstance(row, list) and all(type(x) in (int, float) for x in row) for row in table.values())
    if not table or not sound or max(map(len, table.values())) > MAX_IN_RECIPE:
        raise SpecError(expected=f"lists of at most {MAX_IN_RECIPE} numbers", got="others", remedy="")
    return {name: torch.tensor(row, dtype=torch.float64) for name, row in table.items()}
