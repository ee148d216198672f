"""Likelihood of a model on held-out events: nats per event, bits per dimension, perplexity per coefficient."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float, Real
from torch import Tensor

from tensorar import objective, observed, validation
from tensorar.dataset import Dataset
from tensorar.errors import SpecError
from tensorar.events import Events, ObservedEvents
from tensorar.evidence import Evidence
from tensorar.finiteness import check_likelihoods
from tensorar.model import AutoregressiveModel
from tensorar.order import Order
from tensorar.training.batches import keyed_generator
from tensorar.training.likelihood import Likelihood
from tensorar.training.over_orders import OverOrders, nats_over_orders
from tensorar.utils.shapes import rows_of, split_batch
from tensorar.utils.timing import least_seconds

# likelihoods of evidence backbones that take longer are estimated by default
MAX_EXACT_SECONDS = 60.0
# fewer network evaluations than this are made without timing some; of more, these many are timed
UNTIMED_EVALUATIONS, TIMED_EVENTS, TIMED_PREFIXES = 20_000, 16, 16
# of events with a network evaluation for each of their coefficients, so that progress is shown
EXACT_EVENTS_PER_CHUNK = 10
EVENTS_PER_CHUNK = 100
# what has likelihoods: events, or what was observed of them, in memory or not
Scored = Events | Evidence | ObservedEvents


def evaluate(
    model: AutoregressiveModel,
    events: Scored,
    contexts: Float[Tensor, "n context"] | None = None,
    *,
    dataset: Dataset | None = None,
    exact: bool | None = None,
    samples_per_event: int = 16,
    orders: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int, float], None] | None = None,
) -> Likelihood:
    """The likelihood of events under a model, which is put in evaluation mode.

    For causal backbones it is exact. With evidence backbones, ``exact`` evaluates all ``N`` prefixes of an event;
    otherwise ``samples_per_event`` of them are sampled for an unbiased estimate. The default is exact where that takes
    under a minute, by the time that a few network evaluations take. Under an adaptive ordering it is exact: a pass for
    each coefficient. ``progress(done, events, nats_so_far)`` is called after every chunk.

    With ``orders``, for an ordering that varies, events are evaluated exactly in so many orders drawn with the seed;
    the likelihood is that of the mixture of these orders, and ``over_orders`` has their mean too. ``progress`` then
    counts pairs of an event and an order, and reports the mean.

    Of events with missing values (``Evidence``), the likelihood of what was observed (``model.log_prob``).

    Raises ``SupportError`` when the head does not accept the events, or where a causal network of a fixed order would
    have to visit what is missing; ``SpecError`` for orders of an ordering that does not vary, and for missing values
    under an adaptive one; ``NumericalError`` for likelihoods that are not finite.
    """
    model.eval()
    size = len(model.order)
    drawn = None if orders is None else _drawn_orders(model, orders, seed, exact)
    check_evaluable(model, events)
    seconds = exact_seconds(model, events, contexts) if exact is None and drawn is None else None
    wanted = exact if seconds is None else seconds <= MAX_EXACT_SECONDS
    exact = drawn is not None or is_exact(model, events, contexts, wanted)
    report = progress or (lambda *_: None)
    over_orders = None
    if drawn is None:
        nats = nats_by_event(
            model, events, contexts, exact=exact, samples_per_event=samples_per_event, seed=seed, progress=report
        )
    else:
        total = len(events) * len(drawn)
        nats, mean = nats_over_orders(
            model, _checked_chunks(model, events, contexts), drawn, lambda done, so_far: report(done, total, so_far)
        )
        over_orders = OverOrders.of(len(drawn), nats, mean)
    check_likelihoods(nats, model.backbone)
    exact_nats = None if dataset is None else data_nats(dataset, events)
    likelihood = Likelihood.of(
        nats,
        size,
        exact=exact,
        data_nats=exact_nats,
        over_orders=over_orders,
        observed=mean_observed(events),
    )
    return likelihood if exact else replace(likelihood, exact_seconds=seconds)


def exact_seconds(model: AutoregressiveModel, events: Scored, contexts: Tensor | None) -> float:
    """About what exact likelihoods under an evidence backbone take, by the time of a few conditionals; 0 if little."""
    evaluations = len(events) * len(model.order)
    if evaluations <= UNTIMED_EVALUATIONS or never_estimated(model) or model.ordering.adaptive:
        return 0.0
    some = next(split_batch(events, contexts, TIMED_EVENTS))
    check_evaluable(model, some[0])
    generator, repeats = keyed_generator(0, "timing"), evaluations / (len(some[0]) * TIMED_PREFIXES)

    def timing() -> float:
        started = time.perf_counter()
        event_nats(model, *some, exact=False, samples=TIMED_PREFIXES, generator=generator)
        return time.perf_counter() - started

    # the first one is also that of plans, which are made once
    return repeats * least_seconds(timing, enough=MAX_EXACT_SECONDS / repeats)


def is_exact(
    model: AutoregressiveModel,
    events: Scored,
    contexts: Tensor | None = None,
    exact: bool | None = None,
    *,
    times: int = 1,
) -> bool:
    """Whether to compute exact likelihoods of events, so many times: by default where that takes under a minute."""
    wanted = times * exact_seconds(model, events, contexts) <= MAX_EXACT_SECONDS if exact is None else exact
    return wanted or never_estimated(model) or model.ordering.adaptive


def nats_by_event(
    model: AutoregressiveModel,
    events: Scored,
    contexts: Float[Tensor, "n context"] | None = None,
    *,
    exact: bool,
    samples_per_event: int = 16,
    orders: Sequence[Order] = (),
    seed: int = 0,
    progress: Callable[[int, int, float], None] = lambda *_: None,
) -> Float[Tensor, " n"]:
    """The nats of each event, whose mean is that of ``evaluate``; the model is in evaluation mode already.

    Estimates are in the model's order, or with ``orders`` of the mean over these. Those with one seed use the same
    prefixes for every model of the same events.
    """
    generator = keyed_generator(seed, "evaluation")
    scored: list[Tensor] = []
    many_passes = exact and not (model.is_causal or model.ordering.adaptive)
    at_once = EXACT_EVENTS_PER_CHUNK if many_passes else EVENTS_PER_CHUNK
    for chunk in _checked_chunks(model, events, contexts, at_once):
        scored.append(
            event_nats(model, *chunk, exact=exact, samples=samples_per_event, generator=generator, over=orders)
        )
        done = torch.cat(scored)
        progress(len(done), len(events), float(done.mean()))
    return torch.cat(scored)


def _drawn_orders(model: AutoregressiveModel, orders: int, seed: int, exact: bool | None) -> tuple[Order, ...]:
    if exact is False:
        raise SpecError(
            expected="exact likelihoods in several orders",
            got="exact=False",
            remedy="leave out the estimate, or the number of orders; fewer events are faster too",
        )
    return model.draw_orders(orders, seed)


def check_evaluable(model: AutoregressiveModel, events: Scored) -> None:
    """Raise ``ShapeError`` or ``SupportError`` unless the events have a likelihood; stored ones when they are read."""
    if not isinstance(events, Tensor | Evidence):
        return
    values = events.value if isinstance(events, Evidence) else events
    known = events.mask if isinstance(events, Evidence) else None
    validation.check_event_shape(model, values)
    coefficients = model.coefficients.to(values.device)
    model.head.check(values, coefficients=coefficients, known=known, what="the data", dtype=model.dtype)
    if known is not None:
        observed.require_missing_last(model, known.to(model.device), model.orders)


def _checked_chunks(
    model: AutoregressiveModel, events: Scored, contexts: Tensor | None, size: int = EVENTS_PER_CHUNK
) -> Iterator[tuple[Tensor | Evidence, Tensor | None]]:
    """Chunks of events; stored ones are checked when they are read."""
    for x, context in split_batch(events, contexts, size):
        if not isinstance(events, Tensor | Evidence):
            check_evaluable(model, x)
        yield x, context


def data_nats(dataset: Dataset, events: Scored) -> float | None:
    """The mean nats of events under the process that generated them, if it is known and nothing may be missing."""
    known = dataset.log_prob(events) if isinstance(events, Tensor) else None
    return None if known is None else -float(known.double().mean())


def mean_observed(events: Scored) -> float | None:
    """The mean number of observed coefficients of events with missing values, None for complete events."""
    if isinstance(events, Evidence):
        return float(events.counts.double().mean())
    if not isinstance(events, ObservedEvents):
        return None
    counts = [events[rows].counts for rows in torch.arange(len(events)).split(EVENTS_PER_CHUNK)]
    return float(torch.cat(counts).double().mean())


def never_estimated(model: AutoregressiveModel) -> bool:
    """Whether likelihoods are always exact: one pass suffices, or no cheaper estimate is unbiased.

    For an ensemble, sampled prefixes would estimate the mean over its orders, not their mixture.
    """
    return model.is_causal or len(model.orders) > 1


@torch.no_grad()
def event_nats(
    model: AutoregressiveModel,
    x: Real[Tensor, "batch *event"] | Evidence,
    context: Float[Tensor, "batch context"] | None = None,
    *,
    exact: bool,
    samples: int,
    generator: torch.Generator | None,
    order: Order | None = None,
    over: Sequence[Order] = (),
) -> Float[Tensor, " batch"]:
    """The negative log-likelihood of each event in nats, exact or estimated from ``samples`` prefixes of each.

    ``order`` is that of ``log_prob``; estimates are those in ``model.order``, or of the mean ``over`` some orders.
    """
    if exact:
        return -model.log_prob(x, context, order=order).cpu()
    # steps are stratified over the batch; the copies of an event lie far apart, so over its copies too
    copies = torch.arange(len(x)).repeat(samples)
    context = rows_of(validation.check_context(model, context, len(x)), copies)
    if isinstance(x, Evidence):
        estimate = observed.estimated_nats(model, validation.check_evidence(model, x)[copies], context, generator, over)
    else:
        estimate = objective.estimated_nats(model, validation.check_events(model, x)[copies], context, generator, over)
    by_copy: Tensor = estimate.unflatten(0, (samples, -1))
    return by_copy.mean(0).cpu()
