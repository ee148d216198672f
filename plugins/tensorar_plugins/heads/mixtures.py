"""What the mixture heads share: K weights, K locations and K scales per coefficient, in units of the data."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily


def mixture(parameters: Tensor, components: int, make) -> MixtureSameFamily:
    """Cut ``(..., 3 K)`` parameters into weights, locations and raw scales, and mix ``make(location, raw_scale)``.

    The locations start spread over (-1, 1), since components that start equal stay equal for long.
    """
    weights, location, scale = parameters.split(components, dim=-1)
    if components > 1:
        location = location + torch.linspace(-1, 1, components, dtype=location.dtype, device=location.device)
    chosen = Categorical(logits=weights, validate_args=False)
    return MixtureSameFamily(chosen, make(location, scale), validate_args=False)
