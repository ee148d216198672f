"""Computing in float64, also for devices that lack it; never in half precision."""

from __future__ import annotations

import torch
from jaxtyping import Float, Real
from torch import Tensor

HALF = (torch.float16, torch.bfloat16)


def in_float64(x: Real[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The same numbers in float64; on the CPU if the device has no such dtype."""
    return x.to("cpu" if _lacks_float64(x.device) else x.device, torch.float64)


def widest_dtype(device: torch.device) -> torch.dtype:
    """Float64, or float32 for devices without it."""
    return torch.float32 if _lacks_float64(device) else torch.float64


def widened(x: Real[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The same numbers on the same device, in its widest dtype."""
    return x.to(widest_dtype(x.device))


def never_half(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The same numbers, in float32 if they are in half precision."""
    return x.float() if x.dtype in HALF else x


def _lacks_float64(device: torch.device) -> bool:
    return device.type == "mps"
