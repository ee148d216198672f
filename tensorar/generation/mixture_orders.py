"""Ensembles of orders: the mixture of the models that one network is under each of a few orders."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.distributions import Categorical

from tensorar.evidence import Evidence
from tensorar.noise import draw_from, uniform
from tensorar.order import Order
from tensorar.utils.shapes import flatten_events, split_batch

if TYPE_CHECKING:
    from tensorar.model import AutoregressiveModel

Grouped = list[tuple[Tensor, Order]]


def mixture_log_prob(members: Sequence[Float[Tensor, " batch"]]) -> Float[Tensor, " batch"]:
    """The log-likelihood under the mixture of equally likely models, from that under each.

    Probabilities are averaged, not logarithms and not logits: only then does the mixture sum to one.

    >>> mixture_log_prob([torch.tensor([0.5]).log(), torch.tensor([0.25]).log()]).exp()
    tensor([0.3750])
    """
    return torch.stack(list(members)).logsumexp(0) - math.log(len(members))


def choose_orders(
    orders: Sequence[Order], mask: Bool[Tensor, "batch *event"]
) -> list[tuple[Int[Tensor, " rows"], Order]]:
    """The order in which each example is completed, with the examples of each order that is used.

    It is the one that visits most of what is observed before the first unknown coefficient, so that most of it is
    conditioned on; of equally good ones the first.
    """
    return _grouped(orders, _observed_first(orders, mask).argmax(0))


def draw_orders(model: AutoregressiveModel, evidence: Evidence, context: Tensor | None) -> Grouped:
    """The same by chance: of equally good orders, each as likely as it makes what it visits of the evidence.

    Where all of the evidence comes first in each of them, completions so follow the mixture's posterior.
    """
    orders, first = model.orders, _observed_first(model.orders, evidence.mask)
    likely = torch.zeros(first.shape, device=first.device)
    if evidence.mask.any():
        likely = torch.stack(
            [_prefix_log_prob(model, evidence, context, o, f) for o, f in zip(orders, first, strict=True)]
        )
    best = first == first.amax(0)
    chances = Categorical(logits=torch.where(best, likely, -torch.inf).T, validate_args=False)
    return _grouped(orders, draw_from(chances, uniform(likely.T.shape, likely.dtype, likely.device)).long())


def _observed_first(orders: Sequence[Order], mask: Tensor) -> Tensor:
    """How many coefficients each order visits before the first unknown one: ``(orders, batch)``."""
    return torch.stack([flatten_events(torch.where(mask, len(order), order.rank)).amin(1) for order in orders])


def _prefix_log_prob(
    model: AutoregressiveModel, evidence: Evidence, context: Tensor | None, order: Order, first: Tensor
) -> Tensor:
    parts = split_batch(evidence.value, context)
    known = torch.cat([model.conditionals(*part, order=order).log_prob(part[0]) for part in parts])
    return flatten_events(torch.where(order.mask_before(first), known, 0.0)).sum(1)


def _grouped(orders: Sequence[Order], chosen: Tensor) -> Grouped:
    return [((chosen == k).nonzero()[:, 0], orders[k]) for k in chosen.unique().tolist()]
