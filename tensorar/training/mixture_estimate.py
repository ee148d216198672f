"""The likelihood of a mixture of orders on all events, from their mean on all and the mixture on some."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from jaxtyping import Float
from torch import Tensor

from tensorar.dataset import Dataset
from tensorar.errors import SpecError
from tensorar.finiteness import check_likelihoods
from tensorar.model import AutoregressiveModel
from tensorar.training.evaluation import (
    Scored,
    check_evaluable,
    data_nats,
    mean_observed,
    nats_by_event,
    never_estimated,
)
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


def estimated_mean(
    model: AutoregressiveModel,
    events: Scored,
    contexts: Float[Tensor, "n context"] | None,
    *,
    dataset: Dataset | None = None,
    orders: int,
    samples_per_event: int,
    seed: int,
    progress: Callable[[int, int, float], None] | None = None,
) -> Likelihood:
    """An estimate of the mean over the random orders of a seed, from prefixes of each event, in an order each.

    The arguments, and what is raised, are those of ``evaluate``.
    """
    model.eval()
    check_evaluable(model, events)
    nats = nats_by_event(
        model,
        events,
        contexts,
        exact=False,
        samples_per_event=samples_per_event,
        orders=model.draw_orders(orders, seed),
        seed=seed,
        progress=progress or (lambda *_: None),
    )
    check_likelihoods(nats, model.backbone)
    exact_nats = None if dataset is None else data_nats(dataset, events)
    return Likelihood.of(nats, len(model.order), exact=False, data_nats=exact_nats, observed=mean_observed(events))


def mixture_of_all(every: Likelihood, some: Likelihood) -> Likelihood:
    """The mixture's nats on all events: the mean over orders there, less what mixing gains on some of the events.

    ``every``: ``estimated_mean`` of all events; ``some``: the mixture of the same orders on a random part of them. The
    gain varies much less between events than the nats do, so that few events give it (a control variate).
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
