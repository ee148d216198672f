"""Likelihoods over several orders of one model: their mean, which is a bound, and their mixture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from tensorar import ensemble
from tensorar.evidence import Evidence
from tensorar.model import AutoregressiveModel
from tensorar.order import Order
from tensorar.utils.statistics import standard_error
from tensorar.utils.words import counted


@dataclass(frozen=True)
class OverOrders:
    """Negative log-likelihoods over ``orders`` random orders, in nats per event, with standard errors over the events.

    ``mixture_nats``: of the model that picks one of these orders for each event, the logarithm of the mean likelihood.
    ``mean_nats``: the mean over the orders of their nats, which is never less. Uria, Murray, Larochelle 2014, "A Deep
    and Tractable Density Estimator", section 4.2 (EoNADE). ``gain_standard_error``: that of the difference of the two.
    ``mixture_events``: the number of events that the gain was measured on, None for all.
    """

    orders: int
    mixture_nats: float
    mixture_standard_error: float
    mean_nats: float
    mean_standard_error: float
    gain_standard_error: float
    mixture_events: int | None = None

    @classmethod
    def of(cls, orders: int, mixture: Float[Tensor, " events"], mean: Float[Tensor, " events"]) -> OverOrders:
        """From the nats of every event."""
        means, errors = (float(mixture.mean()), float(mean.mean())), (standard_error(mixture), standard_error(mean))
        return cls(orders, means[0], errors[0], means[1], errors[1], standard_error(mean - mixture))


@torch.no_grad()
def nats_over_orders(
    model: AutoregressiveModel,
    chunks: Iterable[tuple[Tensor | Evidence, Tensor | None]],
    orders: Sequence[Order],
    report: Callable[[int, float], None],
) -> tuple[Float[Tensor, " events"], Float[Tensor, " events"]]:
    """The exact nats of every event: of the mixture of these orders, and their mean over the orders.

    ``report(done, nats_so_far)`` is called after each order of each chunk, with the number of pairs of an event and an
    order that are done, and their mean.
    """
    mixture, mean, done, total = [], [], 0, 0.0
    for x, context in chunks:
        members = []
        for order in orders:
            members.append(model.log_prob(x, context, order=order).double().cpu())
            done, total = done + len(x), total - float(members[-1].sum())
            report(done, total / done)
        mixture.append(-ensemble.mixture_log_prob(members))
        mean.append(-torch.stack(members).mean(0))
    return torch.cat(mixture), torch.cat(mean)


def cost_of_orders(model: AutoregressiveModel, events: int, orders: int) -> str:
    """What the likelihoods of events under so many orders take, in one line."""
    pairs, each = orders * events, len(model.order)
    passes = pairs if model.is_causal else pairs * each
    what = "passes of the network" if model.is_causal else f"conditionals, {each:,} for each event and order"
    return f"{counted(orders, 'order')} of {counted(events, 'event')}: {passes:,} {what}"
