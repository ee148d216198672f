"""The likelihood of what an order visits first."""

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
    known = []
    for x, given in split_batch(evidence.value, context):
        parameters = all_conditionals(model.backbone, model.features(x), order, given)
        known.append(model.distribution(parameters).log_prob(x))
    return flatten_events(torch.where(order.mask_before(length), torch.cat(known), 0.0)).sum(1)
