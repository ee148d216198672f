"""The likelihood of what an order visits first, and of each coefficient given those."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tensorar.conditionals import all_conditionals
from tensorar.evidence import Evidence
from tensorar.factorization import Factorization
from tensorar.order import Order
from tensorar.utils.shapes import flatten_events, split_batch


def prefix_log_prob(
    model: Factorization,
    evidence: Evidence,
    order: Order,
    length: Int[Tensor, " batch"],
    context: Float[Tensor, "batch context"] | None = None,
) -> Float[Tensor, " batch"]:
    """The log-probability of what ``order`` visits in its first ``length`` steps, which the evidence must include.

    In nats of the evidence's standard values.
    """
    by_coefficient = log_probs(model, evidence.value, order, context)
    return flatten_events(torch.where(order.mask_before(length), by_coefficient, 0.0)).sum(1)


def log_probs(
    model: Factorization,
    x: Float[Tensor, "batch *event"],
    order: Order,
    context: Float[Tensor, "batch context"] | None = None,
) -> Float[Tensor, "batch *event"]:
    """The log-probability of each coefficient given those before it in ``order``, in nats of standard values."""
    found = []
    for some, given in split_batch(x, context):
        parameters = all_conditionals(model.backbone, model.features(some), order, given)
        found.append(model.distribution(parameters).log_prob(some))
    return torch.cat(found)
