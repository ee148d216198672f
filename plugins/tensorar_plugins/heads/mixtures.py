"""The parameters of mixture heads: K weights, K locations and K scales per coefficient."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Categorical, Distribution, MixtureSameFamily


def mixture(
    parameters: Float[Tensor, "*coefficients parameters"],
    components: int,
    make_component: Callable[[Tensor, Tensor], Distribution],
) -> MixtureSameFamily:
    """The mixture over ``(...)`` of ``make_component(location, raw_scale)``, both ``(..., K)``.

    ``parameters`` are the logits of the weights, the locations and the raw scales: ``(..., 3 K)``. The locations start
    spread over (-1, 1), because components that start equal stay equal for long.
    """
    weights, location, raw_scale = parameters.split(components, dim=-1)
    if components > 1:
        location = location + torch.linspace(-1, 1, components, dtype=location.dtype, device=location.device)
    # Categorical alone loses the normalization of large logits to rounding
    component = Categorical(logits=weights.log_softmax(-1), validate_args=False)
    return MixtureSameFamily(component, make_component(location, raw_scale), validate_args=False)
