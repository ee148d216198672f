"""The parameters of mixture heads: K weights, K locations and K scales per coefficient."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.distributions import Categorical, Distribution, MixtureSameFamily


def mixture(
    parameters: Float[Tensor, "*coefficients parameters"],
    make_component: Callable[[Tensor, Tensor], Distribution],
) -> MixtureSameFamily:
    """The mixture over ``(...)`` of ``make_component(location, raw_scale)``, both ``(..., K)``.

    ``parameters`` are the logits of the weights, the locations and the raw scales: ``(..., 3 K)``. The locations start
    spread over (-1, 1), because components that start equal stay equal for long.
    """
    weights, location, raw_scale = parameters.chunk(3, dim=-1)
    location = location + spread_of(location)
    return MixtureSameFamily(_normalized(weights), make_component(location, raw_scale), validate_args=False)


def _normalized(logits: Float[Tensor, "*coefficients k"]) -> Categorical:
    """The categorical distribution of logits; its constructor would not normalize large ones as exactly."""
    made = Categorical.__new__(Categorical)
    # over the first axis in memory, a sum takes a third of the time of one over few neighbours
    by_column = logits.ndim == 2 and logits.stride(0) == 1
    made.logits = made._param = logits.T.log_softmax(0).T if by_column else logits.log_softmax(-1)
    made._num_events = logits.shape[-1]
    Distribution.__init__(made, logits.shape[:-1], validate_args=False)
    return made


def spread_of(location: Float[Tensor, "*coefficients k"]) -> Float[Tensor, " k"]:
    """What is added to the locations of the components."""
    k = location.shape[-1]
    if k == 1:
        return location.new_zeros(1)
    return torch.linspace(-1, 1, k, dtype=location.dtype, device=location.device)


def moved_locations(
    own: Float[Tensor, "*coefficients k"],
    location: Float[Tensor, "*coefficients 1"],
    scale: Float[Tensor, "*coefficients 1"],
) -> Float[Tensor, "*coefficients k"]:
    """The location parameters of a mixture whose values are multiplied by ``scale`` and moved by ``location``."""
    spread = spread_of(own)
    return location + scale * (own + spread) - spread
