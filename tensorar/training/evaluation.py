"""How good a model is: nats per event, bits per dimension, perplexity per coefficient, and how sure that is."""

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
from tensorar.model import AutoregressiveModel
from tensorar.training.batches import keyed_generator

# network evaluations above which evidence backbones are estimated rather than run through every prefix
EXACT_UP_TO = 1_000_000


@dataclass(frozen=True)
class Likelihood:
    """The mean negative log-likelihood over some events.

    ``nats`` per event with its ``standard_error`` over the events; ``exact`` says whether each event's likelihood is
    exact or an unbiased estimate; ``data_nats`` is the exact value under the process that made the data, where known.
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
        """From the nats of every event, of ``size`` coefficients each."""
        mean = float(nats.double().mean())
        error = float(nats.double().std(correction=1)) / math.sqrt(len(nats)) if len(nats) > 1 else math.nan
        per_coefficient = mean / size
        perplexity = math.exp(per_coefficient) if per_coefficient < 700 else math.inf
        return cls(mean, error, per_coefficient / math.log(2), perplexity, len(nats), exact, data_nats)

    def as_dict(self) -> dict[str, Any]:
        """All numbers by name, for JSON (which knows no NaN or infinity: None there)."""
        return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(self).items()}


def evaluate(
    model: AutoregressiveModel,
    events: Real[Tensor, "n *event"],
    contexts: Float[Tensor, "n context"] | None = None,
    *,
    dataset: Dataset | None = None,
    exact: bool | None = None,
    evidences: int = 16,
    seed: int = 0,
    progress: Callable[[int, int, float], None] | None = None,
) -> Likelihood:
    """The likelihood of events under a model, which is put in evaluation mode.

    Causal backbones are exact. Evidence backbones are run through all ``N`` prefixes where ``exact``, else each event
    is estimated from ``evidences`` of them; unless said, exact up to a million network evaluations.
    ``progress(done, events, nats_so_far)`` is called after every chunk.
    """
    model.eval()
    size = len(model.order)
    if exact is None:
        exact = len(events) * size <= EXACT_UP_TO
    exact = exact or never_estimated(model)
    model.head.check(events, what="the data", dtype=model.dtype)
    generator = keyed_generator(seed, "evaluation")
    nats: list[Tensor] = []
    for chunk in chunks(events, contexts):
        nats.append(event_nats(model, *chunk, exact=exact, evidences=evidences, generator=generator))
        if progress is not None:
            done = torch.cat(nats)
            progress(len(done), len(events), float(done.mean()))
    known = None if dataset is None else dataset.log_prob(events)
    data_nats = None if known is None else -float(known.double().mean())
    return Likelihood.of(torch.cat(nats), size, exact=exact, data_nats=data_nats)


def never_estimated(model: AutoregressiveModel) -> bool:
    """Whether a likelihood is always exact: it costs one pass, or nothing less would be unbiased.

    An estimate of the mean over an ensemble's orders is none of their mixture.
    """
    return model.is_causal or len(model.orders) > 1


def chunks(events: Tensor, contexts: Tensor | None, size: int = 100) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Some events at a time, with their contexts."""
    some_contexts = repeat(None) if contexts is None else contexts.split(size)
    yield from zip(events.split(size), some_contexts, strict=False)


@torch.no_grad()
def event_nats(
    model: AutoregressiveModel,
    x: Real[Tensor, "batch *event"],
    context: Float[Tensor, "batch context"] | None = None,
    *,
    exact: bool,
    evidences: int,
    generator: torch.Generator | None,
) -> Float[Tensor, " batch"]:
    """The negative log-likelihood of each event in nats, exact or estimated from ``evidences`` prefixes of each."""
    if exact:
        return -model.log_prob(x, context).cpu()
    x, context = validation.check_examples(model, x, context)
    repeated = torch.cat([x] * evidences)
    contexts = None if context is None else torch.cat([context] * evidences)
    # steps are stratified over the batch, and so, the copies of an event lying far apart, over its copies
    estimate = objective.estimated_nats(model, repeated, contexts, generator)
    by_copy: Tensor = estimate.unflatten(0, (evidences, -1))
    return by_copy.mean(0).cpu()
