"""The causal mask of an order as numbers, made once for all passes in that order."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from tensorar import Order, cached_plan


# few, since a mask has the square of the number of coefficients; enough for the flips of an image
@cached_plan(maxsize=8)
def causal_mask(order: Order, dtype: torch.dtype, device: torch.device) -> Float[Tensor, "n n"]:
    """``order.causal_mask()`` as zeros and ones to multiply weights by."""
    return order.causal_mask().to(device, dtype)
