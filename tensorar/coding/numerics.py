"""What the last bits of a network's output depend on: recorded by the encoder, set or compared by the decoder."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version

import torch

from tensorar.coding.streams import load_constriction
from tensorar.errors import TensorarError
from tensorar.model import AutoregressiveModel
from tensorar.utils.eval_mode import eval_mode

MAX_THREADS = 1024


@dataclass(frozen=True)
class Numerics:
    """The software, the machine and the settings with which conditionals were computed."""

    tensorar: str
    torch: str
    constriction: str
    machine: str
    device: str
    dtype: str
    threads: int

    @classmethod
    def of(cls, model: AutoregressiveModel) -> Numerics:
        """Those of this process. Raises ``TensorarError`` without the library of the coder."""
        load_constriction()
        return cls(
            tensorar=version("tensorar"),
            torch=torch.__version__,
            constriction=version("constriction"),
            machine=f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
            device=_device_name(model.device),
            dtype=str(model.features_dtype).removeprefix("torch."),
            threads=torch.get_num_threads(),
        )

    def differences(self, other: Numerics) -> str:
        """What differs, in words: ``torch 2.13.0, here 2.14.0``; empty if nothing does."""
        pairs = ((name, value, getattr(other, name)) for name, value in vars(self).items())
        return "; ".join(f"{name} {mine}, here {its}" for name, mine, its in pairs if mine != its)


def _device_name(device: torch.device) -> str:
    return f"cuda {torch.cuda.get_device_name(device)}" if device.type == "cuda" else device.type


@contextmanager
def reproducible_passes(model: AutoregressiveModel, threads: int) -> Iterator[None]:
    """Run a model so that the same steps give the same bits: evaluation mode, a number of threads, fixed algorithms.

    Everything is set back at the end. Raises ``TensorarError`` if torch does not take the number of threads.
    """
    with ExitStack() as stack:
        stack.enter_context(_threads(threads))
        stack.enter_context(torch.backends.cudnn.flags(benchmark=False, deterministic=True, allow_tf32=False))
        stack.enter_context(_without_tf32())
        stack.enter_context(eval_mode(model))
        stack.enter_context(torch.inference_mode())
        stack.enter_context(torch.autocast(model.device.type, enabled=False))
        yield


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        if torch.get_num_threads() != count:
            raise TensorarError(
                expected=f"{count} threads, with which the events were encoded",
                got=str(torch.get_num_threads()),
                remedy="allow as many (OMP_THREAD_LIMIT), or decode on a machine with as many cores",
            )
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _without_tf32() -> Iterator[None]:
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before
