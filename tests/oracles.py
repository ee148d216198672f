"""Brute force: slow, obvious, and independent of the code that it judges."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from tensorar import AutoregressiveModel, Head, Order
from tensorar.conditionals import all_conditionals


def levels_of(head: Head) -> int | None:
    """How many values a coefficient can take, or None where they cannot be enumerated."""
    if type(head.support).__name__ == "_Boolean":
        return 2
    upper = getattr(head.support, "upper_bound", None)
    return int(upper) + 1 if head.support.is_discrete and upper is not None else None


def all_values(event_shape: tuple[int, ...], levels: int) -> Tensor:
    """Every value of a tensor of that shape: ``(levels ** N, *event)``."""
    rows = list(itertools.product(range(levels), repeat=math.prod(event_shape)))
    return torch.tensor(rows, dtype=torch.float64).reshape(-1, *event_shape)


def joint(
    model: AutoregressiveModel, context: Tensor | None = None, order: Order | None = None
) -> tuple[Tensor, Tensor]:
    """Every value of the event, and its probability under the model."""
    levels = levels_of(model.head)
    assert levels is not None
    values = all_values(model.event_shape, levels)
    contexts = None if context is None else context.expand(len(values), -1)
    return values, model.log_prob(values, contexts, order=order).exp().detach()


def brute_conditional(values: Tensor, probability: Tensor, known: Tensor, x: Tensor, coefficient: int) -> Tensor:
    """``p(x[coefficient] = v | x[known])`` for all ``v``, as a ratio of sums of the enumerated joint."""
    flat, seen = values.reshape(len(values), -1), x.flatten()
    matches = (flat[:, known.flatten()] == seen[known.flatten()]).all(1)
    levels = int(values.max()) + 1
    masses = torch.stack([probability[matches & (flat[:, coefficient] == v)].sum() for v in range(levels)])
    return masses / masses.sum()


def parameters_of(model: AutoregressiveModel, x: Tensor, context: Tensor | None = None) -> Tensor:
    """The head parameters of all conditionals, ``(batch, N, P)``."""
    parameters = all_conditionals(model.backbone, model.head.encode(x), model.order, context)
    return parameters.reshape(len(x), -1, parameters.shape[-1])


def p_value(observed: Tensor, probability: Tensor) -> float:
    """Of Pearson's chi-square test of counts against probabilities; cells expecting under 5 are pooled."""
    expected = probability * observed.sum()
    small = expected < 5
    if small.any():
        observed = torch.cat([observed[~small], observed[small].sum()[None]])
        expected = torch.cat([expected[~small], expected[small].sum()[None]])
    keep = expected > 0
    observed, expected = observed[keep].double(), expected[keep].double()
    statistic = ((observed - expected) ** 2 / expected).sum()
    freedom = torch.tensor(max(len(expected) - 1, 1) / 2, dtype=torch.float64)
    return float(torch.special.gammaincc(freedom, statistic / 2))
