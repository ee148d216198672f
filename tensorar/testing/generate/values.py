"""Random weights, events in the support of a head, and evidence."""

from __future__ import annotations

import math

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.distributions import constraints, transform_to

from tensorar.evidence import Evidence
from tensorar.head import Head
from tensorar.model import AutoregressiveModel
from tensorar.support import bounds, support_values
from tensorar.testing.properties import Draw, composite

seeds = st.integers(0, 2**32 - 1)


def randomize(model: AutoregressiveModel, seed: int, *, spread: float = 0.7) -> AutoregressiveModel:
    """Draw every parameter from a normal distribution, so that no zero hides a leak; float64, evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    model.double().eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=spread, generator=generator)
    return model


def events_of(model: AutoregressiveModel, batch: int, seed: int) -> Tensor:
    """Random events in the support of a model's head, ``(batch, *event)``."""
    return model.restore(values_of(model.head, (batch, *model.event_shape), seed))


def values_of(head: Head, shape: tuple[int, ...], seed: int, coefficients: Tensor | None = None) -> Tensor:
    """Random standard values in the support of a head, float64; ``head.restore`` makes them the data's.

    If coefficients differ in kind, those of ``coefficients`` (default: all) of events ``(n, *event)``; values ``(n,)``
    are all of the first coefficient.
    """
    if len(head.members) > 1:
        index = torch.arange(math.prod(shape[1:])) if coefficients is None else coefficients.flatten()
        columns = [values_of(head.member(i), shape[:1], seed + i) for i in index.tolist()]
        return torch.stack(columns, -1).reshape(shape)
    generator = torch.Generator().manual_seed(seed)
    enumerated = support_values(head)
    if enumerated is not None:
        return enumerated[torch.randint(len(enumerated), shape, generator=generator)]
    low, high = bounds(head)
    if head.support.is_discrete:
        lowest = 0.0 if low is None else low
        count = 10 if high is None else int(high - lowest) + 1
        return lowest + torch.randint(count, shape, generator=generator).double()
    real = torch.randn(shape, generator=generator, dtype=torch.float64)
    if low is not None and high is not None:
        real = low + (high - low) * real.sigmoid()
    elif low is not None:
        real = low + real.exp()
    elif head.support is not constraints.real:
        real = transform_to(head.support)(real)
    return real


@composite
def evidence(draw: Draw, model: AutoregressiveModel, batch: int) -> Evidence:
    """Random known coefficients, different ones in each example."""
    generator = torch.Generator().manual_seed(draw(seeds))
    share = torch.rand(batch, *[1] * len(model.event_shape), generator=generator)
    mask = torch.rand(batch, *model.event_shape, generator=generator) < share * 1.2
    return Evidence(mask, events_of(model, batch, draw(seeds)))
