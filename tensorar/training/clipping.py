"""Gradients scaled down to a largest norm."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


@torch.no_grad()
def norm_of(gradients: list[Tensor]) -> Float[Tensor, ""]:
    """The norm of all gradients together; it waits for no GPU."""
    if not gradients:
        return torch.zeros(())
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))


@torch.no_grad()
def clip(gradients: list[Tensor], norm: float, largest: float) -> None:
    """Scale gradients of this norm to the largest one, as ``torch.nn.utils.clip_grad_norm_`` does.

    That multiplies all gradients in every step, mostly by 1.
    """
    if gradients and not norm <= largest:
        torch._foreach_mul_(gradients, min(1.0, largest / (norm + 1e-6)))
