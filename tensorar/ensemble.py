"""Ensembles of orders: the mixture of the models that one network is under each of a few orders."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from tensorar.order import Order
from tensorar.shapes import flatten_events


def mixture_log_prob(members: Sequence[Float[Tensor, " batch"]]) -> Float[Tensor, " batch"]:
    """The log-likelihood under the mixture of equally likely models, from that under each.

    Probabilities are averaged, not logarithms and not logits: only then does the mixture sum to one.

    >>> mixture_log_prob([torch.tensor([0.5]).log(), torch.tensor([0.25]).log()]).exp()
    tensor([0.3750])
    """
    return torch.stack(list(members)).logsumexp(0) - math.log(len(members))


def choose_orders(
    orders: Sequence[Order], mask: Bool[Tensor, "batch *event"], *, by_chance: bool
) -> list[tuple[Int[Tensor, " rows"], Order]]:
    """The order in which each example is completed, with the examples of each order that is used.

    It is the one that visits most of what is observed before the first unknown coefficient, so that most of it is
    conditioned on; of equally good ones (all, where nothing is observed) one by chance, or the first.
    """
    first_unknown = torch.stack([flatten_events(torch.where(mask, len(order), order.rank)).amin(1) for order in orders])
    preference = first_unknown.double()
    if by_chance:
        preference = preference + 0.5 * torch.rand(preference.shape, device=mask.device, dtype=torch.float64)
    chosen = preference.argmax(0)
    return [((chosen == k).nonzero()[:, 0], orders[k]) for k in chosen.unique().tolist()]
