"""Likelihood of a model on held-out events: nats per event, bits per dimension, perplexity per coefficient."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import repeat
from typing import Any

import torch
from jaxtyping import Float, Real
from torch import Tensor

from tensorar import objective, validation
from tensorar.dataset import Dataset
from tensorar.finiteness import check_likelihoods
from tensorar.model import AutoregressiveModel
from tensorar.order import Order
from tensorar.training.batches import keyed_generator

# with more network evaluations than this, likelihoods of evidence backbones are estimated by default
MAX_EXACT_EVALUATIONS = 1_000_000
EVENTS_PER_CHUNK = 100


@dataclass(frozen=True)
class Likelihood:
    """The mean negative log-likelihood over some events.

    ``nats`` per event, with the ``standard_error`` over the events. ``exact``: likelihoods of events are exact, else
    unbiased estimates. ``data_nats``: the exact value under the process that generated the data, if it is known.
    """

    nats: float
    standard_error: float
    bits_per_dim: float
    perplexity: float
    events: int
    exact: bool
    data_nats: float | None = None

    @classmethod
    def of(cls, nats: Float[Tensor, " events"], size: int, *, exact: bool, data_nats: float | None) -> Likelihood:
        """The likelihood from the nats of every event, each with ``size`` coefficients."""
        mean = float(nats.double().mean())
        error = float(nats.double().std(correction=1)) / math.sqrt(len(nats)) if len(nats) > 1 else math.nan
        per_coefficient = mean / size
        perplexity = math.exp(per_coefficient) if per_coefficient < 700 else math.inf
        return cls(mean, error, per_coefficient / math.log(2), perplexity, len(nats), exact, data_nats)

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, with None for NaN and infinity, which JSON does not have."""
        return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(self).items()}


def evaluate(
    model: AutoregressiveModel,
    events: Real[Tensor, "n *event"],
    contexts: Float[Tensor, "n context"] | None = None,
    *,
    dataset: Dataset | None = None,
    exact: bool | None = None,
    samples_per_event: int = 16,
    seed: int = 0,
    progress: Callable[[int, int, float], None] | None = None,
) -> Likelihood:
    """The likelihood of events under a model, which is put in evaluation mode.

    For causal backbones it is exact. With evidence backbones, ``exact`` evaluates all ``N`` prefixes of an event;
    otherwise ``samples_per_event`` of them are sampled for an unbiased estimate. The default is exact up to a million
    network evaluations. Under an adaptive ordering it is exact: a pass for each coefficient.
    ``progress(done, events, nats_so_far)`` is called after every chunk. Raises ``SupportError`` when the head does not
    accept the events, ``NumericalError`` for likelihoods that are not finite.
    """
    model.eval()
    size = len(model.order)
    if exact is None:
        exact = len(events) * size <= MAX_EXACT_EVALUATIONS
    exact = exact or never_estimated(model) or model.ordering.adaptive
    validation.check_event_shape(model, events)
    coefficients = model.coefficients.to(events.device)
    model.head.check(events, coefficients=coefficients, what="the data", dtype=model.dtype)
    generator = keyed_generator(seed, "evaluation")
    nats: list[Tensor] = []
    for chunk in chunks(events, contexts):
        nats.append(event_nats(model, *chunk, exact=exact, samples=samples_per_event, generator=generator))
        if progress is not None:
            done = torch.cat(nats)
            progress(len(done), len(events), float(done.mean()))
    check_likelihoods(torch.cat(nats), model.backbone)
    known = None if dataset is None else dataset.log_prob(events)
    data_nats = None if known is None else -float(known.double().mean())
    return Likelihood.of(torch.cat(nats), size, exact=exact, data_nats=data_nats)


def never_estimated(model: AutoregressiveModel) -> bool:
    """Whether likelihoods are always exact: one pass suffices, or no cheaper estimate is unbiased.

    For an ensemble, sampled prefixes would estimate the mean over its orders, not their mixture.
    """
    return model.is_causal or len(model.orders) > 1


def chunks(
    events: Tensor, contexts: Tensor | None, size: int = EVENTS_PER_CHUNK
) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Batches of ``size`` events, with their contexts."""
    context_chunks = repeat(None) if contexts is None else contexts.split(size)
    yield from zip(events.split(size), context_chunks, strict=False)


@torch.no_grad()
def event_nats(
    model: AutoregressiveModel,
    x: Real[Tensor, "batch *event"],
    context: Float[Tensor, "batch context"] | None = None,
    *,
    exact: bool,
    samples: int,
    generator: torch.Generator | None,
    order: Order | None = None,
) -> Float[Tensor, " batch"]:
    """The negative log-likelihood of each event in nats, exact or estimated from ``samples`` prefixes of each.

    ``order`` is that of ``log_prob``; estimates are always of ``model.order``.
    """
    if exact:
        return -model.log_prob(x, context, order=order).cpu()
    x, context = validation.check_examples(model, x, context)  # standard values
    repeated = torch.cat([x] * samples)
    contexts = None if context is None else torch.cat([context] * samples)
    # steps are stratified over the batch; the copies of an event lie far apart, so over its copies too
    estimate = objective.estimated_nats(model, repeated, contexts, generator)
    by_copy: Tensor = estimate.unflatten(0, (samples, -1))
    return by_copy.mean(0).cpu()
