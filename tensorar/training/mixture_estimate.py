"""The likelihood of a mixture of orders on all events, from their mean on all and the mixture on some."""

from __future__ import annotations

import math
from dataclasses import replace

from tensorar.errors import SpecError
from tensorar.model import AutoregressiveModel
from tensorar.training.evaluation import never_estimated
from tensorar.training.likelihood import Likelihood
from tensorar.training.over_orders import OverOrders


def check_mixture_events(
    model: AutoregressiveModel, mixture_events: int | None, orders: int | None, exact: bool | None
) -> None:
    """Raise ``SpecError`` for a number of events that would be ignored, or spare nothing."""
    if mixture_events is None:
        return
    if orders is None:
        raise SpecError(
            expected="`mixture_events` together with `orders`", got=str(mixture_events), remedy="add the orders"
        )
    if exact:
        raise SpecError(
            expected="an estimate, which `mixture_events` gives", got="exact", remedy="leave one of them out"
        )
    if never_estimated(model):
        raise SpecError(
            expected="`mixture_events` of an evidence backbone, whose likelihoods take a pass for each coefficient",
            got=f"{model.backbone.name}, which is evaluated exactly",
            remedy="leave it out; fewer events are faster",
        )


def mixture_of_all(every: Likelihood, some: Likelihood) -> Likelihood:
    """The mixture's nats on all events: the mean over orders there, less what mixing gains on some of the events.

    ``every``: an estimate of the mean over random orders on all events; ``some``: the mixture on a random part of
    them. The gain varies much less between events than the nats do, so that few events give it (a control variate).
    The standard error adds those of the two as if they were independent.
    """
    over = some.over_orders
    assert over is not None
    gain, size = over.mean_nats - over.mixture_nats, every.nats / every.bits_per_dim
    nats, error = every.nats - gain, math.hypot(every.standard_error, over.gain_standard_error)
    estimated = OverOrders(
        over.orders, nats, error, every.nats, every.standard_error, over.gain_standard_error, some.events
    )
    return replace(
        every,
        nats=nats,
        standard_error=error,
        bits_per_dim=nats / size,
        perplexity=every.perplexity ** (nats / every.nats),
        over_orders=estimated,
        exact=False,
    )
