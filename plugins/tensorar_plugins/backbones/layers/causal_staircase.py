"""The causal mask of an order for linear maps, made once for all passes in that order."""

from __future__ import annotations

import torch

from tensorar import Order, cached_plan
from tensorar_plugins.backbones.layers.staircase import Staircase


# few, since a mask has the square of the number of coefficients; enough for the flips of an image
@cached_plan(maxsize=8)
def causal_staircase(
    order: Order, features: int, parameters: int, dtype: torch.dtype, device: torch.device
) -> Staircase:
    """``order.causal_mask()`` for ``features`` numbers per input and ``parameters`` per output."""
    ranks = order.rank.flatten().to(device)
    return Staircase(ranks, ranks, strict=True, dtype=dtype, features=features, parameters=parameters)
