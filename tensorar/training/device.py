"""The training device, chosen by accelerate from the ``device`` argument and the launcher."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

import torch

from tensorar.errors import TensorarError

if TYPE_CHECKING:
    from accelerate import Accelerator


# torch has more, which only describe tensors (meta), or on which most operations are missing
DEVICES = re.compile(r"cpu|(cuda|mps|xpu)(:\d{1,4})?")


def check_device(name: str) -> torch.device:
    """The device of that name (``auto``: a GPU if there is one).

    Raises ``TensorarError`` if it is not available, or cannot compute.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        if not DEVICES.fullmatch(name):
            raise ValueError
        device = torch.device(name)
        torch.ones(2, device=device).sum().item()
    except (RuntimeError, AssertionError, ImportError, ValueError) as error:
        raise TensorarError(
            expected="a device that this machine has (auto, cpu, cuda, cuda:1, mps)",
            got=repr(name),
            remedy='use device="auto"',
        ) from error
    return device


def make_accelerator(device: str, precision: str) -> Accelerator:
    """An accelerator for one process, or for the processes of ``torchrun`` or ``accelerate launch``."""
    # imported late: it takes longer than the rest of the library
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    chosen = check_device(device)
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        # accelerate keeps one state per process; an earlier run may have used another device
        AcceleratorState._reset_state(reset_partial_state=True)
        os.environ["ACCELERATE_TORCH_DEVICE"] = str(chosen)
    return Accelerator(cpu=chosen.type == "cpu", mixed_precision="bf16" if precision == "bfloat16" else "no")
