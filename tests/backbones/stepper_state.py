"""The memory of a stepper."""

from __future__ import annotations

from tensorar import Stepper


def state_bytes(stepper: Stepper) -> int:
    """The bytes of the tensors that a stepper holds for its batch."""
    return sum(tensor.numel() * tensor.element_size() for tensor in stepper.state().values())
