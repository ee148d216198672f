"""Ensembles of orders: one network under several orders, mixed with equal weights."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tensorar.order import Order
from tensorar.utils.shapes import flatten_events


def mixture_log_prob(members: Sequence[Float[Tensor, "*batch"]]) -> Float[Tensor, "*batch"]:
    """The log-likelihood under the mixture of equally likely models, from the log-likelihood under each.

    Probabilities are averaged, not logarithms and not logits: only then does the mixture sum to one.

    >>> mixture_log_prob([torch.tensor([0.5]).log(), torch.tensor([0.25]).log()]).exp()
    tensor([0.3750])
    """
    if len(members) == 1:
        return members[0]
    return torch.stack(list(members)).logsumexp(0) - math.log(len(members))


def choose_orders(
    orders: Sequence[Order], mask: Bool[Tensor, "batch *event"]
) -> list[tuple[Int[Tensor, " rows"], Order]]:
    """Group the examples by the order that visits most of their observed coefficients first (ties: the first one)."""
    return group_by_order(orders, observed_before_unknown(orders, mask).argmax(0))


def observed_before_unknown(orders: Sequence[Order], mask: Bool[Tensor, "batch *event"]) -> Int[Tensor, "orders batch"]:
    """The number of coefficients that each order visits before the first unknown one."""
    return torch.stack([flatten_events(torch.where(mask, len(order), order.rank)).amin(1) for order in orders])


def group_by_order(orders: Sequence[Order], chosen: Int[Tensor, " batch"]) -> list[tuple[Int[Tensor, " rows"], Order]]:
    """The examples of each order that is chosen by some."""
    return [((chosen == k).nonzero()[:, 0], orders[k]) for k in chosen.unique().tolist()]
