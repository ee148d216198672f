"""The order of each sample of a mixture of orders."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.distributions import Categorical

from tensorar.ensemble import group_by_order, observed_before_unknown
from tensorar.evidence import Evidence
from tensorar.factorization import Factorization
from tensorar.noise import draw_from, uniform
from tensorar.order import Order
from tensorar.prefix import prefix_log_prob
from tensorar.utils.random_state import own_stream


def draw_members(
    model: Factorization,
    orders: Sequence[Order],
    evidence: Evidence,
    context: Float[Tensor, "batch context"] | None,
) -> list[tuple[Int[Tensor, " rows"], Order]]:
    """Sample an order per example, weighted by the likelihood of the evidence it visits first; grouped by order.

    Only orders that visit the most of the evidence first are drawn. If they all visit the whole evidence first,
    completions follow the mixture's posterior.
    """
    log_weights = member_log_weights(model, orders, evidence, context).T
    # the noise of values does not depend on the number of examples
    with own_stream(log_weights.device):
        noise = uniform(log_weights.shape, log_weights.dtype, log_weights.device)
    return group_by_order(orders, draw_from(Categorical(logits=log_weights, validate_args=False), noise).long())


def member_log_weights(
    model: Factorization,
    orders: Sequence[Order],
    evidence: Evidence,
    context: Float[Tensor, "batch context"] | None,
) -> Float[Tensor, "orders batch"]:
    """The log-probability with which ``draw_members`` gives each order to each example."""
    first = observed_before_unknown(orders, evidence.mask)
    log_weights = torch.zeros(first.shape, device=first.device)
    if evidence.mask.any():
        members = zip(orders, first, strict=True)
        log_weights = torch.stack([prefix_log_prob(model, evidence, *member, context) for member in members])
    return torch.where(first == first.amax(0), log_weights, -torch.inf).log_softmax(0)
