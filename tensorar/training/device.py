"""The training device, chosen by accelerate from the ``device`` argument and the launcher."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tensorar.errors import TensorarError
from tensorar.utils.processes import RANKS, has_rank, process_count, process_rank

if TYPE_CHECKING:
    from accelerate import Accelerator

LAUNCHER_VARIABLES = (*RANKS, "LOCAL_RANK")
# of the free memory of a GPU, what events may take
SHARE_OF_EVENTS = 1 / 4
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
            expected=f"a device that this machine has ({', '.join(_devices())})",
            got=repr(name),
            remedy='use device="auto"',
        ) from error
    return device


def _devices() -> list[str]:
    accelerators = torch.accelerator.device_count()
    kind = torch.accelerator.current_accelerator()
    return ["auto", "cpu", *(f"{kind}:{index}" for index in range(accelerators))]


def fits_on(device: torch.device, events: Tensor) -> bool:
    """Whether events are on a device already, or can be moved to this GPU as a whole beside the training."""
    if device == events.device:
        return True
    return device.type == "cuda" and events.nbytes <= SHARE_OF_EVENTS * torch.cuda.mem_get_info(device)[0]


def make_accelerator(
    device: str, precision: str, *, trackers: Sequence[str] = (), logs: Path | None = None
) -> Accelerator:
    """An accelerator for one process, or for the processes of ``torchrun`` or ``accelerate launch``.

    Trackers that write files write them to the folder ``logs``.
    """
    # imported late: it takes longer than the rest of the library
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState

    chosen = check_device(device)
    alone = process_count() == 1
    if alone:
        # accelerate keeps one state per process; an earlier run may have used another device
        AcceleratorState._reset_state(reset_partial_state=True)
        os.environ["ACCELERATE_TORCH_DEVICE"] = str(chosen)
    elif not has_rank():
        raise _incomplete("one without RANK")
    with _without(LAUNCHER_VARIABLES if alone else ()):
        try:
            accelerator = Accelerator(
                cpu=chosen.type == "cpu",
                mixed_precision="bf16" if precision == "bfloat16" else "no",
                log_with=list(trackers) or None,
                project_dir=logs,
            )
        except ValueError as error:
            raise _incomplete(str(error).splitlines()[0]) from error
    if (accelerator.process_index, accelerator.num_processes) != (process_rank(), process_count()):
        raise _incomplete(f"process {accelerator.process_index} of {accelerator.num_processes}")
    return accelerator


def agreed_folder(folder: Path, processes: int) -> Path:
    """The folder that the main process writes to, in all processes."""
    from accelerate.utils import broadcast_object_list

    return Path(broadcast_object_list([str(folder)])[0]) if processes > 1 else folder


@contextmanager
def _without(names: tuple[str, ...]) -> Iterator[None]:
    """Hide environment variables that make accelerate look for other processes, whatever their number is."""
    hidden = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(hidden)


def _incomplete(got: str) -> TensorarError:
    return TensorarError(
        expected=f"a launcher that starts {process_count()} processes, as the environment variable WORLD_SIZE claims",
        got=got,
        remedy="use torchrun or accelerate launch, or unset WORLD_SIZE to train in one process",
    )
