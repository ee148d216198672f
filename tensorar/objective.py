"""The training objective: the exact negative log-likelihood, or an unbiased estimate from one prefix per event."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from tensorar.backbone import CausalBackbone, EvidenceBackbone
from tensorar.conditionals import all_conditionals
from tensorar.evidence import Evidence
from tensorar.factorization import Factorization
from tensorar.ordering import Ordering
from tensorar.utils.shapes import flatten_events


def loss_per_event(
    model: Factorization,
    x: Float[Tensor, "batch *event"],
    context: Float[Tensor, "batch context"] | None,
    generator: torch.Generator | None,
    progress: float = 0.0,
) -> Float[Tensor, " batch"]:
    """Nats per event (standard values ``x``) under an order drawn from the ordering, exact or estimated without bias.

    ``progress`` is the fraction of the training that is done, which decides what a curriculum draws. A causal backbone
    draws one order for the batch, an evidence backbone one for each event.

    The estimate uses one prefix per example, of a length ``t`` stratified over the batch: ``N`` times the nats of the
    coefficient visited at ``t``. If one call gives all conditionals and the ordering is uniform, so that every unknown
    coefficient is equally likely to be next, it is ``N / (N - t)`` times the sum over the unknown ones, which has the
    same mean and less variance (Uria et al. 2014; Hoogeboom et al. 2022, eq. 4).
    """
    ordering = model.ordering.for_batch(progress, generator)
    return -model.in_data_units(_standard_log_prob(model, x, context, ordering, generator), x)


def _standard_log_prob(
    model: Factorization, x: Tensor, context: Tensor | None, ordering: Ordering, generator: torch.Generator | None
) -> Tensor:
    backbone = model.backbone
    if isinstance(backbone, CausalBackbone):
        always = ordering is model.ordering and ordering.fixed  # on the device already
        order = model.order if always else ordering.draw(model.event_shape, generator).to(x.device)
        parameters = all_conditionals(backbone, model.features(x), order, context, checked=True)
        return flatten_events(model.log_prob_of(parameters, x)).sum(1)
    assert isinstance(backbone, EvidenceBackbone)
    t = stratified_steps(len(x), len(model.order), generator).to(x.device)
    ranks = ordering.draw_ranks(model.event_shape, len(x), generator).to(x.device)
    if backbone.dense and ordering.uniform:
        return _all_unknown(model, x, ranks >= t[:, None], context)
    return _next_one(model, x, ranks, t, context)


def estimated_nats(
    model: Factorization,
    x: Float[Tensor, "batch *event"],
    context: Float[Tensor, "batch context"] | None,
    generator: torch.Generator | None,
) -> Float[Tensor, " batch"]:
    """An unbiased estimate of ``-log_prob`` of standard values in the model's own order, from one evidence each."""
    assert isinstance(model.backbone, EvidenceBackbone)
    t = stratified_steps(len(x), len(model.order), generator).to(x.device)
    ranks = model.order.rank.flatten().expand(len(x), -1)
    return -model.in_data_units(_next_one(model, x, ranks, t, context), x)


def stratified_steps(
    batch: int, steps: int | Int[Tensor, " batch"], generator: torch.Generator | None = None
) -> Int[Tensor, " batch"]:
    """A step for each example, each uniform on ``0 .. steps - 1``, evenly spread over the batch.

    ``steps`` may differ between the examples.

    >>> sorted(stratified_steps(4, 4).tolist())
    [0, 1, 2, 3]
    """
    spread = (torch.rand((), generator=generator, dtype=torch.float64) + torch.arange(batch) / batch) % 1.0
    limit = torch.as_tensor(steps)
    return torch.minimum((spread * limit).long(), limit - 1)


def _next_one(model: Factorization, x: Tensor, ranks: Tensor, t: Tensor, context: Tensor | None) -> Tensor:
    """``N`` times the log-probability of the coefficient visited at step ``t``."""
    query = (ranks == t[:, None]).int().argmax(1)
    parameters = _query(model, x, ranks < t[:, None], query[:, None], context)[:, 0]
    value = flatten_events(x).gather(1, query[:, None])[:, 0]
    return len(model.order) * model.log_prob_of(parameters, value, query)


def _all_unknown(model: Factorization, x: Tensor, unknown: Tensor, context: Tensor | None) -> Tensor:
    """``N / (N - t)`` times the log-probability of all unknown coefficients."""
    n = len(model.order)
    everything = torch.arange(n, device=x.device).expand(len(x), n)
    parameters = _query(model, x, ~unknown, everything, context)
    log_prob = model.log_prob_of(parameters, flatten_events(x), everything)
    return n / unknown.sum(1) * torch.where(unknown, log_prob, 0.0).sum(1)


def _query(model: Factorization, x: Tensor, known: Tensor, query: Tensor, context: Tensor | None) -> Tensor:
    return model.query(Evidence(known.reshape(x.shape), x), query, model.order, context)
